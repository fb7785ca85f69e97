package es

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es/client"
	"github.com/shardquake/shardquake/scenarios/observed"
)

const (
	// lookLimit bounds one look-up.
	lookLimit = 10 * time.Second
	// verifyLimit bounds the search for all acknowledged documents at the end.
	verifyLimit = time.Minute
)

// tracers writes single documents and remembers which were acknowledged.
type tracers struct {
	clock     clock.Clock
	transport http.RoundTripper
	nodes     []client.Node
	client    *client.Client
	slow      time.Duration

	mu       sync.Mutex // held for moments only, never while waiting
	acked    []tracerDoc
	ops      []observed.TracerOp
	sum      observed.TracerSummary
	inFault  func() bool
	progress func(format string, args ...any)
	zero     time.Duration // clock's monotonic time at t=0
}

type tracerDoc struct{ index, id string }

func newTracers(r host, c Cluster) *tracers {
	spec := r.Scenario().Client
	t := &tracers{
		clock: r.Clock(), zero: r.Zero(), transport: c.Transport(scenarios.ViewerClient), inFault: r.FaultInForce, progress: r.Progress, slow: spec.Slow.D(),
	}
	for _, n := range c.Nodes() {
		t.nodes = append(t.nodes, client.Node{Name: n, URL: c.URL(scenarios.ViewerClient, n)})
	}
	t.client = client.New(client.Config{Clock: t.clock, Transport: t.transport, Nodes: t.nodes, Spec: *spec})
	return t
}

// write sends a document at every tick, each in a process of its own so that a slow
// one does not hold up the next.
func (t *tracers) write(ctx context.Context, group clock.Group, w scenarios.LoadSection) {
	every := time.Duration(float64(time.Second) / float64(*w.Tracers))
	for n := 0; t.clock.Sleep(ctx, every) == nil; n++ {
		doc := tracerDoc{w.Index, fmt.Sprintf("tracer-%s-%d", w.Index, n)}
		group.Go(ctx, "tracer", func(ctx context.Context) { t.writeOne(ctx, doc, int64(n)) })
	}
}

func (t *tracers) writeOne(ctx context.Context, doc tracerDoc, n int64) {
	start := t.clock.Monotonic()
	body := fmt.Appendf(nil, `{"n":%d,"tracer":true}`, n)
	r := t.client.Do(ctx, http.MethodPut, "/"+doc.index+"/_doc/"+doc.id+"?timeout=5s", "application/json", body)
	op := observed.TracerOp{At: start, Latency: t.clock.Monotonic() - start, Result: r.Fate(), Cause: r.Cause, Requests: r.Requests}
	if r.Cause != "" {
		op.Node = r.Node
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if op.Result == observed.FateAcked {
		op.Slow = op.Latency > t.slow
		t.acked = append(t.acked, doc)
		if t.inFault() {
			t.sum.AckedInFault++
		}
	}
	t.ops = append(t.ops, op)
}

// call makes one request and reads the answer.
func (t *tracers) call(ctx context.Context, method string, n client.Node, path string) (int, []byte, error) {
	limited, cancel := t.clock.WithTimeout(ctx, lookLimit)
	defer cancel()
	return client.Send(limited, t.transport, n, method, path, "application/json", nil)
}

// verify looks for every acknowledged document. A look-up that gets no answer goes
// to the next node, until all are found, known to be missing, or time is up.
func (t *tracers) verify(ctx context.Context) error {
	limited, cancel := t.clock.WithTimeout(ctx, verifyLimit)
	defer cancel()
	if len(t.acked) > 0 {
		t.progress("looking for %d acknowledged documents", len(t.acked))
	}
	for start := 0; start < len(t.acked); start += mgetBatch {
		batch := t.acked[start:min(start+mgetBatch, len(t.acked))]
		if err := t.verifyBatch(limited, batch); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return nil // time is up; the expectation sees that not all were checked
		}
	}
	return nil
}

// mgetBatch is how many documents are looked for at once.
const mgetBatch = 50

// verifyBatch looks a batch up, each document by a request of its own, at once.
func (t *tracers) verifyBatch(ctx context.Context, batch []tracerDoc) error {
	group := t.clock.NewGroup()
	for i, doc := range batch {
		group.Go(ctx, "verify", func(ctx context.Context) { t.verifyOne(ctx, doc, i) })
	}
	return group.Wait(ctx)
}

func (t *tracers) verifyOne(ctx context.Context, doc tracerDoc, turn int) {
	for ; ctx.Err() == nil; turn++ {
		status, data, err := t.call(ctx, http.MethodGet, t.nodes[turn%len(t.nodes)], "/"+doc.index+"/_doc/"+doc.id)
		var answer struct {
			Found *bool `json:"found"`
		}
		if err != nil || (status != http.StatusOK && status != http.StatusNotFound) || json.Unmarshal(data, &answer) != nil || answer.Found == nil {
			if t.clock.Sleep(ctx, 200*time.Millisecond) != nil {
				return
			}
			continue
		}
		t.mu.Lock()
		t.sum.Checked++
		if !*answer.Found {
			t.sum.Lost++
			if len(t.sum.LostIDs) < observed.LostNamed {
				t.sum.LostIDs = append(t.sum.LostIDs, doc.index+"/"+doc.id)
			}
		}
		t.mu.Unlock()
		return
	}
}

// summary is the fate of all documents; times become those since t=0.
func (t *tracers) summary() observed.TracerSummary {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sum
	ops := make([]observed.TracerOp, len(t.ops))
	for i, op := range t.ops {
		op.At -= t.zero
		ops[i] = op
	}
	s.Follow(ops)
	return s
}
