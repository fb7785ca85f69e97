package allocation

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Where a placement is plain no decider is asked; all of them would have said what it says.
func TestAPlainPlacementSaysWhatTheDecidersSay(t *testing.T) {
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		st, in := drawState(t)
		if rapid.Bool().Draw(t, "disks unknown") {
			in.Info = nil
		}
		if rapid.Bool().Draw(t, "nothing is set") { // often enough that a short test draws plain placements
			in.Info, st.Persistent = nil, settings.Of(nil)
			for _, idx := range st.Indices {
				idx.Settings = settings.Of(nil)
			}
		} else {
			for _, n := range st.Nodes {
				n.Release = rapid.SampledFrom([]state.Release{state.Modelled, state.Modelled, state.Modelled - 100}).Draw(t, "version")
			}
		}
		for _, s := range st.Routing.Indices[0].Shards {
			if c := s.Copies[0]; c.State == state.Unassigned && rapid.Bool().Draw(t, "made from another index") {
				c.Source = state.LocalShards
			}
		}
		p := benchmarkService().newPass(st, in)
		for _, idx := range p.Indices {
			for _, s := range idx.Shards {
				for _, r := range s.Assigned {
					plain += agrees(t, p, r)
				}
			}
		}
		for _, r := range p.Unassigned {
			plain += agrees(t, p, r)
		}
	})
	assert.Positive(t, plain, "some of the placements that were drawn are plain")
}

// agrees is 1 where the placement is plain, after asking the deciders of every node.
func agrees(t *rapid.T, p *pass, r *routing.Copy) int {
	where := p.placement(r)
	if !where.plain {
		return 0
	}
	for _, n := range p.Nodes {
		require.Equal(t, p.nodeVerdictFor(r, n), where.verdict(n), "%s on %s", r, n.ID)
	}
	return 1
}

func TestInAClusterWithoutSettingsEveryPlacementIsPlain(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 2, 1, nil)
	f.settle()
	p := f.s.newPass(f.st, f.in)
	assert.False(t, p.anyMayLeave())
	for _, s := range p.ByName["logs"].Shards {
		for _, r := range s.Assigned {
			assert.True(t, p.placement(r).plain, "a decider that tells no nodes apart says so in the table")
		}
	}
}

// With disks out of the way nothing but the decider of resizes holds such a primary.
func TestAnIndexThatIsSplitStaysWithItsSource(t *testing.T) {
	f := newFixture(t, 3, nil)
	f.addIndex("logs", 1, 0, nil)
	f.settle()
	f.addIndex("parts", 2, 0, map[string]string{"index.resize.source.name": "logs", "index.resize.source.uuid": "logs"})
	for _, s := range f.st.Routing.Index("parts").Shards {
		s.Copies[0].Source = state.LocalShards
	}
	f.reroute()
	from := f.nodes("logs")[0]
	assert.Equal(t, []string{from, from}, f.nodes("parts"))
}
