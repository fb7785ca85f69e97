package fromrapid

import (
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/chaos"
)

// Draw makes a kind's Draw of generators: gen gets the cluster, to name what there is in it,
// and answers nil where there is nothing to do to it. The same dice give the same fault.
func Draw[F chaos.Fault](gen func(chaos.Topology) *rapid.Generator[F]) func(*chaos.Dice) chaos.Fault {
	return func(d *chaos.Dice) chaos.Fault {
		g := gen(d.Topology)
		seed := int(d.Rand.Uint32()) // in any case, so that what is drawn next hangs on nothing but the dice
		if g == nil {
			return nil
		}
		return g.Example(seed)
	}
}
