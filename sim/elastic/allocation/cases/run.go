package cases

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// finalLimit is up to how many copies a result holds the final routing table.
const finalLimit = 400

// runner plays the rounds of a case.
type runner struct {
	*world
	allocator string
	order     []string // node order as last recorded
	desired   map[allocation.ShardID]allocation.Assignment
	// before, when set, is called with the round and the state before each reroute.
	before func(round int, st *state.State, in allocation.Input)
}

// Run plays a case with one type of allocator, "balanced" or "desired_balance".
func Run(c *Case, allocator string) (*Result, error) {
	r, err := newRunner(c, allocator)
	if err != nil {
		return nil, err
	}
	return r.run()
}

func newRunner(c *Case, allocator string) (*runner, error) {
	w, err := newWorld(c, allocator)
	if err != nil {
		return nil, err
	}
	return &runner{world: w, allocator: allocator, order: c.NodeOrder, desired: make(map[allocation.ShardID]allocation.Assignment)}, nil
}

func (r *runner) run() (*Result, error) {
	out := &Result{}
	lastEvent := 0
	for _, e := range r.c.Events {
		lastEvent = max(lastEvent, e.Round)
	}
	for n := 1; n <= r.c.MaxRounds; n++ {
		round, idle, err := r.round(n)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", n, err)
		}
		out.Rounds = append(out.Rounds, round)
		if idle && n >= lastEvent {
			out.Converged = true
			break
		}
	}
	if lines := table(r.st); len(lines) <= finalLimit {
		out.Final = lines
	}
	return out, nil
}

// round plays one round; idle says that it neither decided nor started anything.
func (r *runner) round(n int) (out Round, idle bool, err error) {
	out.Round = n
	for _, e := range r.c.Events {
		if e.Round != n {
			continue
		}
		after, err := r.event(e)
		if err != nil {
			return out, false, err
		}
		out.AfterEvents = append(out.AfterEvents, after)
	}
	r.adoptOrder(n)
	if order := allocation.NodeOrder(r.st, r.put); !slices.Equal(order, r.order) {
		order = append([]string{}, order...) // not nil: without data nodes it is written as empty
		out.NodeOrder, r.order = &order, order
	}
	r.dropLeftovers()
	in := r.input()
	if r.before != nil {
		r.before(n, r.st, in)
	}
	r.reroute(&out, in)
	started := r.startAll(in)
	out.Unassigned, out.Digest = unassigned(r.st), digest(table(r.st))
	return out, len(out.Decisions) == 0 && !started, nil
}

// adoptOrder takes over the order of nodes that was recorded in a round, if it is one that
// the map can have: in which order the nodes of a bucket stand is no decision.
func (r *runner) adoptOrder(n int) {
	expected := r.c.Expected.of(r.allocator)
	if expected == nil {
		return
	}
	for _, round := range expected.Rounds {
		if round.Round == n && round.NodeOrder != nil && slices.Equal(allocation.NodeOrder(r.st, *round.NodeOrder), *round.NodeOrder) {
			r.put = *round.NodeOrder
		}
	}
}

// event applies an event and tells what it did to the routing table.
func (r *runner) event(e Event) (AfterEvent, error) {
	switch {
	case e.Joined != nil:
		if r.st.Node(e.Joined.ID) != nil {
			return AfterEvent{}, fmt.Errorf("node %q joins but is a member already", e.Joined.ID)
		}
		r.join(*e.Joined)
		return AfterEvent{}, nil
	case e.Type == "advance_time":
		r.nanos += e.Millis * 1e6
		return AfterEvent{}, nil
	}
	if r.st.Node(e.Left) == nil {
		return AfterEvent{}, fmt.Errorf("node %q leaves but is not a member", e.Left)
	}
	before := r.st
	r.leave(e.Left)
	r.st = r.service.DisassociateDeadNodes(r.st, r.input())
	promoted, lost := promotions(before, r.st), losses(r.st, e.Left)
	return AfterEvent{Promoted: &promoted, Unassigned: &lost}, nil
}

// reroute lets the allocator decide.
func (r *runner) reroute(out *Round, in allocation.Input) {
	before := r.st
	r.st = r.service.Reroute(r.st, in)
	out.Decisions = decisions(before, r.st)
	if r.allocator != settings.DesiredBalance {
		return
	}
	eager := len(out.Decisions)
	computation := r.service.Compute()
	rows := r.desiredRows()
	between := r.st
	r.st = r.service.Reconcile(r.st, in)
	out.Decisions = append(out.Decisions, decisions(between, r.st)...)
	sortDecisions(out.Decisions)
	out.EagerDecisions, out.Iterations, out.Desired = &eager, &computation.Iterations, &rows
}

