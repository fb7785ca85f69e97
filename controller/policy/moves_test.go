package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller/policy"
)

// loaded makes an observation of copies given as node and rate, one shard each.
func loaded(at time.Duration, copies ...policy.Copy) policy.Observation {
	o := policy.Observation{At: at, LoadKnown: true, Window: time.Minute, DataNodes: 3}
	qps, bytes, count := map[string]float64{}, map[string]int64{}, map[string]int{}
	for i, c := range copies {
		if c.Index == "" {
			c.Index, c.Shard = "i", i
		}
		o.Copies = append(o.Copies, c)
		qps[c.Node] += c.QPS
		bytes[c.Node] += c.Bytes
		count[c.Node]++
	}
	for _, n := range []string{"a", "b", "c"} {
		o.Nodes = append(o.Nodes, policy.Node{Name: n, Shards: count[n], QPS: qps[n], Bytes: bytes[n], DiskTotal: 1000, DiskUsed: bytes[n]})
	}
	return o
}

func busy(node string, qps float64) policy.Copy { return policy.Copy{Node: node, QPS: qps, Bytes: 10} }

func TestHotspotMovesTheShardThatLevelsTheNodesBest(t *testing.T) {
	p := policy.NewHotspot(policy.HotspotConfig{})
	o := loaded(0, busy("a", 400), busy("a", 300), busy("b", 50), busy("b", 50), busy("c", 30), busy("c", 20))
	v := p.Decide(o)
	require.Equal(t, []policy.Action{policy.Move}, v.Actions, v.Reason)
	assert.Equal(t, []policy.ShardMove{{Index: "i", Shard: 1, From: "a", To: "c", Bytes: 10}}, v.Moves, "300 on c makes 350 there and leaves 400; 400 would make 450")
	assert.Contains(t, v.Reason, "42.8571% less busy")

	o.At = 4 * time.Minute
	assert.Contains(t, p.Decide(o).Reason, "cool-down is 5m0s")
	o.At = 5 * time.Minute
	assert.True(t, p.Decide(o).Acts())
}

func TestHotspotLeavesAShardThatWouldOnlyTakeItsLoadAlong(t *testing.T) {
	v := policy.NewHotspot(policy.HotspotConfig{}).Decide(loaded(0, busy("a", 900), busy("b", 50), busy("c", 50)))
	assert.False(t, v.Acts())
	assert.Contains(t, v.Reason, "no move makes a at least 10% less busy")

	v = policy.NewHotspot(policy.HotspotConfig{}).Decide(loaded(0, busy("a", 900), busy("a", 200), busy("b", 50), busy("c", 50), busy("c", 10)))
	require.Len(t, v.Moves, 1)
	assert.Equal(t, 1, v.Moves[0].Shard, "the other shard makes room for the hot one")
	assert.Equal(t, "b", v.Moves[0].To)
}

func TestHotspotKnowsWhereACopyMayNotGo(t *testing.T) {
	hot := policy.Copy{Index: "x", Shard: 0, Primary: true, Node: "a", QPS: 300, Bytes: 1}
	replica := policy.Copy{Index: "x", Shard: 0, Node: "c", QPS: 1, Bytes: 1}
	v := policy.NewHotspot(policy.HotspotConfig{}).Decide(loaded(0, hot, busy("a", 200), busy("b", 20), replica))
	require.Len(t, v.Moves, 1)
	if v.Moves[0].Index == "x" {
		assert.Equal(t, "b", v.Moves[0].To, "c holds the replica of that shard")
	}
	o := loaded(0, busy("a", 400), busy("a", 300), busy("b", 50), busy("b", 10), busy("b", 10))
	o.Nodes[2].CPUPercent = 95
	v = policy.NewHotspot(policy.HotspotConfig{}).Decide(o)
	require.Len(t, v.Moves, 1)
	assert.Equal(t, "b", v.Moves[0].To, "the processors of c are busy with something else")
	o = loaded(0, busy("a", 400), busy("a", 300), busy("b", 50), busy("b", 10), busy("b", 10))
	o.Relocating = 1
	assert.Contains(t, policy.NewHotspot(policy.HotspotConfig{}).Decide(o).Reason, "on the move already")
	o.LoadKnown = false
	assert.Equal(t, "rates are not known yet", policy.NewHotspot(policy.HotspotConfig{}).Decide(o).Reason)
}

