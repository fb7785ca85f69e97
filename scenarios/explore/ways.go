package explore

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/chaos/plans"
)

// WayCount is what the plans that were drawn in one way came to.
type WayCount struct {
	Way   string `json:"way"`
	Plans int    `json:"plans"`
	// Skipped of them touch nothing and were not run.
	Skipped int `json:"skipped"`
	// New is how many situations they reached that no round before had reached, Found how many
	// claims they broke, and errors they ended with, that none had before.
	New   int `json:"new"`
	Found int `json:"found"`
	// Last is how many of the last round's plans were drawn so.
	Last int `json:"last_round"`
}

// foundCounts is how many new situations a find is worth when rounds are shared out.
const foundCounts = 5

// portfolio shares the rounds out among the ways of drawing by what each found.
type portfolio struct {
	shares *plans.Shares
	counts []WayCount // in the order of [plans.Ways]
}

func newPortfolio() *portfolio {
	p := &portfolio{shares: plans.NewShares()}
	for _, w := range plans.Ways() {
		p.counts = append(p.counts, WayCount{Way: w})
	}
	return p
}

// begins is how many plans of each way the next round has.
func (p *portfolio) begins() []int {
	out := p.shares.Of(RoundSize)
	for i := range p.counts {
		p.counts[i].Last = out[i]
	}
	return out
}

func (p *portfolio) of(way string) *WayCount {
	return &p.counts[slices.IndexFunc(p.counts, func(c WayCount) bool { return c.Way == way })]
}

// came notes a plan that was run. What is new is so against the rounds before: within a round
// nobody was first.
func (p *portfolio) came(way string, fresh, found int) {
	c := p.of(way)
	c.Plans++
	c.New += fresh
	c.Found += found
	p.shares.Came(way, fresh+foundCounts*found)
}

// skipped notes a plan that touches nothing, and so finds nothing.
func (p *portfolio) skipped(way string) {
	c := p.of(way)
	c.Plans++
	c.Skipped++
	p.shares.Came(way, 0)
}

// known is what a search has found until a moment.
type known struct {
	reached map[Reached]*Cell
	broken  map[int]bool // claims, by their places
}

func (s *search) known() known {
	k := known{maps.Clone(s.result.Coverage.cells), map[int]bool{crashes: s.crash != nil}}
	for i, c := range s.claims {
		k.broken[i] = c.found != nil || c.known
	}
	return k
}

// lacks is how much of what a plan came to was not known: situations, and claims broken.
func (k known) lacks(d *digest) (fresh, found int) {
	for i, r := range d.reached {
		if k.reached[r] == nil && !slices.Contains(d.reached[:i], r) {
			fresh++
		}
	}
	for _, i := range d.broken {
		if !k.broken[i] {
			found++
		}
	}
	if d.outcome == crashed && !k.broken[crashes] {
		found++
	}
	return fresh, found
}

// waysTable shows who found how much.
func (r *Result) waysTable(b *strings.Builder) {
	if len(r.Ways) == 0 {
		return
	}
	fmt.Fprintf(b, "\n  plans by the way in which they were drawn, shared out by what each found\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "  way\tplans\tskipped\tnew situations\tfinds\tof the last %d\n", RoundSize)
	for _, c := range r.Ways {
		fmt.Fprintf(w, "  %s\t%d\t%d\t%d\t%d\t%d\n", c.Way, c.Plans, c.Skipped, c.New, c.Found, c.Last)
	}
	_ = w.Flush() // to a strings.Builder
}
