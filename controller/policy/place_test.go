package policy_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller/policy"
)

func TestDistancesAreReadAndRefused(t *testing.T) {
	d, err := policy.ParseDistance("zone(same=0.5, other=10, a/b=2)")
	require.NoError(t, err)
	node := func(zone string) policy.Node { return policy.Node{Attributes: map[string]string{"zone": zone}} }
	for _, c := range []struct {
		a, b policy.Node
		far  float64
	}{
		{node("a"), node("a"), 0.5}, {node("a"), node("b"), 2}, {node("b"), node("a"), 2}, {node("a"), node("c"), 10},
		{policy.Node{}, policy.Node{}, 10}, {policy.Node{}, node("a"), 10},
	} {
		assert.InDelta(t, c.far, d.Between(c.a, c.b), 1e-12)
	}
	plain, err := policy.ParseDistance("rack")
	require.NoError(t, err)
	assert.Equal(t, policy.Distance{Attribute: "rack", Other: 1}, plain)
	assert.Zero(t, policy.Distance{}.Between(node("a"), node("b")), "without distances all are equally far")
	for text, want := range map[string]string{
		"": "no attribute", "(same=1)": "no attribute", "zone(same=1": "not closed", "zone(same=-1)": "not a number from 0 on",
		"zone(other=NaN)": "not a number", "zone(near=1)": "neither same, other nor two zones", "zone(a/b=1, b/a=2)": "given twice",
		"zone(same=2)": "within a zone it is farther", "zone(a/=1)": "neither",
	} {
		_, err := policy.ParseDistance(text)
		assert.ErrorContains(t, err, want, text)
	}
}

func FuzzParseDistance(f *testing.F) {
	for _, text := range []string{"zone", "zone(same=0, other=1, a/b=2)", "zone(", "zone(=)", "z(a/b=1e9)"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := policy.ParseDistance(text)
		if err != nil {
			return
		}
		assert.True(t, d.Known())
		assert.GreaterOrEqual(t, d.Other, d.Same)
		assert.GreaterOrEqual(t, d.Same, 0.0)
	})
}

func TestANodeHoldsWhatItsRolesAllow(t *testing.T) {
	o := policy.Observation{
		Nodes: []policy.Node{
			{Name: "any", Roles: []string{"master", "data"}}, {Name: "hot", Roles: []string{"data_hot"}}, {Name: "content", Roles: []string{"data_content"}},
			{Name: "frozen", Roles: []string{"data_frozen"}}, {Name: "master", Roles: []string{"master", "ingest"}}, {Name: "unknown"},
		},
		Tiers: map[string][]string{"metrics": {"data_warm", "data_hot"}, "docs": {"data_content"}, "cold": {"data_cold"}},
	}
	for index, want := range map[string][]string{
		"metrics": {"any", "unknown"},                   // a node with the role data is of the tier data_warm too
		"docs":    {"any", "content", "unknown"},        // of its tier
		"cold":    {"any", "unknown"},                   // likewise
		"plain":   {"any", "hot", "content", "unknown"}, // without a preference every data node that is not frozen
	} {
		var may []string
		for _, n := range o.Nodes {
			if ok, why := o.MayHold(n, index); ok {
				may = append(may, n.Name)
			} else {
				assert.Contains(t, why, n.Name)
			}
		}
		assert.Equal(t, want, may, index)
	}
	o.Nodes = o.Nodes[1:]
	ok, _ := o.MayHold(o.Nodes[0], "metrics")
	assert.True(t, ok, "without a warm node the second choice counts")
	assert.True(t, policy.Tiered(o.Nodes))
	assert.False(t, policy.Tiered([]policy.Node{{Roles: []string{"data", "master"}}, {Roles: []string{"master"}}, {}}))
}

// placed gives the nodes of an observation zones and roles.
func placed(o policy.Observation, distance string, nodes map[string][]string) policy.Observation {
	d, err := policy.ParseDistance(distance)
	if err != nil {
		panic(err)
	}
	o.Distance = d
	for i := range o.Nodes {
		at := nodes[o.Nodes[i].Name]
		o.Nodes[i].Attributes, o.Nodes[i].Roles = map[string]string{"zone": at[0]}, at[1:]
	}
	return o
}

