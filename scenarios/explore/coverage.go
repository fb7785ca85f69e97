package explore

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Reached is what a fault met and what came of it: one kind of thing that a search has been to.
type Reached struct {
	Fault string `json:"fault"`
	// Phase is the health that it struck in, with ", moving" while copies were recovering
	// or moving.
	Phase string `json:"phase"`
	// Beside are the other kinds of faults in force, one of each.
	Beside string `json:"beside,omitempty"`
	// Then is the worst health until the next fault.
	Then string `json:"then"`
	// Decided is what a controller decided first until then, and did; "" for nothing.
	Decided string `json:"decided,omitempty"`
}

// Coverage is what a search has reached, how often, and when it was new.
type Coverage struct {
	Reached []Cell `json:"reached"`
	// Growth has a point for each round.
	Growth []Growth `json:"growth"`
	// Never are the kinds of the budget that never struck.
	Never []string `json:"never,omitempty"`

	cells map[Reached]*Cell
}

// Cell counts the plans that reached something, by what they came to.
type Cell struct {
	Reached
	Plans Counts `json:"plans"`
}

// Growth is how much had been reached after so many plans.
type Growth struct {
	Plans   int `json:"plans"`
	Reached int `json:"reached"`
}

// add enters what a plan has reached, and reports whether any of it is new.
func (c *Coverage) add(all []Reached, o outcome) bool {
	if c.cells == nil {
		c.cells = map[Reached]*Cell{}
	}
	fresh := false
	for i, r := range all {
		if slices.Contains(all[:i], r) {
			continue
		}
		cell := c.cells[r]
		if cell == nil {
			fresh = true
			cell = &Cell{Reached: r}
			c.cells[r] = cell
			c.Reached = append(c.Reached, Cell{})
		}
		cell.Plans.add(o)
	}
	return fresh
}

func (c *Coverage) grow(plans int) {
	c.Growth = append(c.Growth, Growth{plans, len(c.Reached)})
}

// finish puts the cells in order and notes what was never reached.
func (c *Coverage) finish(kinds []string) {
	c.Reached = c.Reached[:0]
	for _, cell := range c.cells {
		c.Reached = append(c.Reached, *cell)
	}
	slices.SortFunc(c.Reached, func(a, b Cell) int { //determinism:allow sort-ties cells differ
		return cmp.Or(cmp.Compare(a.Fault, b.Fault), cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Beside, b.Beside), cmp.Compare(a.Then, b.Then), cmp.Compare(a.Decided, b.Decided))
	})
	c.Never = nil
	for _, k := range kinds {
		if !slices.ContainsFunc(c.Reached, func(cell Cell) bool { return cell.Fault == k }) {
			c.Never = append(c.Never, k)
		}
	}
}

// phases are the healths in the order in which they are bad.
var phases = []string{"green", "green, moving", "yellow", "yellow, moving", "red", "red, moving", "unknown"}

// reached is what the faults of a run met.
func reached(h *observed.History) []Reached {
	var out []Reached
	for i, f := range h.Faults {
		if !f.Injected {
			continue
		}
		until := h.Closed
		if i+1 < len(h.Faults) {
			until = h.Faults[i+1].At
		}
		phase, then := around(h, f.At, until)
		out = append(out, Reached{Fault: f.Kind, Phase: phase, Beside: beside(h.Faults[:i], f), Then: then, Decided: decided(h, f.At, until)})
	}
	return out
}

// around is the health at a moment and the worst from then until another.
func around(h *observed.History, at, until time.Duration) (phase, then string) {
	phase, then = "unknown", "green"
	for _, o := range h.Observations {
		health, ok := o.Sight.(observed.Health)
		switch {
		case o.At > until:
			return phase, then
		case !ok:
		case o.At <= at:
			phase, then = health.Status, health.Status
			if health.Initializing+health.Relocating > 0 {
				phase += ", moving"
			}
		case slices.Index(phases, health.Status) > slices.Index(phases, then):
			then = health.Status
		}
	}
	return phase, then
}

// beside are the kinds of the faults in force when another strikes.
func beside(before []*chaos.Record, f *chaos.Record) string {
	var kinds []string
	for _, b := range before {
		if b.Injected && (b.HealedAt < 0 || b.HealedAt > f.At) && !chaos.ForGood(b.Params) {
			kinds = append(kinds, b.Kind)
		}
	}
	slices.Sort(kinds)
	out := ""
	for i, k := range slices.Compact(kinds) {
		if i > 0 {
			out += " + "
		}
		out += k
	}
	return out
}

// decided is what a controller decided first in a time, and did.
func decided(h *observed.History, from, until time.Duration) string {
	for _, d := range h.Decisions {
		if d.At >= from && d.At < until && d.Acted && !d.Shadow {
			return d.Decided
		}
	}
	return ""
}
