package kv

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios"
)

// lookEvery is how often the cluster's health is looked at. New maps and primaries are
// observed at the moment they come about.
const lookEvery = 50 * time.Millisecond

// observer makes observations of a simulated cluster.
type observer struct {
	s    *simulated
	ctx  context.Context
	sink func(scenarios.Observation) // nil before it is started

	maps    map[uint64][]shardmap.Shard // by revision
	known   map[string]uint64           // revision by machine
	early   []scenarios.Observation     // from before it was started
	health  *scenarios.Health
	members *scenarios.Members
	copies  map[int][]scenarios.Copy
	used    map[string]int64 // percent, by machine
	numbers map[shardmap.ID]int
}

func (o *observer) init(s *simulated) {
	*o = observer{s: s, maps: make(map[uint64][]shardmap.Shard), known: make(map[string]uint64), copies: make(map[int][]scenarios.Copy),
		used: make(map[string]int64), numbers: make(map[shardmap.ID]int)}
	s.f.OnEvent, s.f.OnStep = o.happened, o.stepped
}

func (o *observer) tell(x scenarios.Observation) {
	x.At = o.s.clocks[scenarios.ViewerClient].Monotonic()
	switch {
	case o.sink == nil:
		o.early = append(o.early, x)
	case o.ctx.Err() == nil:
		o.sink(x)
	}
}

// happened notes who acts.
func (o *observer) happened(m *Machine, e kvnode.Event) {
	if e.What == "activated" {
		o.tell(scenarios.Observation{Acting: &scenarios.Acting{Shard: string(e.Shard), Epoch: e.Epoch, Node: m.name, Life: m.life}})
	}
}

// stepped notes the map that a node has come to know: once for each revision, and again
// when it isn't the same.
func (o *observer) stepped(m *Machine) {
	s := m.node.State()
	if !s.Known() || o.known[m.name] == s.Revision() {
		return
	}
	o.known[m.name] = s.Revision()
	w := s.Wire(false)
	if was, ok := o.maps[s.Revision()]; ok && reflect.DeepEqual(was, w.Shards) {
		return
	}
	o.maps[s.Revision()] = w.Shards
	o.tell(scenarios.Observation{Ranges: &scenarios.Ranges{Revision: s.Revision(), Version: w.MapVersion, Node: m.name, Shards: w.Shards}})
}

// start tells what was seen until now and goes on.
func (o *observer) start(ctx context.Context, sink func(scenarios.Observation)) {
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
	h, members := scenarios.Health{Status: "red"}, &scenarios.Members{}
	if l := o.s.f.Leader(); l != nil && !l.paused {
		state := l.node.Group().State()
		members.Master = l.name
		h = o.assess(state)
		for i := range state.Members() {
			if m := &state.Members()[i]; !m.Down && m.State != wire.Removed {
				members.Nodes = append(members.Nodes, m.Name)
			}
		}
		slices.Sort(members.Nodes)
	} else if o.members != nil {
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
		o.tell(scenarios.Observation{Disks: []scenarios.Disk{{Node: m.name, Used: u.Used, Total: u.Total}}})
	}
}

// assess is the health by the metadata group's state and how the copies are; it tells the
// copies that have changed.
func (o *observer) assess(s meta.State) scenarios.Health {
	h := scenarios.Health{Status: "green", Master: true, Version: int64(s.Revision())}
	byID := make(map[shardmap.NodeID]*Machine)
	for _, m := range o.s.f.machines {
		if m.up && m.node.ID() != "" {
			byID[m.node.ID()] = m
		}
	}
	var changed []scenarios.Copy
	for i := range s.Map().Len() {
		sh := s.Map().At(i)
		n := o.number(sh.ID)
		copies := o.copiesOf(sh, n, byID)
		for _, c := range copies {
			count(&h, c)
		}
		if (!sh.Settled() || len(sh.Replicas) < int(s.Settings().Replicas)) && h.Status == "green" {
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
	n := len(o.numbers)
	if i, err := strconv.Atoi(strings.TrimPrefix(string(id), "s")); err == nil && i >= 1 && i <= o.s.spec.KV.Shards {
		n = i - 1
	} else {
		n = max(n, o.s.spec.KV.Shards)
	}
	o.numbers[id] = n
	return n
}

// copiesOf is how the copies of a shard are.
func (o *observer) copiesOf(sh *shardmap.Shard, number int, byID map[shardmap.NodeID]*Machine) []scenarios.Copy {
	var inSync []shardmap.NodeID
	acts := false
	if p := byID[sh.Primary]; p != nil && !p.paused && p.node.Copy(sh.ID) != nil {
		st := p.node.Copy(sh.ID).Status()
		inSync = st.InSync
		acts = st.Role == replica.Primary && st.Promised == sh.Epoch && len(st.InSync) > len(sh.Replicas)/2
	}
	var out []scenarios.Copy
	for _, id := range sh.Replicas {
		c := scenarios.Copy{Index: scenarios.KVIndex, Shard: number, Primary: id == sh.Primary, Epoch: sh.Epoch, Bytes: -1, ID: string(sh.ID) + "@" + string(id)}
		m := byID[id]
		switch {
		case m == nil || m.paused:
			c.State, c.Reason = "UNASSIGNED", "the node is down"
		case c.Primary && acts, !c.Primary && acts && slices.Contains(inSync, id):
			c.State, c.Node = "STARTED", m.name
		default:
			c.State, c.Node, c.Reason = "INITIALIZING", m.name, "not in sync"
		}
		out = append(out, c)
	}
	return out
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
