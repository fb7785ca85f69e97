package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/es/client"
	"github.com/shardquake/shardquake/scenarios/observed"
)

const (
	// loadTick is how often a load sends: one request carries what is due.
	loadTick = 100 * time.Millisecond
	// loadInFlight bounds the requests under way of one load; what is due beyond that is
	// counted as failed, as a client with a full queue would.
	loadInFlight = 32
	// loadGrace is how long requests under way may go on when a load is stopped.
	loadGrace = 2 * time.Second
)

// Background implements [scenarios.Cluster]: open-loop clients that send at the rates
// given whatever the cluster does, over the client's links.
func (c *outside) Background(ctx context.Context, loads []es.LoadSpec) error {
	if c.load != nil {
		c.load.stop()
		c.load = nil
	}
	if len(loads) == 0 {
		return nil
	}
	generator := &loadGenerator{cluster: c, client: c.clientOf(&loads[0].Client)}
	for _, load := range loads {
		keys, err := c.shardKeys(ctx, load)
		if err != nil {
			return fmt.Errorf("load on %s: %w", load.Index, err)
		}
		generator.streams = append(generator.streams, loadStream{LoadSpec: load, keys: keys, cumulative: zipf(len(keys), load.Skew)})
	}
	generator.start(ctx)
	c.load = generator
	c.onClose(generator.stop)
	return nil
}

// Traffic implements [scenarios.Cluster].
func (c *outside) Traffic() observed.Traffic { return c.traffic.snapshot() }

// loadStream is one load with a routing key for each shard and the shards' cumulative
// shares of the operations.
type loadStream struct {
	es.LoadSpec
	keys       []string
	cumulative []float64
}

// pick chooses the routing key of an operation.
func (s *loadStream) pick(r *rand.Rand) string {
	x := r.Float64()
	for i, c := range s.cumulative {
		if x < c {
			return s.keys[i]
		}
	}
	return s.keys[len(s.keys)-1]
}

