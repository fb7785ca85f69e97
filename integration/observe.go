package integration

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// How often nodes are asked, and how long an answer may take. An observation is late by
// up to one interval.
const (
	pollAuthority = 100 * time.Millisecond
	pollOthers    = 200 * time.Millisecond
	pollRecovery  = 200 * time.Millisecond
	pollStats     = time.Second
	pollTimeout   = 2 * time.Second
	// recoveryTail is how long recoveries are asked for after the last sign of one.
	recoveryTail = 3 * time.Second
	// silence is how long no node at all may answer before the cluster counts as red.
	silence = 3 * time.Second
)

// The states of a node's view.
const (
	viewOK      = "ok"
	viewRefused = "refused"
	viewTimeout = "timeout"
	viewError   = "error"
)

// observer asks every node what it believes and merges the answers. All its fields but
// the atomics belong to the merging goroutine.
type observer struct {
	cluster   *outside
	sink      func(observed.Observation)
	answers   chan any // stateSeen, statsSeen, recoveriesSeen
	authority atomic.Pointer[string]
	moving    atomic.Int64 // monotonic time of the last sign of a recovery

	latest   map[string]*picture // of the nodes that answer
	current  *picture            // the newest that named a master
	shown    shownState
	lastOK   time.Duration
	sizes    map[shardID]map[string]int64    // bytes by node
	counted  map[string]*counters            // by node, at the begin of the window
	rated    map[string][]observed.ShardLoad // by node, over the last window
	known    map[string]observed.Recovery
	relocate map[string]bool // allocation ids of relocation targets ever seen
}

// shownState is what the sink has been told last.
type shownState struct {
	health  observed.Health
	members observed.Members
	shards  map[shardID][]observed.Copy
	views   map[string]observed.View
	disks   map[string]observed.Disk
	loads   map[string]observed.NodeLoad
	hot     []observed.ShardLoad
	begun   bool
}

// stateSeen is one node's answer to stateQuery, or how it failed to give one.
type stateSeen struct {
	at    time.Duration
	node  string
	state string
	seen  *picture // nil unless ok
}

// Observe implements [scenarios.Cluster].
func (c *outside) Observe(ctx context.Context, sink func(observed.Observation)) error {
	ctx, cancel := context.WithCancel(ctx)
	o := &observer{
		cluster: c, sink: sink, answers: make(chan any, 64),
		latest: map[string]*picture{}, sizes: map[shardID]map[string]int64{},
		known: map[string]observed.Recovery{}, relocate: map[string]bool{},
		shown:   shownState{shards: map[shardID][]observed.Copy{}, views: map[string]observed.View{}, disks: map[string]observed.Disk{}, loads: map[string]observed.NodeLoad{}},
		counted: map[string]*counters{}, rated: map[string][]observed.ShardLoad{},
		lastOK: c.clock.Monotonic(),
	}
	first := c.Nodes()[0]
	o.authority.Store(&first)
	o.moving.Store(int64(c.clock.Monotonic()))
	var done sync.WaitGroup
	process := func(name string, f func(context.Context)) {
		done.Add(1)
		c.clock.Go(ctx, name, func(ctx context.Context) {
			defer done.Done()
			f(ctx)
		})
	}
	for _, node := range c.Nodes() {
		process("observe "+node, func(ctx context.Context) { o.pollState(ctx, node) })
		process("stats "+node, func(ctx context.Context) { o.pollStats(ctx, node) })
	}
	process("recoveries", o.pollRecoveries)
	process("merge observations", o.merge)
	c.onClose(func() {
		cancel()
		done.Wait()
	})
	return nil
}

// every calls f at intervals until ctx ends; an overdue call follows at once.
func every(ctx context.Context, interval func() time.Duration, f func(context.Context)) {
	for ctx.Err() == nil {
		begin := time.Now()
		limited, cancel := context.WithTimeout(ctx, pollTimeout)
		f(limited)
		cancel()
		select {
		case <-ctx.Done():
		case <-time.After(interval() - time.Since(begin)):
		}
	}
}

