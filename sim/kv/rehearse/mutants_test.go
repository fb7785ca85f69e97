//go:build kvmutants

package rehearse_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/sim/kv/rehearse"
)

// TestEveryMutantIsCaught counts for each planted defect how many seeds it takes until
// a rehearsal sees it, five times from different seeds on.
func TestEveryMutantIsCaught(t *testing.T) {
	const limit = 200
	for _, m := range replica.Mutants() {
		t.Run(m.String(), func(t *testing.T) {
			var needed []int
			for attempt := range uint64(5) {
				n := 1
				for ; n <= limit; n++ {
					if caught(t, m, attempt*1000+uint64(n)) {
						break
					}
				}
				needed = append(needed, n)
			}
			slices.Sort(needed)
			t.Logf("seeds needed: %v", needed)
			assert.LessOrEqual(t, needed[len(needed)/2], 50, "the median")
		})
	}
}

func caught(t *testing.T, m replica.Mutant, seed uint64) (bad bool) {
	defer func() {
		if p := recover(); p != nil {
			bad = true // an assertion of the core
		}
	}()
	r, err := rehearse.Shard(rehearse.Options{Seed: seed, Transactions: m == replica.CommitHalf, Replica: replica.Config{Mutation: replica.Mutation{Mutant: m}}})
	if err != nil {
		return true // the same, in an event
	}
	require.NotNil(t, r)
	return r.Bad()
}
