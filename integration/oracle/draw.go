package oracle

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/allocation/cases"
)

// Families are what a case can be about.
var Families = []string{
	"fresh", "rebalance", "node_left", "disk", "filters_awareness", "enable_throttle", "balance_factors", "combined",
}

// Size is how large a case is.
type Size int

// Sizes: [Any] draws one of the three after it.
const (
	Any    Size = iota
	Small       // 2 to 5 nodes, about 8 copies
	Medium      // 4 to 9 nodes, about 50 copies
	Large       // 12 or 13 nodes, about 280 copies
	Huge        // 100 nodes, 5,000 copies
)

// Options of [Draw].
type Options struct {
	Size Size
	// Bold mixes something of all families into every case, with values that are
	// seldom or never seen in practice.
	Bold bool
}

// Draw makes a case. The same arguments make the same case.
func Draw(family string, seed uint64, o Options) (*cases.Case, error) {
	for attempt := range uint64(1000) {
		d := &drawer{Rand: rand.New(rand.NewPCG(seed, hash(family, o)+attempt)), Options: o, family: family}
		if c, ok := d.draw(); ok {
			c.Name = fmt.Sprintf("%s-%d", family, seed)
			return c, nil
		}
		// These ids or names would share a bucket.
	}
	return nil, fmt.Errorf("family %s, seed %d: no orders that are free of history", family, seed)
}

// hash tells the streams of families and options apart.
func hash(family string, o Options) uint64 {
	h := uint64(o.Size)
	if o.Bold {
		h += 1 << 8
	}
	for _, c := range family {
		h = h*1_099_511_628_211 + uint64(c)
	}
	return h
}

// traits are what a case has.
type traits struct {
	fresh, uneven, leaving, disks, filters, limits, factors bool

	sizes      bool // of shards, known to the cluster
	usage      bool // of disks, known to the cluster
	inFlight   bool // recoveries and relocations
	failed     bool // allocations that failed
	sameDates  bool // of creation
	sameShapes bool // of indices
}

// drawer makes one case.
type drawer struct {
	*rand.Rand
	Options
	traits
	family string
	copies int // that are wanted
	given  int // allocation ids given out
	nodes  []cases.Node
	spare  *cases.Node // may join
	// weights say how likely copies lie on each node.
	weights []float64
	c       *cases.Case
}

func (d *drawer) chance(p float64) bool { return d.Float64() < p }

// between draws a number, both ends included.
func (d *drawer) between(low, high int) int { return low + d.IntN(high-low+1) }

func pick[E any](d *drawer, from ...E) E { return from[d.IntN(len(from))] }

// text draws letters and digits.
func (d *drawer) text(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b strings.Builder
	for range n {
		b.WriteByte(letters[d.IntN(len(letters))])
	}
	return b.String()
}

// draw makes the case; not ok when its orders would depend on history.
func (d *drawer) draw() (*cases.Case, bool) {
	d.c = &cases.Case{Family: d.family, MaxRounds: 50, Settings: make(map[string]string), Events: []cases.Event{}}
	d.drawTraits()
	if !d.drawNodes() || !d.drawIndices() {
		return nil, false
	}
	d.fillDisks()
	d.drawSettings()
	if d.leaving && !d.drawEvents() {
		return nil, false
	}
	return d.c, true
}

func (d *drawer) drawTraits() {
	has := func(family string) bool {
		switch {
		case d.family == family:
			return true
		case d.family == "combined":
			return d.chance(0.5)
		}
		return d.Bold && d.chance(0.2)
	}
	d.traits = traits{
		fresh: has("fresh"), uneven: has("rebalance"), leaving: has("node_left"), disks: has("disk"),
		filters: has("filters_awareness"), limits: has("enable_throttle"), factors: has("balance_factors"),
	}
	combined := d.family == "combined"
	d.usage = d.disks || d.factors && d.chance(0.6) || d.leaving && d.chance(0.35) || combined && d.chance(0.7) || d.Bold && d.chance(0.4)
	d.sizes = d.disks || d.factors && d.chance(0.7) || d.usage && d.chance(0.7)
	d.inFlight = d.limits && d.chance(0.5) || combined && d.chance(0.4)
	d.failed = d.limits && d.chance(0.4)
	d.sameDates = d.chance(0.3)
	d.sameShapes = d.Bold && d.chance(0.25)
}
