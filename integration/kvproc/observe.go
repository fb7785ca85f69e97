package kvproc

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios/kv"
	"github.com/shardquake/shardquake/scenarios/observed"
)

const (
	// lookEvery is how often the nodes are asked. New primaries are told by the nodes at
	// once.
	lookEvery = 100 * time.Millisecond
	// lookPatience is how long a node may take to answer.
	lookPatience = time.Second
	// slowFor is for how long a node that runs is believed to be as it said last.
	slowFor = 3 * time.Second
)

// observer makes observations of a cluster of processes, over no link.
type observer struct {
	c      *scenarioCluster
	client *tcp.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // held while the sink is called
	ctx   context.Context
	sink  func(observed.Observation) // nil before it is started
	early []observed.Observation     // from before it was started
	watch *kv.Watch
	used  map[string]int64 // percent, by node
	said  map[string]statement
}

func (o *observer) init(c *scenarioCluster) {
	o.c, o.watch, o.used = c, kv.NewWatch(c.own.Shards), make(map[string]int64)
	o.said = make(map[string]statement)
}

// tell needs the lock.
func (o *observer) tell(list ...observed.Observation) {
	for _, x := range list {
		x.At = o.c.clock.Monotonic()
		switch {
		case o.sink == nil:
			o.early = append(o.early, x)
		case o.ctx.Err() == nil:
			o.sink(x)
		}
	}
}

// happened notes who acts.
func (o *observer) happened(name string, life int, e node.Event) {
	if e.What != "activated" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tell(o.watch.Acts(kv.Acting{Shard: string(e.Shard), Epoch: e.Epoch, Node: name, Life: life})...)
}

// start tells what was seen until now, and a full picture, and goes on.
func (o *observer) start(ctx context.Context, sink func(observed.Observation)) error {
	o.mu.Lock()
	for _, x := range o.early {
		sink(x)
	}
	o.early, o.sink = nil, sink
	o.ctx, o.cancel = context.WithCancel(ctx)
	o.client, o.done = tcp.NewClient(o.c.nodes.Direct()), make(chan struct{})
	o.mu.Unlock()
	o.look()
	go func() {
		defer close(o.done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				o.look()
			case <-o.ctx.Done():
				return
			}
		}
	}()
	return nil
}

// stop ends the observation, if it was started.
func (o *observer) stop() {
	if o.cancel == nil {
		return
	}
	o.cancel()
	<-o.done
	o.client.Close()
}

// look asks all nodes and tells what has changed.
func (o *observer) look() {
	answers := o.ask()
	o.mu.Lock()
	defer o.mu.Unlock()
	var leader *wire.AdminResult
	for _, name := range o.c.nodes.Names() {
		r := answers[name]
		if r == nil {
			continue
		}
		if !o.watch.Knows(name, r.State.Revision) {
			o.tell(o.watch.Learns(name, r.State)...)
		}
		if node.Machine(r.Leader) == name && (leader == nil || r.State.Revision > leader.State.Revision) {
			leader = r
		}
	}
	v := kv.View{Machine: o.machine, Now: o.c.clock.Monotonic(),
		InSync: func(s *shardmap.Shard) ([]shardmap.NodeID, bool) { return acting(answers[node.Machine(s.Primary)], s) }}
	if leader != nil {
		v.State, v.Leader = leader.State, node.Machine(leader.Leader)
	}
	o.tell(o.watch.Look(v)...)
	o.disks()
}

// machine is where a node runs, "" if it doesn't, or is frozen.
func (o *observer) machine(id shardmap.NodeID) string {
	if name := node.Machine(id); o.c.nodes.running(name) {
		return name
	}
	return ""
}

// statement is what a node has said, and when.
type statement struct {
	r  *wire.AdminResult
	at time.Duration
}

// ask asks every node that runs what it knows itself, and how its own copies are. Of one that
// runs but is slow it is what it has said last, for a while.
func (o *observer) ask() map[string]*wire.AdminResult {
	answers := make(map[string]*wire.AdminResult)
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, name := range o.c.nodes.Names() {
		if !o.c.nodes.running(name) {
			continue
		}
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(o.ctx, lookPatience)
			defer cancel()
			r, err := o.client.Ask(ctx, name, &wire.Admin{Stale: true})
			mu.Lock()
			defer mu.Unlock()
			now := o.c.clock.Monotonic()
			switch was := o.said[name]; {
			case err == nil && r.State != nil:
				answers[name], o.said[name] = r, statement{r, now}
			case errors.Is(err, context.DeadlineExceeded) && was.r != nil && now-was.at < slowFor:
				answers[name] = was.r
			}
		})
	}
	asking.Wait()
	return answers
}

func (o *observer) disks() {
	for _, name := range o.c.nodes.Names() {
		u, err := o.c.nodes.Usage(o.ctx, name)
		if err != nil {
			continue // it is being removed
		}
		percent := int64(u.Percent())
		if was, ok := o.used[name]; ok && was == percent {
			continue
		}
		o.used[name] = percent
		o.tell(observed.Observation{Sight: observed.Disks{{Node: name, Used: u.Used, Total: u.Total}}})
	}
}

// acting are the copies that take part in a shard, as its primary's node says, if it acts.
func acting(r *wire.AdminResult, sh *shardmap.Shard) ([]shardmap.NodeID, bool) {
	if r == nil {
		return nil, false
	}
	for _, c := range r.Copies {
		if c.Shard == sh.ID {
			return c.InSync, c.Acting
		}
	}
	return nil, false
}

// running reports whether a node's process runs and isn't frozen.
func (c *Cluster) running(name string) bool {
	s, err := c.State(context.Background(), name)
	return err == nil && s == chaos.Running
}
