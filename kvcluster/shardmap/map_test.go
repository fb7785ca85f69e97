package shardmap_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

func three(t require.TestingT) *shardmap.Map {
	m, err := shardmap.New("s0", []shardmap.NodeID{"n1", "n2", "n3"})
	require.NoError(t, err)
	return m
}

func TestTheUsersExampleCutsTwoShardsOutOfTheWhole(t *testing.T) {
	m, err := three(t).Create("shard1", "a", "m")
	require.NoError(t, err)
	m, err = m.Create("shard2", "m", "z")
	require.NoError(t, err)
	require.NoError(t, m.Check())
	assert.Equal(t, shardmap.ID("shard1"), m.GetShardForKey("apple"))
	assert.Equal(t, shardmap.ID("shard2"), m.GetShardForKey("m"))
	assert.Equal(t, shardmap.ID("s0"), m.GetShardForKey("A"), "what is left of the range keeps the old name")
	assert.Equal(t, "z", m.Lookup("zebra").Start)
	assert.Equal(t, 4, m.Len())
}

// settle lets all primaries act.
func settle(t require.TestingT, m *shardmap.Map) *shardmap.Map {
	for i := 0; i < m.Len(); i++ {
		before := m.Len()
		var err error
		m, err = m.Activated(m.At(i).ID, m.At(i).Epoch)
		require.NoError(t, err)
		i -= before - m.Len() // one is gone
	}
	return m
}

func TestChangesThatWouldBreakTheTilingAreRefused(t *testing.T) {
	m, right, err := three(t).Split("s0", "m", "")
	require.NoError(t, err)
	for name, c := range map[string]struct {
		do   func() error
		want error
	}{
		"a range over two shards": {func() error { _, err := m.Create("x", "a", "z"); return err }, shardmap.ErrSpans},
		"an empty range":          {func() error { _, err := m.Create("x", "b", "b"); return err }, shardmap.ErrBadRange},
		"a name that is taken":    {func() error { _, err := m.Create("s0", "b", "c"); return err }, shardmap.ErrShardExists},
		"an existing range":       {func() error { _, err := m.Create("x", "", "m"); return err }, shardmap.ErrShardExists},
		"a split at the start":    {func() error { _, _, err := m.Split(right, "m", ""); return err }, shardmap.ErrBadRange},
		"a split outside":         {func() error { _, _, err := m.Split("s0", "z", ""); return err }, shardmap.ErrBadRange},
		"a second copy on a node": {func() error { _, err := m.Move("s0", "n1", "n2"); return err }, shardmap.ErrIsReplica},
		"a primary without copy":  {func() error { _, err := m.SetPrimary("s0", "n9"); return err }, shardmap.ErrNotReplica},
		"no copies at all":        {func() error { _, err := m.SetReplicas("s0", nil); return err }, shardmap.ErrNoReplicas},
		"deleting the last shard": {func() error { _, _, err := three(t).Delete("s0", shardmap.DropData); return err }, shardmap.ErrLastShard},
		"a shard that isn't":      {func() error { _, _, err := m.Split("nope", "b", ""); return err }, shardmap.ErrUnknownShard},
	} {
		t.Run(name, func(t *testing.T) { assert.ErrorIs(t, c.do(), c.want) })
	}
}

func TestMergingNeedsTheSameNodesAndASettledShard(t *testing.T) {
	m, right, err := three(t).Split("s0", "m", "")
	require.NoError(t, err)
	_, err = m.SetReplicas(right, []shardmap.NodeID{"n3", "n4", "n5"})
	assert.ErrorIs(t, err, shardmap.ErrUnsettled, "its data isn't there yet")
	_, err = m.SetReplicas("s0", []shardmap.NodeID{"n3", "n4", "n5"})
	assert.ErrorIs(t, err, shardmap.ErrUnsettled, "it can't be made there")
	_, err = m.Move(right, "n3", "n4")
	require.NoError(t, err, "a node that is lost must be replaced")
	m = settle(t, m)
	moved, err := m.Move(right, "n3", "n4")
	require.NoError(t, err)
	assert.Equal(t, [][]shardmap.NodeID{{"n1", "n2", "n3"}}, moved.Get(right).Fence, "the earlier copies must be fenced")
	_, err = moved.Merge("s0", right)
	assert.ErrorIs(t, err, shardmap.ErrUnsettled)
	settled, err := moved.Activated(right, moved.Get(right).Epoch)
	require.NoError(t, err)
	_, err = settled.Merge("s0", right)
	assert.ErrorIs(t, err, shardmap.ErrNotColocated)
	_, _, err = settled.Delete(right, shardmap.KeepData)
	assert.ErrorIs(t, err, shardmap.ErrNotColocated)
	dropped, heir, err := settled.Delete(right, shardmap.DropData)
	require.NoError(t, err)
	assert.Equal(t, shardmap.ID("s0"), heir)
	assert.Equal(t, 2, dropped.Len(), "until its primary says that its neighbour has what it needs")
	assert.Equal(t, 1, settle(t, dropped).Len())
	merged, err := m.Merge(right, "s0")
	require.NoError(t, err)
	assert.Equal(t, right, merged.GetShardForKey("zzz"))
	_, _, err = merged.Split("s0", "b", "")
	assert.ErrorIs(t, err, shardmap.ErrUnsettled, "an heir waits for what it gets")
	merged = settle(t, merged)
	assert.Equal(t, 1, merged.Len())
	assert.Equal(t, shardmap.ID("s0"), merged.GetShardForKey("zzz"))
}