func fixed(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// tell hands an answer to the merging goroutine.
func (o *observer) tell(ctx context.Context, answer any) {
	select {
	case o.answers <- answer:
	case <-ctx.Done():
	}
}

func (o *observer) pollState(ctx context.Context, node string) {
	interval := func() time.Duration {
		if *o.authority.Load() == node {
			return pollAuthority
		}
		return pollOthers
	}
	every(ctx, interval, func(limited context.Context) {
		var answer stateAnswer
		err := o.cluster.rest.get(limited, o.cluster.url(node)+stateQuery, &answer)
		seen := stateSeen{at: o.cluster.clock.Monotonic(), node: node, state: viewState(err)}
		if err == nil {
			seen.seen = answer.read()
		}
		o.tell(ctx, seen)
	})
}

// viewState names the way in which a question ended.
func viewState(err error) string {
	var status *statusError
	var network net.Error
	switch {
	case err == nil:
		return viewOK
	case errors.As(err, &status):
		return viewError
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return viewTimeout
	default:
		return viewRefused
	}
}

// merge is the only goroutine that calls the sink.
func (o *observer) merge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case answer := <-o.answers:
			switch a := answer.(type) {
			case stateSeen:
				o.takeState(a)
			case statsSeen:
				o.takeStats(a)
			case recoveriesSeen:
				o.takeRecoveries(a)
			}
		}
	}
}

func (o *observer) takeState(a stateSeen) {
	o.showView(a)
	if a.seen == nil {
		delete(o.latest, a.node)
	} else {
		o.latest[a.node] = a.seen
		o.lastOK = a.at
	}
	best, from := o.newest()
	switch {
	case best != nil && best.newer(o.current):
		o.current = best
		o.authority.Store(&from)
		o.showCurrent(a.at)
	case best != nil:
		// An older view does not replace a newer one; but after a time without a
		// master the same state may name one again.
		if !o.shown.health.Master {
			o.showCurrent(a.at)
		}
	case len(o.latest) > 0 || a.at-o.lastOK > silence:
		o.showNoMaster(a.at)
	}
}

// newest is the latest state that names a master among those of the nodes that answer.
func (o *observer) newest() (*picture, string) {
	var best *picture
	var from string
	for _, node := range o.cluster.Nodes() {
		p := o.latest[node]
		if p != nil && p.health.Master && p.newer(best) {
			best, from = p, node
		}
	}
	return best, from
}

func (o *observer) showView(a stateSeen) {
	view := observed.View{Node: a.node, State: a.state}
	if a.seen != nil {
		view.Master, view.Nodes = a.seen.master, a.seen.members
	}
	before, known := o.shown.views[a.node]
	if known && before.State == view.State && before.Master == view.Master && equalNames(before.Nodes, view.Nodes) {
		return
	}
	o.shown.views[a.node] = view
	o.sink(observed.Observation{At: a.at, Sight: view})
}

// showCurrent tells what differs from the last picture.
func (o *observer) showCurrent(at time.Duration) {
	p := o.current
	if health := p.health; health != o.shown.health || !o.shown.begun {
		o.shown.health = health
		o.sink(observed.Observation{At: at, Sight: health})
	}
	if m := (observed.Members{Master: p.master, Nodes: p.members}); m.Master != o.shown.members.Master || !equalNames(m.Nodes, o.shown.members.Nodes) {
		o.shown.members = m
		o.sink(observed.Observation{At: at, Sight: m})
	}
	o.shown.begun = true
	for _, target := range p.relocations {
		o.relocate[target] = true
	}
	if p.health.Initializing > 0 || p.health.Relocating > 0 {
		o.moving.Store(int64(at))
	}
	o.showShards(at)
	o.failLostRecoveries(at)
}

func (o *observer) showShards(at time.Duration) {
	sized := o.withSizes(o.current.shards)
	if changed := changedShards(o.shown.shards, sized); len(changed) > 0 {
		o.sink(observed.Observation{At: at, Sight: observed.Copies(changed)})
	}
	o.shown.shards = sized
}

// showNoMaster tells that no node that answers knows a master.
func (o *observer) showNoMaster(at time.Duration) {
	if o.shown.begun && !o.shown.health.Master {
		return
	}
	o.shown.begun = true
	o.shown.health.Master, o.shown.health.Status, o.shown.health.Blocks = false, "red", "no-master"
	health := o.shown.health
	o.sink(observed.Observation{At: at, Sight: health})
	o.shown.members.Master = ""
	members := o.shown.members
	o.sink(observed.Observation{At: at, Sight: members})
}

func equalNames(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
