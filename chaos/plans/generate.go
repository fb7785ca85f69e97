package plans

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
)

// Generator draws plans for one cluster.
type Generator struct {
	seed     uint64
	budget   Budget
	topology chaos.Topology
	kinds    []chaos.Kind
}

// Proposal is a plan that was drawn, and by which way.
type Proposal struct {
	Plan chaos.Plan
	Way  string
}

// The ways of drawing.
const (
	Uniform = "uniform"
	Swarm   = "swarm"
	Near    = "near"
	Mutant  = "mutant"
)

// Ways are all of them.
func Ways() []string { return []string{Uniform, Swarm, Near, Mutant} }

// New makes a generator. Its error says what of the budget makes no sense for the cluster.
func New(seed uint64, b Budget, t chaos.Topology) (*Generator, error) {
	kinds, err := b.kinds(t)
	if err != nil {
		return nil, err
	}
	if b.Most < 1 || b.AtOnce < 1 || b.Span < time.Second || b.Shortest <= 0 || b.Longest < b.Shortest {
		return nil, fmt.Errorf("a budget of %d faults, %d at once, in %s, each from %s to %s, allows none", b.Most, b.AtOnce, b.Span, b.Shortest, b.Longest)
	}
	g := &Generator{seed: seed, budget: b, topology: t, kinds: kinds}
	if len(g.Plan(0, 0, Uniform, nil).Plan.Entries) == 0 {
		return nil, fmt.Errorf("no fault of these kinds stays inside a budget of %d ailing nodes", b.Ailing)
	}
	return g, nil
}

// Kinds are the names of those that it draws.
func (g *Generator) Kinds() []string {
	var out []string
	for _, k := range g.kinds {
		out = append(out, k.Name)
	}
	return out
}

// Plan is the plan of a place in a round, drawn in a way. A mutant needs a corpus, and is
// drawn uniformly without one. It is empty where hardly anything is inside the budget.
func (g *Generator) Plan(round, place int, way string, corpus []chaos.Plan) Proposal {
	rng := rand.New(rand.NewPCG(mix(g.seed, uint64(round)), mix(uint64(place)+1, g.seed)))
	d := &chaos.Dice{Rand: rng, Topology: g.topology, Zone: g.budget.Zone, Whole: g.budget.Zones > 0, Shortest: g.budget.Shortest, Longest: g.budget.Longest}
	if way == Mutant && len(corpus) == 0 {
		way = Uniform
	}
	for range mostDraws {
		var entries []chaos.Entry
		switch way {
		case Swarm:
			entries = g.draw(d, g.some(d), d.Rand.IntN(g.budget.Most)+1, 0, g.budget.Span)
		case Near:
			window := g.budget.Span / 10
			from := time.Duration(rng.Float64() * float64(g.budget.Span-window))
			entries = g.triggered(d, g.draw(d, g.kinds, 2+rng.IntN(2), from, window))
		case Mutant:
			entries = g.mutate(d, corpus[rng.IntN(len(corpus))].Entries)
		default:
			entries = g.draw(d, g.kinds, d.Rand.IntN(g.budget.Most)+1, 0, g.budget.Span)
		}
		if entries = g.budget.within(entries, g.topology); len(entries) > 0 {
			return Proposal{chaos.Plan{Entries: entries}, way}
		}
		way = Uniform // what the budget forbids altogether is not asked for for ever
	}
	return Proposal{Way: way}
}

// mostDraws bounds how often a plan is drawn that the budget forbids.
const mostDraws = 1000

// Round is a round of plans; shares is how many of each way there are, in the order of
// [Ways].
func (g *Generator) Round(round int, shares []int, corpus []chaos.Plan) []Proposal {
	var out []Proposal
	for i, way := range Ways() {
		for range shares[i] {
			out = append(out, g.Plan(round, len(out), way, corpus))
		}
	}
	return out
}

// some is a random subset of the kinds, half of them on average and one at least.
func (g *Generator) some(d *chaos.Dice) []chaos.Kind {
	var out []chaos.Kind
	for _, k := range g.kinds {
		if d.Rand.IntN(2) == 0 {
			out = append(out, k)
		}
	}
	if len(out) == 0 {
		out = append(out, chaos.Pick(d, g.kinds...))
	}
	return out
}

// draw makes n faults of the kinds that strike in a window; fewer where a kind has nothing
// to do to this cluster.
func (g *Generator) draw(d *chaos.Dice, kinds []chaos.Kind, n int, from, window time.Duration) []chaos.Entry {
	var out []chaos.Entry
	for range n {
		if f := chaos.Pick(d, kinds...).Draw(d); f != nil {
			at := from + time.Duration(d.Rand.Float64()*float64(window))
			out = append(out, g.fit(chaos.Entry{At: units.Duration(at.Round(100 * time.Millisecond)), Fault: f}))
		}
	}
	return out
}

// triggered has the last of some faults, one time in three, wait for what the first may bring
// about, in place of its time: a copy that is made anew or moves, or the cluster's health.
// Only indices of Elasticsearch are seen to move.
func (g *Generator) triggered(d *chaos.Dice, entries []chaos.Entry) []chaos.Entry {
	if len(entries) < 2 || g.topology.System != chaos.Elasticsearch || len(g.topology.Indices) == 0 || d.Rand.IntN(3) > 0 {
		return entries
	}
	slices.SortStableFunc(entries, func(a, b chaos.Entry) int { return cmp.Compare(a.At, b.At) })
	index := chaos.Pick(d, g.topology.Indices...).Name
	last := &entries[len(entries)-1]
	switch d.Rand.IntN(4) {
	case 0:
		last.Trigger = &chaos.Trigger{While: &chaos.While{Relocates: index}}
	case 1:
		last.Trigger = &chaos.Trigger{When: "yellow"}
	default:
		last.Trigger = &chaos.Trigger{While: &chaos.While{Recovers: index}}
	}
	return entries
}

// fit moves an entry so that it has healed by the end of the span.
func (g *Generator) fit(e chaos.Entry) chaos.Entry {
	if late := e.At.D() + max(e.Fault.Lasts(), 100*time.Millisecond) - g.budget.Span; late > 0 {
		e.At = max(0, e.At-units.Duration(late))
	}
	return e
}

// mutate changes one thing of a plan: a fault more, one less, another time, another fault in
// its place.
func (g *Generator) mutate(d *chaos.Dice, plan []chaos.Entry) []chaos.Entry {
	out := slices.Clone(plan)
	i := d.Rand.IntN(len(out))
	switch change := d.Rand.IntN(4); {
	case change == 0 && len(out) > 1:
		out = slices.Delete(out, i, i+1)
	case change == 1:
		if f := chaos.Pick(d, g.kinds...).Draw(d); f != nil {
			out[i] = g.fit(chaos.Entry{At: out[i].At, Trigger: out[i].Trigger, Fault: f})
		}
	case change == 2 && out[i].Trigger == nil:
		by := time.Duration((d.Rand.Float64() - 0.5) * float64(g.budget.Span) / 2).Round(100 * time.Millisecond)
		out[i].At = max(0, out[i].At+units.Duration(by))
		out[i] = g.fit(out[i])
	default:
		out = append(out, g.draw(d, g.kinds, 1, 0, g.budget.Span)...)
	}
	return out
}

// mix makes one number of two, every bit of which hangs on all of theirs (SplitMix64).
func mix(a, b uint64) uint64 {
	x := a*0x9e3779b97f4a7c15 + b + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
