//go:build kvmutants

package scenariotest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/scenarios"
	simkv "github.com/shardquake/shardquake/sim/kv"
)

// TestAPlantedDefectShowsInAScenario proves that the expectations of the library can fail:
// each defect does in one of the first seeds of a scenario.
func TestAPlantedDefectShowsInAScenario(t *testing.T) {
	const seeds = 20
	for m, scenario := range map[replica.Mutant]string{
		replica.AckEarly:       "kv-primary-cut-off",
		replica.SkipFencing:    "kv-primary-cut-off",
		replica.LoseKeyInSplit: "kv-split-under-load-with-crash",
		replica.CommitHalf:     "kv-bank-transfers",
	} {
		t.Run(m.String(), func(t *testing.T) {
			s, err := scenarios.Load(scenario, nil, catalog.Vocabulary())
			require.NoError(t, err)
			backend := &simkv.Backend{Node: kvnode.Config{Replica: replica.Config{Mutation: replica.Mutation{Mutant: m}}}}
			caught := false
			for seed := uint64(1); seed <= seeds && !caught; seed++ {
				res, err := (&scenarios.Runner{Backend: backend}).Run(t.Context(), s, scenarios.Options{Seed: seed})
				if err != nil {
					t.Logf("seed %d: %v", seed, err) // an assertion of the node itself
					caught = true
					break
				}
				for _, o := range res.Outcomes {
					if o.Verdict == scenarios.Fail {
						t.Logf("seed %d: %s: %s", seed, o.Name, o.Reason)
						caught = true
					}
				}
			}
			assert.True(t, caught, "%s in none of %d seeds of %s", m, seeds, scenario)
		})
	}
}