// zipf are cumulative shares proportional to 1/rank^exponent; exponent 0 is even.
func zipf(n int, exponent float64) []float64 {
	out := make([]float64, n)
	sum := 0.0
	for i := range out {
		sum += 1 / math.Pow(float64(i+1), exponent)
		out[i] = sum
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// shardKeys finds a routing key for each shard of the index by asking where candidates
// lead.
func (c *outside) shardKeys(ctx context.Context, load es.LoadSpec) ([]string, error) {
	var settings map[string]struct {
		Settings map[string]string `json:"settings"`
	}
	if err := c.rest.get(ctx, c.anyURL()+"/"+load.Index+"/_settings/index.number_of_shards?flat_settings=true", &settings); err != nil {
		return nil, err
	}
	var shards int
	if _, err := fmt.Sscan(settings[load.Index].Settings["index.number_of_shards"], &shards); err != nil {
		return nil, fmt.Errorf("number of shards: %w", err)
	}
	keys := make([]string, shards)
	for found, i := 0, 0; found < shards; i++ {
		if i > 200*shards {
			return nil, fmt.Errorf("no routing key leads to some of its %d shards", shards)
		}
		key := fmt.Sprintf("k%d", i)
		var answer struct {
			Shards [][]struct {
				Shard int `json:"shard"`
			} `json:"shards"`
		}
		if err := c.rest.get(ctx, c.anyURL()+"/"+load.Index+"/_search_shards?filter_path=shards.shard&routing="+key, &answer); err != nil {
			return nil, err
		}
		if len(answer.Shards) == 1 && len(answer.Shards[0]) > 0 {
			if shard := answer.Shards[0][0].Shard; shard < shards && keys[shard] == "" {
				keys[shard] = key
				found++
			}
		}
	}
	return keys, nil
}

// loadGenerator runs the streams.
type loadGenerator struct {
	cluster *outside
	streams []loadStream
	pause   context.CancelFunc // ends the pacing
	cancel  context.CancelFunc // ends the requests under way too
	done    sync.WaitGroup
	client  *client.Client
}

// clientOf is a client of the cluster's that behaves as a scenario says.
func (c *outside) clientOf(spec *scenarios.ClientSection) *client.Client {
	var nodes []client.Node
	for _, n := range c.Nodes() {
		nodes = append(nodes, client.Node{Name: n, URL: c.URL(scenarios.ViewerClient, n)})
	}
	return client.New(client.Config{Clock: c.clock, Transport: c.Transport(scenarios.ViewerClient), Nodes: nodes, Spec: *spec})
}

func (g *loadGenerator) start(parent context.Context) {
	requests, cancel := context.WithCancel(parent)
	pacing, pause := context.WithCancel(requests)
	g.cancel, g.pause = cancel, pause
	g.cluster.clock.Go(pacing, "client.sniff", g.client.Sniff)
	for i := range g.streams {
		s := &g.streams[i]
		g.pace(pacing, requests, fmt.Sprintf("write-%d", i), s.Writes, func(ctx context.Context, r *rand.Rand, n int) { g.write(ctx, s, r, n) },
			func(n int64) { g.cluster.traffic.wrote(outcome{failed: n}, 0) })
		g.pace(pacing, requests, fmt.Sprintf("read-%d", i), s.Reads, func(ctx context.Context, r *rand.Rand, n int) { g.read(ctx, s, r, n) },
			func(n int64) { g.cluster.traffic.read(0, n) })
	}
}

// stop ends the streams and waits for the requests under way, those that take too long
// excepted.
func (g *loadGenerator) stop() {
	g.pause()
	timer := time.AfterFunc(loadGrace, g.cancel)
	defer timer.Stop()
	g.done.Wait()
	g.cancel()
}

// pace calls send at every tick with the number of operations due since the last.
func (g *loadGenerator) pace(ctx, requests context.Context, name string, rate float64, send func(context.Context, *rand.Rand, int), refuse func(int64)) {
	if rate <= 0 {
		return
	}
	seed := g.cluster.opt.Seed
	slots := make(chan struct{}, loadInFlight)
	g.done.Add(1)
	g.cluster.clock.Go(ctx, name, func(ctx context.Context) {
		defer g.done.Done()
		ticker := time.NewTicker(loadTick)
		defer ticker.Stop()
		begin, sent := time.Now(), int64(0)
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			due := int64(time.Since(begin).Seconds()*rate) - sent
			if due <= 0 {
				continue
			}
			random := rand.New(rand.NewPCG(seed, uint64(sent)))
			sent += due
			select {
			case slots <- struct{}{}:
			default:
				refuse(due)
				continue
			}
			g.done.Add(1)
			g.cluster.clock.Go(requests, name, func(ctx context.Context) {
				defer g.done.Done()
				defer func() { <-slots }()
				send(ctx, random, int(due))
			})
		}
	})
}

// write sends a bulk request of n new documents.
func (g *loadGenerator) write(ctx context.Context, s *loadStream, random *rand.Rand, n int) {
	var body bytes.Buffer
	payload := bytes.Repeat([]byte{'x'}, int(max(1, s.DocBytes)))
	for range n {
		for i := range payload {
			payload[i] = 'a' + byte(random.IntN(26))
		}
		fmt.Fprintf(&body, "{\"index\":{\"routing\":%q}}\n{\"p\":%q}\n", s.pick(random), payload)
	}
	begin := time.Now()
	r := g.client.Do(ctx, http.MethodPost, "/"+s.Index+"/_bulk?timeout=5s&filter_path=items.*.status", "application/x-ndjson", body.Bytes())
	g.cluster.traffic.wrote(bulkOutcome(int64(n), &r), time.Since(begin))
}

// bulkOutcome reads what became of n documents.
func bulkOutcome(n int64, r *client.Result) outcome {
	switch r.Fate() {
	case observed.FateFailed:
		return outcome{failed: n}
	case observed.FateUnknown:
		return outcome{unknown: n}
	}
	var items struct {
		Items []map[string]struct {
			Status int `json:"status"`
		} `json:"items"`
	}
	if json.Unmarshal(r.Body, &items) != nil {
		return outcome{unknown: n}
	}
	var o outcome
	for _, item := range items.Items {
		for _, operation := range item {
			if client.OfItem(operation.Status, "", "") == "" {
				o.acked++
			} else {
				o.failed++
			}
		}
	}
	return o
}

// read gets n of the documents that were loaded, in one request. One that is not there
// is an answer too.
func (g *loadGenerator) read(ctx context.Context, s *loadStream, random *rand.Rand, n int) {
	type lookup struct {
		ID      string `json:"_id"`
		Routing string `json:"routing"`
	}
	docs := make([]lookup, n)
	for i := range docs {
		docs[i] = lookup{fmt.Sprintf("seed-%d", random.IntN(1000)), s.pick(random)}
	}
	body, err := json.Marshal(map[string]any{"docs": docs})
	if err != nil {
		g.cluster.traffic.read(0, int64(n))
		return
	}
	r := g.client.Do(ctx, http.MethodPost, "/"+s.Index+"/_mget?_source=false&filter_path=docs._id,docs.error.type", "application/json", body)
	var items struct {
		Docs []struct {
			Error *struct{} `json:"error"`
		} `json:"docs"`
	}
	if r.Cause != "" || json.Unmarshal(r.Body, &items) != nil {
		g.cluster.traffic.read(0, int64(n))
		return
	}
	var refused int64
	for _, d := range items.Docs {
		if d.Error != nil {
			refused++
		}
	}
	g.cluster.traffic.read(int64(n)-refused, refused)
}
