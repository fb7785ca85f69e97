package kv

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// View is a key-value cluster at a moment, as a backend sees it.
type View struct {
	// State is that of the metadata group, Leader the machine that leads it; nil and ""
	// while nobody does. Shards are judged by the state before then: they go on without.
	State  *wire.ClusterState
	Leader string
	// InSync are the copies that take part in a shard, as the node of its primary itself has
	// it at this moment; acts is whether that acts.
	InSync func(s *shardmap.Shard) (copies []shardmap.NodeID, acts bool)
	// Machine is that of a node that runs, "" for one that doesn't.
	Machine func(shardmap.NodeID) string
	// Now is when that was so, by any clock that doesn't jump.
	Now time.Duration
}

// handOver is how long a primary may not act while it gets another set of copies: it gives
// its epoch up and begins the next one, which clients notice as an answer that comes later.
const handOver = 500 * time.Millisecond

// primacy is when and as what a shard's primary was last seen to act.
type primacy struct {
	node   shardmap.NodeID
	epoch  uint64
	at     time.Duration
	inSync []shardmap.NodeID
}

// Watch turns views of a key-value cluster into observations of what has changed, the
// same for every backend. The observations have no time yet.
type Watch struct {
	shards  int // at t=0
	numbers map[shardmap.ID]int
	maps    map[uint64][]shardmap.Shard // by revision
	known   map[string]uint64           // revision, by machine
	acting  map[Acting]bool
	health  *observed.Health
	members *observed.Members
	copies  map[int][]observed.Copy
	acted   map[shardmap.ID]primacy
	state   *wire.ClusterState // the last one of a leader
}

// NewWatch makes one for a cluster that begins with so many shards.
func NewWatch(shards int) *Watch {
	return &Watch{shards: shards, numbers: make(map[shardmap.ID]int), maps: make(map[uint64][]shardmap.Shard), known: make(map[string]uint64),
		acting: make(map[Acting]bool), copies: make(map[int][]observed.Copy), acted: make(map[shardmap.ID]primacy)}
}

// Acts notes who acts as a primary.
func (w *Watch) Acts(a Acting) []observed.Observation {
	if w.acting[a] {
		return nil
	}
	w.acting[a] = true
	return []observed.Observation{{Sight: a}}
}

// Knows reports whether a machine's node was seen with a revision.
func (w *Watch) Knows(machine string, revision uint64) bool { return w.known[machine] == revision }

// Learns notes the state that a node has come to know: its map once for each revision,
// and again when it isn't the same.
func (w *Watch) Learns(machine string, s *wire.ClusterState) []observed.Observation {
	w.known[machine] = s.Revision
	if was, ok := w.maps[s.Revision]; ok && reflect.DeepEqual(was, s.Shards) {
		return nil
	}
	w.maps[s.Revision] = s.Shards
	return []observed.Observation{{Sight: Ranges{Revision: s.Revision, Version: s.MapVersion, Node: machine, Shards: s.Shards}}}
}

// Look tells what has changed of copies, members and health.
func (w *Watch) Look(v View) []observed.Observation {
	var out []observed.Observation
	h, members := observed.Health{Status: "red"}, &observed.Members{Master: v.Leader}
	led := v.State != nil
	if led {
		w.state = v.State
	}
	if v.State = w.state; v.State != nil {
		var changed []observed.Copy
		h, changed = w.assess(v)
		if len(changed) > 0 {
			out = append(out, observed.Observation{Sight: observed.Copies(changed)})
		}
		if h.Master = led; !led && h.Status == "green" {
			h.Status = "yellow" // nothing would be repaired
		}
	}
	if led {
		for i := range v.State.Members {
			if m := &v.State.Members[i]; !m.Down && m.State != wire.Removed {
				members.Nodes = append(members.Nodes, m.Name)
			}
		}
		slices.Sort(members.Nodes)
	} else if w.members != nil {
		members.Nodes = w.members.Nodes // nobody has said anything else
	}
	h.Nodes = len(members.Nodes)
	if w.members == nil || !reflect.DeepEqual(*w.members, *members) {
		w.members = members
		out = append(out, observed.Observation{Sight: *members})
	}
	if w.health == nil || *w.health != h {
		w.health = &h
		out = append(out, observed.Observation{Sight: h})
	}
	return out
}

// assess is the health, and the copies of shards of which something has changed.
func (w *Watch) assess(v View) (observed.Health, []observed.Copy) {
	h := observed.Health{Status: "green", Master: true, Version: int64(v.State.Revision)}
	var changed []observed.Copy
	for i := range v.State.Shards {
		sh := &v.State.Shards[i]
		n := w.number(sh.ID)
		inSync, acts := w.acts(v, sh)
		copies := copiesOf(v, sh, n, inSync, acts)
		for _, c := range copies {
			count(&h, c)
		}
		if (!sh.Settled() || len(sh.Replicas) < int(v.State.Settings.Replicas)) && h.Status == "green" {
			h.Status = "yellow"
		}
		if !slices.Equal(w.copies[n], copies) {
			w.copies[n] = copies
			changed = append(changed, copies...)
		}
	}
	return h, changed
}

// acts reports whether the primary of a shard acts, with a majority of the copies, which it
// returns; for a moment also while the same node goes from one epoch to the next.
func (w *Watch) acts(v View, sh *shardmap.Shard) ([]shardmap.NodeID, bool) {
	inSync, acts := v.InSync(sh)
	if acts && len(inSync) > len(sh.Replicas)/2 {
		w.acted[sh.ID] = primacy{node: sh.Primary, epoch: sh.Epoch, at: v.Now, inSync: inSync}
		return inSync, true
	}
	was, known := w.acted[sh.ID]
	if known && !acts && was.node == sh.Primary && was.epoch < sh.Epoch && v.Now-was.at < handOver && v.Machine(sh.Primary) != "" {
		return was.inSync, true
	}
	return inSync, false
}

// number is that of a shard: s1 is 0; those that the cluster names itself get the next.
func (w *Watch) number(id shardmap.ID) int {
	if n, ok := w.numbers[id]; ok {
		return n
	}
	n := w.shards
	for _, taken := range w.numbers {
		n = max(n, taken+1)
	}
	if i, err := strconv.Atoi(strings.TrimPrefix(string(id), "s")); err == nil && i >= 1 && i <= w.shards {
		n = i - 1
	}
	w.numbers[id] = n
	return n
}

// copiesOf is how the copies of a shard are.
func copiesOf(v View, sh *shardmap.Shard, number int, inSync []shardmap.NodeID, acts bool) []observed.Copy {
	var out []observed.Copy
	for _, id := range sh.Replicas {
		c := observed.Copy{Index: Index, Shard: number, Primary: id == sh.Primary, Epoch: sh.Epoch, Bytes: -1, ID: string(sh.ID) + "@" + string(id)}
		switch m := v.Machine(id); {
		case m == "":
			c.State, c.Reason = "UNASSIGNED", "the node is down"
		case acts && (c.Primary || slices.Contains(inSync, id)):
			c.State, c.Node = "STARTED", m
		default:
			c.State, c.Node, c.Reason = "INITIALIZING", m, "not in sync"
		}
		out = append(out, c)
	}
	return out
}

// count takes a key-value copy into the health.
func count(h *observed.Health, c observed.Copy) {
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
