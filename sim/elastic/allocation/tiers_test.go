package allocation

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// tiered is a hot node that holds content too, a warm and a cold one, with the deciders of
// the default distribution.
func tiered(t *testing.T) *fixture {
	f := newFixture(t, 3, nil)
	f.s.cfg.Tiers = true
	f.st.Nodes[0].Roles = []string{"data_content", "data_hot", "master"}
	f.st.Nodes[1].Roles = []string{"data_warm"}
	f.st.Nodes[2].Roles = []string{"data_cold"}
	return f
}

func prefers(tiers string) map[string]string {
	return map[string]string{"index.routing.allocation.include._tier_preference": tiers}
}

// nodes are where an index's copies are, by shard; "" unassigned.
func (f *fixture) nodes(index string) (on []string) {
	for _, s := range f.st.Routing.Index(index).Shards {
		for _, c := range s.Copies {
			on = append(on, c.Node)
		}
	}
	return on
}

func TestAnIndexLiesOnTheFirstTierOfItsPreferenceThatHasNodes(t *testing.T) {
	for prefer, want := range map[string]string{
		"data_hot": "node-0", "data_content": "node-0", "data_warm,data_hot": "node-1", "data_cold,data_warm": "node-2",
	} {
		f := tiered(t)
		f.addIndex("logs", 3, 0, prefers(prefer))
		f.settle()
		assert.Equal(t, []string{want, want, want}, f.nodes("logs"), prefer)
	}
}

func TestWithoutXPackPreferencesDecideNothing(t *testing.T) {
	f := tiered(t)
	f.s.cfg.Tiers = false
	f.addIndex("logs", 3, 0, prefers("data_hot"))
	f.settle()
	assert.ElementsMatch(t, []string{"node-0", "node-1", "node-2"}, f.nodes("logs"))
}

func TestAnIndexMovesWhenItsPreferenceChanges(t *testing.T) {
	f := tiered(t)
	f.addIndex("logs", 2, 0, prefers("data_hot"))
	f.settle()
	f.st = f.st.Clone()
	changed := *f.st.Indices[0]
	tier := "data_warm"
	changed.Settings = changed.Settings.With(map[string]*string{"index.routing.allocation.include._tier_preference": &tier})
	f.st.Indices = []*state.Index{&changed}
	f.settle()
	assert.Equal(t, []string{"node-1", "node-1"}, f.nodes("logs"))
}

func TestWhenAWholeTierIsGoneTheNextOneTakesOver(t *testing.T) {
	f := tiered(t)
	f.addIndex("logs", 1, 0, prefers("data_warm,data_hot"))
	f.settle()
	require.Equal(t, []string{"node-1"}, f.nodes("logs"))
	f.leave("node-1")
	f.addIndex("more", 1, 0, prefers("data_warm,data_hot"))
	f.settle()
	assert.Equal(t, []string{"node-0"}, f.nodes("more"))
}

func TestThePreferenceIsExplained(t *testing.T) {
	f := tiered(t)
	f.addIndex("logs", 1, 1, prefers("data_hot"))
	f.settle()
	said := map[string]string{}
	for _, n := range f.s.Explain(f.st, f.in, f.replica("logs"), true).Allocate.Nodes {
		for _, d := range n.Deciders {
			if d.Decider == "data_tier" {
				said[n.Node.ID] = d.Verdict.String() + ": " + d.Explanation
			}
		}
	}
	no := "NO: index has a preference for tiers [data_hot] and node does not meet the required [data_hot] tier"
	assert.Equal(t, map[string]string{"node-0": "YES: index has a preference for tiers [data_hot] and node has tier [data_hot]", "node-1": no, "node-2": no}, said)
}

func TestATierThatNoNodeHasIsSaid(t *testing.T) {
	f := tiered(t)
	f.st.Nodes = f.st.Nodes[1:]
	f.addIndex("logs", 1, 0, prefers("data_hot,data_content"))
	f.settle()
	assert.Equal(t, []string{""}, f.nodes("logs"))
	x := f.s.Explain(f.st, f.in, f.primary("logs"), false).Allocate
	require.NotEmpty(t, x.Nodes)
	assert.Equal(t, []Decision{{
		Decider: "data_tier", Verdict: No,
		Explanation: "index has a preference for tiers [data_hot,data_content], but no nodes for any of those tiers are available in the cluster",
	}}, x.Nodes[0].Deciders)
}

func TestADedicatedFrozenNodeHoldsNoOrdinaryIndex(t *testing.T) {
	f := tiered(t)
	f.st.Nodes[2].Roles = []string{"data_frozen"}
	f.addIndex("logs", 3, 0, nil)
	f.settle()
	assert.NotContains(t, f.nodes("logs"), "node-2")
}

func TestCopiesAreBalancedInsideTheirTier(t *testing.T) {
	f := newFixture(t, 5, nil)
	f.s.cfg.Tiers = true
	for i, n := range f.st.Nodes {
		n.Roles = []string{"data_hot"}
		if i >= 3 {
			n.Roles = []string{"data_warm"}
		}
	}
	f.addIndex("hot", 6, 1, prefers("data_hot"))
	f.addIndex("warm", 4, 0, prefers("data_warm"))
	f.settle()
	count := map[string]int{}
	for _, index := range []string{"hot", "warm"} {
		for _, n := range f.nodes(index) {
			count[n]++
		}
	}
	assert.Equal(t, map[string]int{"node-0": 4, "node-1": 4, "node-2": 4, "node-3": 2, "node-4": 2}, count)
}