func TestDiskMovesToTheNearestNodeWithRoomThatMayHoldIt(t *testing.T) {
	o := loaded(0, policy.Copy{Node: "a", Bytes: 430}, policy.Copy{Node: "a", Bytes: 400}, policy.Copy{Node: "b", Bytes: 300}, policy.Copy{Node: "c", Bytes: 10})
	near := placed(o, "zone(other=7)", map[string][]string{"a": {"x", "data"}, "b": {"x", "data"}, "c": {"y", "data"}})
	v := policy.NewDisk(policy.DiskConfig{}).Decide(near)
	require.NotEmpty(t, v.Moves, v.Reason)
	assert.Equal(t, "b", v.Moves[0].To, "c has more room, and is farther")
	assert.Contains(t, v.Reason, "i[1] to b at distance 0")
	far, ok := v.Numbers.Get("distance")
	assert.True(t, ok)
	assert.Zero(t, far)

	barred := placed(o, "zone(other=7)", map[string][]string{"a": {"x", "data"}, "b": {"x", "master"}, "c": {"y", "data"}})
	v = policy.NewDisk(policy.DiskConfig{}).Decide(barred)
	require.NotEmpty(t, v.Moves, v.Reason)
	assert.Equal(t, "c", v.Moves[0].To, "b holds no data")
	assert.InDelta(t, 7, v.Moves[0].Distance, 0)

	nowhere := placed(o, "zone", map[string][]string{"a": {"x", "data"}, "b": {"x", "master"}, "c": {"y", "ingest"}})
	v = policy.NewDisk(policy.DiskConfig{}).Decide(nowhere)
	assert.Empty(t, v.Moves)
	assert.Contains(t, v.Reason, "b holds no data: its roles are master; c holds no data: its roles are ingest")
}

func TestHotspotGoesFartherOnlyForMoreRelief(t *testing.T) {
	o := loaded(0, busy("a", 400), busy("a", 300), busy("b", 100), busy("b", 100), busy("c", 30), busy("c", 20))
	zones := map[string][]string{"a": {"x", "data"}, "b": {"x", "data"}, "c": {"y", "data"}}
	move := func(distance string) policy.ShardMove {
		v := policy.NewHotspot(policy.HotspotConfig{}).Decide(placed(o, distance, zones))
		require.Len(t, v.Moves, 1, v.Reason)
		return v.Moves[0]
	}
	assert.Equal(t, "b", move("zone(other=2)").To, "300 on c would leave a seventh of 700 less, and two tenths are asked for")
	assert.Equal(t, "c", move("zone(other=1)").To, "which is more than one")
	v := policy.NewHotspot(policy.HotspotConfig{}).Decide(placed(o, "zone", map[string][]string{"a": {"x", "data"}, "b": {"x", "master"}, "c": {"y", "ml"}}))
	assert.Empty(t, v.Moves)
	assert.Contains(t, v.Reason, "b holds no data")
}

func TestTheDistanceIsThatFromThePrimaryWhichTheDataComesFrom(t *testing.T) {
	primary := policy.Copy{Index: "i", Shard: 9, Primary: true, Node: "c", Bytes: 10}
	replica := policy.Copy{Index: "i", Shard: 9, Node: "a", Bytes: 100}
	o := placed(loaded(0, replica, policy.Copy{Node: "a", Bytes: 730, Moving: true}, primary), "zone", map[string][]string{"a": {"x", "data"}, "b": {"x", "data"}, "c": {"y", "data"}})
	v := policy.NewDisk(policy.DiskConfig{}).Decide(o)
	require.Len(t, v.Moves, 1, v.Reason)
	assert.Equal(t, "b", v.Moves[0].To)
	assert.InDelta(t, 1, v.Moves[0].Distance, 0, "b is in the zone of the copy, but the data comes from c")
}

func TestAnEstimateMovesNothingToNodesThatMayNotHoldIt(t *testing.T) {
	o := loaded(0, busy("a", 1), busy("a", 1), busy("a", 1), busy("b", 1))
	o = placed(o, "zone", map[string][]string{"a": {"x", "data"}, "b": {"x", "data"}, "c": {"x", "master"}})
	for _, m := range policy.EvenOut(o) {
		assert.Equal(t, "b", m.To)
	}
	assert.Len(t, policy.EvenOut(o), 1)
}
