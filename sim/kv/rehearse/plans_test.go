package rehearse_test

import (
	"flag"
	"testing"
)

// How many random fault plans the rehearsals go through, and from which seed on:
// go test ./sim/kv -run RandomFaults -v -timeout 2h -args -plans 10000
var (
	plans     = flag.Int("plans", 0, "random fault plans of each kind of rehearsal (default 200, with -short 20)")
	firstPlan = flag.Uint64("first-plan", 0, "seed of the first of them")
)

// enoughPlans is how many plans it takes for what few of them have to be among them.
const enoughPlans = 100

// planned are the seeds of a rehearsal.
func planned() []uint64 {
	n := *plans
	switch {
	case n > 0:
	case testing.Short():
		n = 20
	default:
		n = 200
	}
	seeds := make([]uint64, n)
	for i := range seeds {
		seeds[i] = *firstPlan + uint64(i)
	}
	return seeds
}