// desiredRows are the assignments that changed in this round, if only in the order of
// their nodes.
func (r *runner) desiredRows() []DesiredRow {
	rows := []DesiredRow{}
	for _, m := range r.st.Indices {
		for shard := range m.Shards {
			a, ok := r.service.Desired(m, shard)
			key := allocation.ShardID{Index: m.Name, Shard: shard}
			was, had := r.desired[key]
			switch {
			case !ok: // no data nodes, no assignments
				delete(r.desired, key)
				continue
			case had && a.Same(&was) && slices.Equal(a.Nodes, was.Nodes):
				continue
			}
			r.desired[key] = a
			rows = append(rows, DesiredRow{m.Name, shard, a.Nodes, a.Total, a.Unassigned, a.Ignored})
		}
	}
	slices.SortStableFunc(rows, func(a, b DesiredRow) int { return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard)) })
	return rows
}

// startAll starts every copy that initializes.
func (r *runner) startAll(in allocation.Input) bool {
	var copies []*state.Copy
	r.st.Routing.Each(func(c *state.Copy) {
		switch c.State {
		case state.Initializing:
			copies = append(copies, c)
		case state.Relocating:
			copies = append(copies, c.Target())
		}
	})
	slices.SortStableFunc(copies, func(a, b *state.Copy) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard), cmp.Compare(roleOf(a), roleOf(b)), cmp.Compare(a.Node, b.Node))
	})
	r.st = r.service.StartCopies(r.st, copies, in)
	for _, c := range copies {
		r.started(c)
	}
	return len(copies) > 0
}

func roleOf(c *state.Copy) string {
	if c.Primary {
		return "p"
	}
	return "r"
}

// byID lists the assigned copies of a state by allocation id, per shard.
func byID(st *state.State) map[allocation.ShardID]map[string]*state.Copy {
	out := make(map[allocation.ShardID]map[string]*state.Copy)
	st.Routing.Each(func(c *state.Copy) {
		key := allocation.ShardID{Index: c.Index, Shard: c.Shard}
		if out[key] == nil {
			out[key] = make(map[string]*state.Copy)
		}
		if c.AllocationID != "" {
			out[key][c.AllocationID] = c
		}
	})
	return out
}

// decisions are the copies that got a node between two states.
func decisions(before, after *state.State) []Decision {
	out := []Decision{}
	if before == after {
		return out
	}
	known := byID(before)
	after.Routing.Each(func(c *state.Copy) {
		was := known[allocation.ShardID{Index: c.Index, Shard: c.Shard}][c.AllocationID]
		switch {
		case c.State == state.Initializing && (was == nil || was.State != state.Initializing):
			out = append(out, Decision{c.Index, c.Shard, roleOf(c), "", c.Node, "INITIALIZING"})
		case c.State == state.Relocating && (was == nil || was.State != state.Relocating):
			out = append(out, Decision{c.Index, c.Shard, roleOf(c), c.Node, c.Other, "RELOCATING"})
		}
	})
	sortDecisions(out)
	return out
}

func sortDecisions(list []Decision) {
	slices.SortStableFunc(list, func(a, b Decision) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Role, b.Role),
			cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// promotions are the replicas that became primary.
func promotions(before, after *state.State) []Decision {
	out := []Decision{}
	known := byID(before)
	after.Routing.Each(func(c *state.Copy) {
		was := known[allocation.ShardID{Index: c.Index, Shard: c.Shard}][c.AllocationID]
		if was != nil && c.Primary && !was.Primary {
			out = append(out, Decision{c.Index, c.Shard, "p", "", c.Node, "PROMOTED"})
		}
	})
	sortDecisions(out)
	return out
}

// losses are the copies without a node that were last on one that left, those that
// had failed there before included.
func losses(after *state.State, node string) []Lost {
	out := []Lost{}
	after.Routing.Each(func(c *state.Copy) {
		if c.State == state.Unassigned && c.Info.LastNode == node {
			out = append(out, Lost{c.Index, c.Shard, roleOf(c), node, string(c.Info.Reason), c.Info.Delayed})
		}
	})
	slices.SortStableFunc(out, func(a, b Lost) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Role, b.Role))
	})
	return out
}

func unassigned(st *state.State) (out [2]int) {
	st.Routing.Each(func(c *state.Copy) {
		if c.State == state.Unassigned {
			if c.Primary {
				out[0]++
			} else {
				out[1]++
			}
		}
	})
	return out
}

// table is the routing table as lines.
func table(st *state.State) []string {
	lines := []string{}
	dash := func(s string) string {
		if s == "" {
			return "-"
		}
		return s
	}
	st.Routing.Each(func(c *state.Copy) {
		lines = append(lines, fmt.Sprintf("%s/%d/%s/%s/%s/%s", c.Index, c.Shard, roleOf(c), c.State, dash(c.Node), dash(c.Other)))
	})
	slices.Sort(lines)
	return lines
}

func digest(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}
