package allocation

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// asked counts how often a decider is asked from now on, by question.
type asked struct{ allocate, remain, rebalance int }

func countAsked(t *testing.T, name string) *asked {
	t.Helper()
	n := &asked{}
	for i := range deciders {
		d := &deciders[i]
		if d.name != name {
			continue
		}
		was := *d
		t.Cleanup(func() { *d = was })
		if was.allocate != nil {
			d.allocate = func(p *pass, r *routing.Copy, n2 *routing.Node) (Verdict, string) {
				n.allocate++
				return was.allocate(p, r, n2)
			}
		}
		if was.remain != nil {
			d.remain = func(p *pass, r *routing.Copy, n2 *routing.Node) (Verdict, string) {
				n.remain++
				return was.remain(p, r, n2)
			}
		}
		if was.rebalance != nil {
			d.rebalance = func(p *pass, r *routing.Copy) (Verdict, string) { n.rebalance++; return was.rebalance(p, r) }
		}
		return n
	}
	require.Fail(t, "there is no such decider", name)
	return nil
}

// inZones is a state whose nodes stand in three zones that awareness knows.
func inZones(st *state.State) *state.State {
	st = st.Clone()
	for i, n := range st.Nodes {
		n.Attributes = []state.Attribute{{Name: "zone", Value: string(rune('a' + i%3))}}
	}
	zone := "zone"
	st.Persistent = st.Persistent.With(map[string]*string{settings.AwarenessAttributes.Key(): &zone})
	return st
}

// withoutAZone is a state after a third of its nodes left, and how many copies have no node.
func withoutAZone(s *Service, st *state.State, in Input) (left *state.State, unassigned int) {
	left = st.Clone()
	left.Nodes = nil
	for _, n := range st.Nodes {
		if n.Attributes[0].Value != "c" {
			left.Nodes = append(left.Nodes, n)
		}
	}
	left = s.Reroute(s.DisassociateDeadNodes(left, in), in)
	s.Compute()
	left = s.Reconcile(left, in)
	left.Routing.Each(func(c *state.Copy) {
		if c.State == state.Unassigned {
			unassigned++
		}
	})
	return left, unassigned
}

// While a zone's copies wait for their turn every recovery that ends brings a reroute, so what
// one costs for each of them must not grow with the nodes.
func TestCopiesThatWaitForTheirTurnAreNotTriedOnEveryNode(t *testing.T) {
	for _, size := range []struct{ nodes, copies int }{{30, 3000}, {60, 6000}} {
		t.Run(fmt.Sprintf("%d nodes", size.nodes), func(t *testing.T) {
			st := inZones(placedState(size.nodes, size.copies))
			in, s := withDisks(st), benchmarkService()
			in.NowNanos = 1
			st, waiting := withoutAZone(s, st, in)
			require.Greater(t, waiting, size.copies/5)
			n := countAsked(t, "throttling")
			s.Reroute(st, in)
			assert.Less(t, n.allocate, 6*waiting, "of %d nodes, for %d copies", 2*size.nodes/3, waiting)
		})
	}
}

// A computation goes through rounds of two moves each until all is balanced: a round asks about
// a copy what hangs on its shard alone at most a few times, not for every pair of nodes, and of
// shards that have not changed it doesn't ask again whether their copies may remain.
func TestARoundOfTheComputationAsksAboutACopyAFewTimes(t *testing.T) {
	const nodes, copies = 60, 6000
	st := inZones(placedState(nodes, copies))
	st = withForecasts(st)
	in, s := withDisks(st), benchmarkService()
	in.NowNanos = 1
	st, _ = withoutAZone(s, st, in)
	s.Reroute(st, in)
	awareness, active := countAsked(t, "awareness"), countAsked(t, "rebalance_only_when_active")
	c := s.Compute()
	require.Greater(t, c.Iterations, 3)
	assert.Less(t, active.rebalance, c.Iterations*copies/10, "in %d rounds", c.Iterations)
	assert.Less(t, awareness.remain, 2*copies, "in %d rounds", c.Iterations)
}
