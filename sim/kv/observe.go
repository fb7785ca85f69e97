package kv

import (
	"context"
	"time"

	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// lookEvery is how often the cluster's health is looked at. New maps and primaries are
// observed at the moment they come about.
const lookEvery = 50 * time.Millisecond

// observer makes observations of a simulated cluster.
type observer struct {
	s     *simulated
	watch *kv.Watch
	ctx   context.Context
	sink  func(observed.Observation) // nil before it is started
	early []observed.Observation     // from before it was started
	used  map[string]int64           // percent, by machine
}

func (o *observer) init(s *simulated) {
	*o = observer{s: s, watch: kv.NewWatch(s.own.Shards), used: make(map[string]int64)}
	s.f.OnEvent, s.f.OnStep = o.happened, o.stepped
}

func (o *observer) tell(all []observed.Observation) {
	for _, x := range all {
		x.At = o.s.clocks[scenarios.ViewerClient].Monotonic()
		switch {
		case o.sink == nil:
			o.early = append(o.early, x)
		case o.ctx.Err() == nil:
			o.sink(x)
		}
	}
}

// happened notes who acts.
func (o *observer) happened(m *Machine, e kvnode.Event) {
	if e.What == "activated" {
		o.tell(o.watch.Acts(kv.Acting{Shard: string(e.Shard), Epoch: e.Epoch, Node: m.name, Life: m.life}))
	}
}

// stepped notes the map that a node has come to know.
func (o *observer) stepped(m *Machine) {
	s := m.node.State()
	if s.Known() && !o.watch.Knows(m.name, s.Revision()) {
		w := s.Wire(false)
		o.tell(o.watch.Learns(m.name, &w))
	}
}

// start tells what was seen until now and goes on.
func (o *observer) start(ctx context.Context, sink func(observed.Observation)) {
	o.ctx, o.sink = ctx, sink
	for _, x := range o.early {
		sink(x)
	}
	o.early = nil
	o.look()
}

// look tells what has changed of health, members, copies and disks.
func (o *observer) look() {
	if o.ctx.Err() != nil {
		return
	}
	byID := make(map[shardmap.NodeID]*Machine)
	for _, m := range o.s.f.machines {
		if m.up && !m.paused && m.node.ID() != "" {
			byID[m.node.ID()] = m
		}
	}
	v := kv.View{
		Now: o.s.clocks[scenarios.ViewerClient].Monotonic(),
		Machine: func(id shardmap.NodeID) string {
			if m := byID[id]; m != nil {
				return m.name
			}
			return ""
		},
		InSync: func(s *shardmap.Shard) ([]shardmap.NodeID, bool) {
			p := byID[s.Primary]
			if p == nil || p.node.Copy(s.ID) == nil {
				return nil, false
			}
			st := p.node.Copy(s.ID).Status()
			return st.InSync, st.Role == replica.Primary && !st.Stuck
		},
	}
	if l := o.s.f.Leader(); l != nil && !l.paused {
		state := l.node.Group().State().Wire(false)
		v.State, v.Leader = &state, l.name
	}
	o.tell(o.watch.Look(v))
	o.disks()
	o.s.e.After(lookEvery, "kv.look", o.look)
}

func (o *observer) disks() {
	for _, m := range o.s.f.machines {
		u := o.s.usage(m)
		percent := int64(u.Percent())
		if was, ok := o.used[m.name]; ok && was == percent {
			continue
		}
		o.used[m.name] = percent
		o.tell([]observed.Observation{{Sight: observed.Disks{{Node: m.name, Used: u.Used, Total: u.Total}}}})
	}
}