// A line that somebody drew is known by the shard that begins there, as long as there is
// one.
func TestLinesThatSomebodyDrewAreKept(t *testing.T) {
	m, err := three(t).Create("mine", "c", "m")
	require.NoError(t, err)
	m, _, err = m.Split("mine", "e", "auto")
	require.NoError(t, err)
	m, _, err = m.SplitKept("auto", "g", "asked")
	require.NoError(t, err)
	m = settle(t, m)
	kept := func(m *shardmap.Map) (lines []string) {
		for i := range m.Len() {
			if m.At(i).Kept {
				lines = append(lines, m.At(i).Start)
			}
		}
		return lines
	}
	assert.Equal(t, []string{"c", "g", "m"}, kept(m), "both ends of what was created, and where a split was asked for")
	m, err = m.Merge("auto", "asked")
	require.NoError(t, err)
	m = settle(t, m)
	assert.Equal(t, []string{"c", "m"}, kept(m), "who merges two shards takes the line away")
	m, _, err = m.Delete("s0", shardmap.KeepData) // its right neighbour is the heir
	require.NoError(t, err)
	m = settle(t, m)
	assert.Equal(t, shardmap.ID("mine"), m.At(0).ID)
	assert.Equal(t, []string{"m"}, kept(m), "the first shard begins where s0 did")
}

func TestAnActivationOfAnOldEpochChangesNothing(t *testing.T) {
	m, err := three(t).Move("s0", "n1", "n4")
	require.NoError(t, err)
	old := m.Get("s0").Epoch
	assert.Equal(t, shardmap.NodeID("n2"), m.Get("s0").Primary, "a copy that was there before takes over")
	m, err = m.Move("s0", "n2", "n5")
	require.NoError(t, err)
	same, err := m.Activated("s0", old)
	require.NoError(t, err)
	assert.Same(t, m, same)
	assert.Len(t, same.Get("s0").Fence, 2)
}

func TestMapsFromOutsideAreChecked(t *testing.T) {
	n := []shardmap.NodeID{"n1"}
	for name, shards := range map[string][]shardmap.Shard{
		"a gap":           {{ID: "a", End: "b", Replicas: n, Epoch: 1}, {ID: "b", Start: "c", Replicas: n, Epoch: 1}},
		"an overlap":      {{ID: "a", End: "d", Replicas: n, Epoch: 1}, {ID: "b", Start: "c", Replicas: n, Epoch: 1}},
		"a late start":    {{ID: "a", Start: "c", Replicas: n, Epoch: 1}},
		"an early end":    {{ID: "a", End: "c", Replicas: n, Epoch: 1}},
		"a name twice":    {{ID: "a", End: "c", Replicas: n, Epoch: 1}, {ID: "a", Start: "c", Replicas: n, Epoch: 1}},
		"two copies":      {{ID: "a", Replicas: []shardmap.NodeID{"n1", "n1"}, Epoch: 1}},
		"a lost primary":  {{ID: "a", Replicas: n, Primary: "n2", Epoch: 1}},
		"no epoch":        {{ID: "a", Replicas: n}},
		"a future epoch":  {{ID: "a", Replicas: n, Epoch: 2}},
		"nothing":         nil,
		"an empty fence":  {{ID: "a", Replicas: n, Epoch: 1, Fence: [][]shardmap.NodeID{{}}}},
		"a nameless node": {{ID: "a", Replicas: []shardmap.NodeID{""}, Epoch: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := shardmap.FromShards(1, shards)
			assert.Error(t, err)
		})
	}
}

