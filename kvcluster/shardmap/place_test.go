package shardmap_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

func nodes(zones ...string) []shardmap.Node {
	var list []shardmap.Node
	for i, z := range zones {
		list = append(list, shardmap.Node{ID: shardmap.NodeID(fmt.Sprint("n", i+1)), Zone: z})
	}
	return list
}

func TestCopiesAreSpreadOverZonesAndNeverShareANode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := nodes(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 9).Draw(t, "zones")...)
		open := make(map[string]int)
		for i := range list {
			list[i].Closed = rapid.IntRange(0, 4).Draw(t, "closed") == 0
			list[i].Load = rapid.Int64Range(0, 50).Draw(t, "load")
			list[i].Weight = rapid.IntRange(0, 3).Draw(t, "weight")
			if !list[i].Closed {
				open[list[i].Zone]++
			}
		}
		copies := rapid.IntRange(1, 5).Draw(t, "copies")
		chosen := shardmap.Place("s", 1, []shardmap.NodeID{"n1", "gone"}, list, shardmap.Placement{Replicas: copies})

		total, cap := 0, 0
		for ; total < min(copies, sum(open)); cap++ { // the smallest cap under which all fit
			total = 0
			for _, n := range open {
				total += min(n, cap+1)
			}
		}
		perZone := make(map[string]int)
		seen := make(map[shardmap.NodeID]bool)
		for _, id := range chosen {
			require.False(t, seen[id], "two copies on %s", id)
			seen[id] = true
			for _, n := range list {
				if n.ID == id {
					require.False(t, n.Closed, "a copy on a closed node")
					perZone[n.Zone]++
				}
			}
		}
		require.Len(t, chosen, min(copies, sum(open)))
		for zone, n := range perZone {
			require.LessOrEqual(t, n, cap, "zone %s", zone)
		}
	})
}

func TestANodeThatComesTakesItsShareAndMovesNothingElse(t *testing.T) {
	before := shardmap.NewRing(0, nodes("", "", "", ""))
	after := shardmap.NewRing(0, nodes("", "", "", "", ""))
	owner := func(r *shardmap.Ring, key string) (first shardmap.NodeID) {
		r.Walk(key, func(n shardmap.NodeID) bool { first = n; return false })
		return first
	}
	moved := 0
	for i := range 10_000 {
		key := fmt.Sprint("key", i)
		if a, b := owner(before, key), owner(after, key); a != b {
			require.Equal(t, shardmap.NodeID("n5"), b, "keys move to the new node only")
			moved++
		}
	}
	assert.InDelta(t, 2000, moved, 500)
}

func TestPlacementPassesOverNodesThatCarryTooMuch(t *testing.T) {
	list := nodes("", "", "", "", "")
	list[1].Load, list[3].Load = 100, 100
	for i := range 20 {
		chosen := shardmap.Place(shardmap.ID(fmt.Sprint("s", i)), 1, nil, list, shardmap.Placement{})
		assert.ElementsMatch(t, []shardmap.NodeID{"n1", "n3", "n5"}, chosen)
	}
}

func TestPlanSplitsTheLargeAndTheBusyAndMergesTheIdle(t *testing.T) {
	m := three(t)
	for _, at := range []string{"b", "c", "d", "e"} {
		var err error
		m, _, err = m.Split(m.GetShardForKey(at), at, shardmap.ID(at))
		require.NoError(t, err)
	}
	m = settle(t, m)
	changes, err := shardmap.Plan(m, map[shardmap.ID]shardmap.Stats{
		"s0": {Bytes: 100 << 20, Middle: "aa"},
		"b":  {QPS: 5000, LoadMiddle: "bb", Bytes: 100},
		"c":  {Bytes: 10}, "d": {Bytes: 10},
		"e": {QPS: 5000}, // one hot key: nothing to split at
	}, nodes("", "", ""), shardmap.Thresholds{})
	require.NoError(t, err)
	require.Len(t, changes, 3)
	assert.Equal(t, "aa", changes[0].Key)
	assert.Equal(t, "bb", changes[1].Key)
	assert.Equal(t, shardmap.Change{Action: shardmap.MergeShards, Shard: "c", Other: "d",
		Why: "together 20 bytes and 0 operations per second"}, changes[2])
	for _, c := range changes {
		next, err := c.Apply(m)
		require.NoError(t, err)
		require.NoError(t, shardmap.CheckStep(m, next))
		m = next
	}
	assert.Equal(t, 6, settle(t, m).Len())
}

