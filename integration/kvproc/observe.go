package kvproc

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios"
)

const (
	// lookEvery is how often the nodes are asked. New primaries are told by the nodes at
	// once.
	lookEvery = 100 * time.Millisecond
	// lookPatience is how long a node may take to answer.
	lookPatience = time.Second
)

// observer makes observations of a cluster of processes, over no link.
type observer struct {
	c      *scene
	client *tcp.Client
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex // held while the sink is called
	ctx     context.Context
	sink    func(scenarios.Observation) // nil before it is started
	early   []scenarios.Observation     // from before it was started
	maps    map[uint64][]shardmap.Shard // by revision
	health  *scenarios.Health
	members *scenarios.Members
	copies  map[int][]scenarios.Copy
	used    map[string]int64 // percent, by node
	numbers map[shardmap.ID]int
}

func (o *observer) init(c *scene) {
	o.c, o.maps, o.copies = c, make(map[uint64][]shardmap.Shard), make(map[int][]scenarios.Copy)
	o.used, o.numbers = make(map[string]int64), make(map[shardmap.ID]int)
}

// tell needs the lock.
func (o *observer) tell(x scenarios.Observation) {
	x.At = o.c.clock.Monotonic()
	switch {
	case o.sink == nil:
		o.early = append(o.early, x)
	case o.ctx.Err() == nil:
		o.sink(x)
	}
}

// happened notes who acts.
func (o *observer) happened(name string, life int, e node.Event) {
	if e.What != "activated" {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tell(scenarios.Observation{Acting: &scenarios.Acting{Shard: string(e.Shard), Epoch: e.Epoch, Node: name, Life: life}})
}

// start tells what was seen until now, and a full picture, and goes on.
func (o *observer) start(ctx context.Context, sink func(scenarios.Observation)) error {
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
		if r == nil || r.State == nil {
			continue
		}
		o.noteMap(name, r.State)
		if len(r.Health) > 0 && (leader == nil || r.State.Revision > leader.State.Revision) {
			leader = r
		}
	}
	h, members := scenarios.Health{Status: "red"}, &scenarios.Members{}
	switch {
	case leader != nil:
		members.Master = node.Machine(leader.State.Leader)
		h = o.assess(leader)
		for i := range leader.State.Members {
			if m := &leader.State.Members[i]; !m.Down && m.State != wire.Removed {
				members.Nodes = append(members.Nodes, m.Name)
			}
		}
		slices.Sort(members.Nodes)
	case o.members != nil:
		members.Nodes = o.members.Nodes // nobody has said anything else
	}
	h.Nodes = len(members.Nodes)
	if o.members == nil || !reflect.DeepEqual(*o.members, *members) {
		o.members = members
		o.tell(scenarios.Observation{Members: members})
	}
	if o.health == nil || *o.health != h {
		o.health = &h
		o.tell(scenarios.Observation{Health: &h})
	}
	o.disks()
}

// ask asks every node that runs what it knows; the leader answers with what the metadata
// group has agreed on.
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
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[name] = r
		})
	}
	asking.Wait()
	return answers
}

// noteMap notes the map that a node has come to know: once for each revision, and again
// when it isn't the same.
func (o *observer) noteMap(name string, s *wire.ClusterState) {
	if was, ok := o.maps[s.Revision]; ok && reflect.DeepEqual(was, s.Shards) {
		return
	}
	o.maps[s.Revision] = s.Shards
	o.tell(scenarios.Observation{Ranges: &scenarios.Ranges{Revision: s.Revision, Version: s.MapVersion, Node: name, Shards: s.Shards}})
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
		o.tell(scenarios.Observation{Disks: []scenarios.Disk{{Node: name, Used: u.Used, Total: u.Total}}})
	}
}

// assess is the health by what the leader of the metadata group knows of the copies; it
// tells the copies that have changed.
func (o *observer) assess(r *wire.AdminResult) scenarios.Health {
	h := scenarios.Health{Status: "green", Master: true, Version: int64(r.State.Revision)}
	var changed []scenarios.Copy
	for i := range r.State.Shards {
		sh := &r.State.Shards[i]
		n := o.number(sh.ID)
		copies := o.copiesOf(r, sh, n)
		for _, c := range copies {
			count(&h, c)
		}
		if (!sh.Settled() || len(sh.Replicas) < int(r.State.Settings.Replicas)) && h.Status == "green" {
			h.Status = "yellow"
		}
		if !slices.Equal(o.copies[n], copies) {
			o.copies[n] = copies
			changed = append(changed, copies...)
		}
	}
	if len(changed) > 0 {
		o.tell(scenarios.Observation{Shards: changed})
	}
	return h
}

// number is that of a shard: s1 is 0; those that the cluster names itself get the next.
func (o *observer) number(id shardmap.ID) int {
	if n, ok := o.numbers[id]; ok {
		return n
	}
	n := max(len(o.numbers), o.c.spec.KV.Shards)
	if i, err := strconv.Atoi(strings.TrimPrefix(string(id), "s")); err == nil && i >= 1 && i <= o.c.spec.KV.Shards {
		n = i - 1
	}
	o.numbers[id] = n
	return n
}

// copiesOf is how the copies of a shard are, by its primary's latest report.
func (o *observer) copiesOf(r *wire.AdminResult, sh *shardmap.Shard, number int) []scenarios.Copy {
	inSync := reported(r, sh)
	var out []scenarios.Copy
	for _, id := range sh.Replicas {
		c := scenarios.Copy{Index: scenarios.KVIndex, Shard: number, Primary: id == sh.Primary, Epoch: sh.Epoch, Bytes: -1, ID: string(sh.ID) + "@" + string(id)}
		name := node.Machine(id)
		switch {
		case !o.c.nodes.running(name):
			c.State, c.Reason = "UNASSIGNED", "the node is down"
		case len(inSync) > len(sh.Replicas)/2 && slices.Contains(inSync, id):
			c.State, c.Node = "STARTED", name
		default:
			c.State, c.Node, c.Reason = "INITIALIZING", name, "not in sync"
		}
		out = append(out, c)
	}
	return out
}

// reported are the copies in sync, as the shard's acting primary reports; none if there is
// no such report of the present epoch.
func reported(r *wire.AdminResult, sh *shardmap.Shard) []shardmap.NodeID {
	for i := range r.Health {
		if r.Health[i].Node != sh.Primary {
			continue
		}
		for _, c := range r.Health[i].Copies {
			if c.Shard == sh.ID && c.Acting && c.Promised == sh.Epoch {
				return c.InSync
			}
		}
	}
	return nil
}

// count takes a copy into the health.
func count(h *scenarios.Health, c scenarios.Copy) {
	switch c.State {
	case "STARTED":
		h.Active++
		if c.Primary {
			h.Primaries++
		}
		return
	case "INITIALIZING":
		h.Initializing++
	default:
		h.Unassigned++
	}
	if c.Primary {
		h.Status = "red"
	} else if h.Status == "green" {
		h.Status = "yellow"
	}
}

// running reports whether a node's process runs and isn't frozen.
func (c *Cluster) running(name string) bool {
	s, err := c.State(context.Background(), name)
	return err == nil && s == chaos.Running
}