// TestRandomChangesKeepTheInvariants makes arbitrary changes and checks after each
// that the ranges tile the space, that epochs grow, that lookup agrees with a plain
// search, and that the map before is as it was.
func TestRandomChangesKeepTheInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := three(t)
		key := rapid.StringMatching(`[a-d]{0,3}`)
		node := rapid.SampledFrom([]shardmap.NodeID{"n1", "n2", "n3", "n4", "n5"})
		changes := 0
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			before := dump(m)
			any := func() shardmap.ID { return m.At(rapid.IntRange(0, m.Len()-1).Draw(t, "shard")).ID }
			var next *shardmap.Map
			var err error
			switch rapid.IntRange(0, 8).Draw(t, "change") {
			case 0:
				next, err = m.Create(shardmap.ID(rapid.StringMatching(`[xy][0-9]`).Draw(t, "id")), key.Draw(t, "start"), key.Draw(t, "end"))
			case 1, 2:
				next, _, err = m.Split(any(), key.Draw(t, "at"), "")
			case 3:
				next, err = m.Merge(any(), any())
			case 4:
				next, _, err = m.Delete(any(), shardmap.DataFate(rapid.IntRange(0, 1).Draw(t, "fate")))
			case 5:
				next, err = m.Move(any(), node.Draw(t, "from"), node.Draw(t, "to"))
			case 6:
				next, err = m.SetPrimary(any(), node.Draw(t, "primary"))
			case 7:
				next, err = m.SetReplicas(any(), rapid.SliceOfN(node, 0, 4).Draw(t, "nodes"))
			case 8:
				id := any()
				next, err = m.Activated(id, m.Get(id).Epoch)
			}
			require.Equal(t, before, dump(m), "the old map has changed")
			if err != nil {
				require.Nil(t, next)
				continue
			}
			require.NoError(t, shardmap.CheckStep(m, next))
			k := key.Draw(t, "key")
			require.Equal(t, search(next, k), next.GetShardForKey(k))
			again, err := shardmap.FromShards(next.Version(), reversed(next))
			require.NoError(t, err)
			require.Equal(t, dump(next), dump(again))
			m = next
			changes++
		}
		t.Logf("%d changes", changes)
	})
}

func TestCheckStepSeesEveryKindOfDisorder(t *testing.T) {
	m, _, err := three(t).Split("s0", "m", "r")
	require.NoError(t, err)
	tamper := func(f func(*shardmap.Shard)) *shardmap.Map {
		list := reversed(m)
		for i := range list {
			if list[i].ID == "r" {
				f(&list[i])
			}
		}
		next, err := shardmap.FromShards(m.Version()+1, list)
		require.NoError(t, err)
		return next
	}
	require.NoError(t, shardmap.CheckStep(m, tamper(func(*shardmap.Shard) {})))
	for name, f := range map[string]func(*shardmap.Shard){
		"an epoch that goes back":      func(s *shardmap.Shard) { s.Epoch-- },
		"a primary at the same epoch":  func(s *shardmap.Shard) { s.Primary = "n2" },
		"copies at the same epoch":     func(s *shardmap.Shard) { s.Replicas = []shardmap.NodeID{"n1", "n2", "n4"} },
		"a name at the same epoch":     func(s *shardmap.Shard) { s.ID = "q" },
		"a new fence at the old epoch": func(s *shardmap.Shard) { s.Fence = [][]shardmap.NodeID{{"n7"}} },
	} {
		t.Run(name, func(t *testing.T) { assert.Error(t, shardmap.CheckStep(m, tamper(f))) })
	}
}

func TestLookingUpAllocatesNothing(t *testing.T) {
	m := many(t, 1000)
	allocs := testing.AllocsPerRun(100, func() {
		if m.GetShardForKey("k0500x") != m.Lookup("k0500").ID {
			t.Fatal("two answers for one shard")
		}
	})
	assert.Zero(t, allocs)
}

func BenchmarkLookup(b *testing.B) {
	m := many(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		m.Lookup("k5000x")
	}
}

func many(t require.TestingT, n int) *shardmap.Map {
	shards := make([]shardmap.Shard, n)
	for i := range shards {
		shards[i] = shardmap.Shard{ID: shardmap.ID(fmt.Sprint("s", i)), Replicas: []shardmap.NodeID{"n1"}, Epoch: 1}
		if i > 0 {
			shards[i].Start = fmt.Sprintf("k%04d", i)
			shards[i-1].End = shards[i].Start
		}
	}
	m, err := shardmap.FromShards(1, shards)
	require.NoError(t, err)
	return m
}

func dump(m *shardmap.Map) string {
	var out string
	for i := range m.Len() {
		out += fmt.Sprintf("%v fence %v\n", m.At(i), m.At(i).Fence)
	}
	return out
}

func search(m *shardmap.Map, key string) shardmap.ID {
	for i := range m.Len() {
		if m.At(i).Covers(key) {
			return m.At(i).ID
		}
	}
	return ""
}

func reversed(m *shardmap.Map) []shardmap.Shard {
	var list []shardmap.Shard
	m.Range("", "", func(s *shardmap.Shard) bool {
		list = append(list, s.Clone())
		return true
	})
	slices.Reverse(list)
	return list
}