func TestPlanLeavesLinesThatSomebodyDrew(t *testing.T) {
	m, err := three(t).Create("mine", "c", "m")
	require.NoError(t, err)
	m, _, err = m.Split("mine", "e", "auto")
	require.NoError(t, err)
	m = settle(t, m)
	stats := make(map[shardmap.ID]shardmap.Stats)
	for i := range m.Len() {
		stats[m.At(i).ID] = shardmap.Stats{}
	}
	changes, err := shardmap.Plan(m, stats, nodes("", "", ""), shardmap.Thresholds{})
	require.NoError(t, err)
	require.Len(t, changes, 1)
	assert.Equal(t, shardmap.Change{Action: shardmap.MergeShards, Shard: "mine", Other: "auto",
		Why: "together 0 bytes and 0 operations per second"}, changes[0])
}

// Idle neighbours become one wherever their copies are: plans bring these together, and
// don't carry them apart again.
func TestIdleNeighboursAreGatheredAndMerged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := nodes("a", "b", "c", "a", "b", "c")
		m := three(t)
		splits := rapid.IntRange(1, 12).Draw(t, "splits")
		for i := range splits {
			var err error
			m, _, err = m.Split(m.At(i).ID, fmt.Sprintf("k%02d", i), "")
			require.NoError(t, err)
		}
		m = settle(t, m)
		for i := range m.Len() {
			var set []shardmap.NodeID
			for zone := range 3 {
				set = append(set, list[zone+3*rapid.IntRange(0, 1).Draw(t, "node")].ID)
			}
			var err error
			m, err = m.SetReplicas(m.At(i).ID, set)
			require.NoError(t, err)
		}
		m = settle(t, m)
		stats := make(map[shardmap.ID]shardmap.Stats)
		for i := range m.Len() {
			stats[m.At(i).ID] = shardmap.Stats{Bytes: rapid.Int64Range(0, 1000).Draw(t, "bytes")}
		}
		moves := 0
		for round := 0; m.Len() > 1; round++ {
			require.Less(t, round, 200, "the moves don't end")
			changes, err := shardmap.Plan(m, stats, list, shardmap.Thresholds{})
			require.NoError(t, err)
			require.NotEmpty(t, changes, "idle neighbours are left apart")
			for _, c := range changes {
				next, err := c.Apply(m)
				require.NoError(t, err)
				require.NoError(t, shardmap.CheckStep(m, next))
				m = next
				if c.Action == shardmap.MoveCopy {
					moves++
				}
			}
			m = settle(t, m)
		}
		require.LessOrEqual(t, moves, 6*splits, "copies were carried to and fro")
	})
}

func TestThresholdsThatWouldSplitAndMergeInTurnAreRefused(t *testing.T) {
	_, err := shardmap.Plan(three(t), nil, nil, shardmap.Thresholds{SplitBytes: 100, MergeBytes: 60})
	assert.ErrorIs(t, err, shardmap.ErrThresholds)
}

// TestMovesEndAndLeaveNodesBalanced applies plans until there is nothing to propose.
func TestMovesEndAndLeaveNodesBalanced(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := three(t)
		for i := range rapid.IntRange(0, 20).Draw(t, "splits") {
			var err error
			at := fmt.Sprintf("k%02d", i)
			m, _, err = m.Split(m.GetShardForKey(at), at, "")
			require.NoError(t, err)
		}
		m = settle(t, m)
		list := nodes("a", "b", "c", "a", "b", "c")
		closed := rapid.IntRange(0, 5).Draw(t, "closed")
		list[closed].Closed = true
		stats := make(map[shardmap.ID]shardmap.Stats)
		for i := range m.Len() {
			stats[m.At(i).ID] = shardmap.Stats{Bytes: 40 << 20}
		}
		for round := 0; ; round++ {
			require.Less(t, round, 200, "the moves don't end")
			changes, err := shardmap.Plan(m, stats, list, shardmap.Thresholds{})
			require.NoError(t, err)
			if len(changes) == 0 {
				break
			}
			for _, c := range changes {
				require.Equal(t, shardmap.MoveCopy, c.Action)
				next, err := c.Apply(m)
				require.NoError(t, err)
				require.NoError(t, shardmap.CheckStep(m, next))
				m, err = next.Activated(c.Shard, next.Get(c.Shard).Epoch)
				require.NoError(t, err)
			}
		}
		load := make(map[shardmap.NodeID]int)
		for i := range m.Len() {
			zones := make(map[string]bool)
			for _, n := range m.At(i).Replicas {
				load[n]++
				for _, node := range list {
					if node.ID == n {
						zones[node.Zone] = true
					}
				}
			}
			require.Len(t, zones, 3, "copies of %v share a zone", m.At(i))
		}
		require.Zero(t, load[list[closed].ID], "a closed node keeps copies")
		for i, n := range list { // the pair of nodes in a zone shares what the zone must hold
			if other := (i + 3) % 6; i != closed && other != closed {
				require.LessOrEqual(t, load[n.ID]-load[list[other].ID], max(2, m.Len()/5+1))
			}
		}
	})
}

func sum(m map[string]int) (total int) {
	for _, n := range m {
		total += n
	}
	return total
}