// sized is a copy of so many bytes; disks hold 1,000.
func sized(node string, bytes int64) policy.Copy { return policy.Copy{Node: node, Bytes: bytes} }

func TestDiskMovesTheSmallestShardThatIsEnough(t *testing.T) {
	p := policy.NewDisk(policy.DiskConfig{})
	o := loaded(0, sized("a", 500), sized("a", 100), sized("a", 70), sized("a", 160), sized("b", 300), sized("c", 200))
	v := p.Decide(o)
	require.Equal(t, []policy.Action{policy.Hold, policy.Move}, v.Actions, v.Reason)
	assert.Equal(t, []policy.ShardMove{{Index: "i", Shard: 1, From: "a", To: "c", Bytes: 100}}, v.Moves, "830 must come down to 750: 100 is the least that will do")
	assert.Contains(t, v.Reason, "the disk of a is 83% full, above 80%")
	o.At = time.Minute
	assert.Contains(t, p.Decide(o).Reason, "cool-down")
}

func TestDiskHoldsRebalancingUntilWhatLeftCouldComeBack(t *testing.T) {
	p := policy.NewDisk(policy.DiskConfig{})
	require.True(t, p.Decide(loaded(0, sized("a", 730), sized("a", 100), sized("b", 300), sized("c", 200))).Acts())
	relieved := loaded(30*time.Second, sized("a", 730), sized("c", 100), sized("b", 300), sized("c", 200))
	assert.Contains(t, p.Decide(relieved).Reason, "is 73% full, not above 80%", "with the 100 it would be at 83 %")
	free := loaded(time.Minute, sized("a", 500), sized("c", 100), sized("b", 300), sized("c", 200))
	v := p.Decide(free)
	assert.Equal(t, []policy.Action{policy.Release}, v.Actions)
	assert.Contains(t, v.Reason, "could take back what left it")
	assert.False(t, p.Decide(free).Acts(), "once")
}

func TestDiskTakesSeveralWhenNoneIsEnoughAndSpreadsThem(t *testing.T) {
	v := policy.NewDisk(policy.DiskConfig{}).Decide(loaded(0, sized("a", 600), sized("a", 60), sized("a", 60), sized("a", 60), sized("a", 60),
		sized("b", 300), sized("c", 280)))
	assert.Equal(t, []policy.ShardMove{{Index: "i", Shard: 1, From: "a", To: "c", Bytes: 60}, {Index: "i", Shard: 2, From: "a", To: "b", Bytes: 60}}, v.Moves)
}

func TestDiskDoesNothingInTimeOrInVain(t *testing.T) {
	decide := func(copies ...policy.Copy) policy.Verdict {
		return policy.NewDisk(policy.DiskConfig{}).Decide(loaded(0, copies...))
	}
	assert.Contains(t, decide(sized("a", 800)).Reason, "is 80% full, not above 80%")
	v := decide(sized("a", 400), sized("a", 450), sized("b", 400), sized("c", 400))
	assert.False(t, v.Acts())
	assert.Contains(t, v.Reason, "the cluster needs more disk")
	assert.Equal(t, "how full the disks are is not known", policy.NewDisk(policy.DiskConfig{}).Decide(policy.Observation{}).Reason)
	moving := loaded(0, sized("a", 900))
	moving.Relocating = 1
	assert.Contains(t, policy.NewDisk(policy.DiskConfig{}).Decide(moving).Reason, "on the move already")
}
