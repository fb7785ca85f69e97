package es

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// fakeBackend is a cluster of nothing in real time: what the runner sees of it is what
// a test says, and everything that it is asked is remembered.
type fakeBackend struct {
	clock clock.Clock
	// status is the health that it shows from the start; "" shows none.
	status string
	// crowd is how many observations per process come at the same time as all else.
	crowd int
	// failing makes an action ("kill n2", "load", "background") an error.
	failing string
	// reached, when set, is called before every action.
	reached func(action string)

	mu      sync.Mutex
	actions []string
	down    map[string]bool
	closed  int
}

var _ scenarios.Backend = (*fakeBackend)(nil)
var _ scenarios.Cluster = (*fakeBackend)(nil)

func newFakeBackend() *fakeBackend {
	return &fakeBackend{clock: clock.NewReal(1), status: "green", down: map[string]bool{}}
}

func (f *fakeBackend) do(action string) error {
	if f.reached != nil {
		f.reached(action)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.actions = append(f.actions, action)
	if f.failing == action {
		return fmt.Errorf("can't %s", action)
	}
	return nil
}

func (f *fakeBackend) did() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.actions, ", ")
}

func (f *fakeBackend) Name() string { return "fake" }
func (f *fakeBackend) Start(context.Context, scenarios.ClusterSpec, scenarios.StartOptions) (scenarios.Cluster, error) {
	return f, f.do("start")
}

func (f *fakeBackend) Run(ctx context.Context, main func(run, cleanup context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return main(ctx, context.WithoutCancel(ctx))
}

func (f *fakeBackend) Clock(string) clock.Clock                     { return f.clock }
func (f *fakeBackend) Transport(string) http.RoundTripper           { return f }
func (f *fakeBackend) URL(_, node string) string                    { return "http://" + node }
func (f *fakeBackend) Nodes() []string                              { return []string{"n1", "n2", "n3"} }
func (f *fakeBackend) LoadData(context.Context, []IndexSpec) error  { return f.do("load") }
func (f *fakeBackend) Release(context.Context) error                { return f.do("release") }
func (f *fakeBackend) Background(context.Context, []LoadSpec) error { return f.do("background") }
func (f *fakeBackend) Traffic() observed.Traffic                    { return observed.Traffic{Acked: 1} }
func (f *fakeBackend) Notes() []string                              { return []string{"nothing is real"} }
func (f *fakeBackend) Counters() (events, traceHash uint64)         { return 0, 0 }
func (f *fakeBackend) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("nobody answers")
}
func (f *fakeBackend) Close(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed++
	return nil
}

func (f *fakeBackend) Observe(ctx context.Context, sink func(observed.Observation)) error {
	nodes := observed.Members{Master: "n1", Nodes: f.Nodes()}
	sink(observed.Observation{At: f.clock.Monotonic(), Sight: nodes})
	if f.status != "" {
		sink(observed.Observation{At: f.clock.Monotonic(), Sight: observed.Health{Status: f.status, Master: true}})
	}
	f.clock.Go(ctx, "observer", func(ctx context.Context) {
		for range f.crowd {
			sink(observed.Observation{At: f.clock.Monotonic(), Sight: observed.Health{Status: f.status, Master: true}})
			if f.clock.Sleep(ctx, time.Millisecond) != nil {
				return
			}
		}
	})
	return nil
}

func (f *fakeBackend) Target() chaos.Target { return chaos.Target{Processes: fakeProcesses{f}} }
func (f *fakeBackend) Offers(context.Context, scenarios.ClusterSpec) (chaos.Target, error) {
	return f.Target(), nil
}

// fakeProcesses are its nodes.
type fakeProcesses struct{ f *fakeBackend }

func (p fakeProcesses) set(action, node string, down bool) error {
	if err := p.f.do(action + " " + node); err != nil {
		return err
	}
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.down[node] = down
	return nil
}

func (p fakeProcesses) Kill(_ context.Context, n string) error   { return p.set("kill", n, true) }
func (p fakeProcesses) Stop(_ context.Context, n string) error   { return p.set("stop", n, true) }
func (p fakeProcesses) Pause(_ context.Context, n string) error  { return p.set("pause", n, true) }
func (p fakeProcesses) Resume(_ context.Context, n string) error { return p.set("resume", n, false) }

// Start implements [chaos.Processes].
func (p fakeProcesses) Start(_ context.Context, n string) error { return p.set("start", n, false) }

// State implements [chaos.Processes].
func (p fakeProcesses) State(_ context.Context, n string) (chaos.ProcessState, error) {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	if p.f.down[n] {
		return chaos.Exited, nil
	}
	return chaos.Running, nil
}
