package failover_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// world is a manager whose commands take effect at once, and nodes n1 … that beat as
// long as they are alive. A primary acts as soon as it is named, if a majority of the
// copies is alive.
type world struct {
	t     *testing.T
	m     *failover.Manager
	s     meta.State
	now   time.Duration
	dead  map[shardmap.NodeID]bool
	stuck map[shardmap.NodeID]bool // primaries there reach nobody
	lag   map[shardmap.NodeID]uint64
	full  map[shardmap.NodeID]bool
	size  wire.CopyReport // what all shards measure
	given []wire.Command
}

func newWorld(t *testing.T, nodes int, zones ...string) *world {
	w := &world{t: t, m: failover.New(failover.Config{}), dead: map[shardmap.NodeID]bool{}, stuck: map[shardmap.NodeID]bool{}, lag: map[shardmap.NodeID]uint64{}}
	set := meta.Defaults()
	set.ManualBalance = true
	zone := func(i int) string {
		if len(zones) == 0 {
			return ""
		}
		return zones[i%len(zones)]
	}
	var err error
	w.s, err = meta.First(1, wire.Member{Name: "n1", Nonce: 1, Zone: zone(0)}, set)
	require.NoError(t, err)
	for i := 1; i < nodes; i++ {
		w.apply(wire.Command{Kind: wire.AddNode, Member: &wire.Member{Name: fmt.Sprint("n", i+1), Nonce: 1, Zone: zone(i)}})
	}
	return w
}

func (w *world) apply(c wire.Command) {
	var err error
	w.s, _, err = w.s.Apply(&c)
	require.NoError(w.t, err, "%+v", c)
}

func (w *world) shard() *shardmap.Shard { return w.s.Map().At(0) }

// run lets time pass in steps of a quarter of a second.
func (w *world) run(d time.Duration) {
	for end := w.now + d; w.now < end; w.now += 250 * time.Millisecond {
		for i := range w.s.Members() {
			if id := w.s.Members()[i].ID; !w.dead[id] {
				w.m.Heard(w.now, &wire.Heartbeat{Peer: wire.Peer{From: id}, Reply: w.now%(5*time.Second) == 0, Full: w.full[id], Copies: w.reports(id)})
			}
		}
		for _, c := range w.m.Decide(w.now, w.s) {
			w.given = append(w.given, c)
			w.apply(c)
		}
	}
}

func (w *world) reports(id shardmap.NodeID) (list []wire.CopyReport) {
	for i := range w.s.Map().Len() {
		s := w.s.Map().At(i)
		if !s.HasReplica(id) {
			continue
		}
		r := wire.CopyReport{Shard: s.ID, Epoch: s.Epoch, Promised: s.Epoch, LastEpoch: 1, LastIndex: 100 - w.lag[id]}
		for _, other := range s.Replicas {
			if !w.dead[other] && (!w.stuck[id] || other == id) {
				r.InSync = append(r.InSync, other)
			}
		}
		r.Acting = s.Primary == id && (len(r.InSync) > len(s.Replicas)/2 || w.stuck[id])
		r.Activated = r.Acting
		r.Bytes, r.QPS, r.Middle, r.LoadMiddle, r.Measured = w.size.Bytes, w.size.QPS, w.size.Middle, w.size.LoadMiddle, w.size.Measured
		list = append(list, r)
	}
	return list
}

func (w *world) count(k wire.CommandKind) (n int) {
	for _, c := range w.given {
		if c.Kind == k {
			n++
		}
	}
	return n
}

func TestAShardGrowsToItsReplicationFactorOverTheZones(t *testing.T) {
	w := newWorld(t, 6, "a", "a", "b", "b", "c", "c")
	w.run(time.Minute)
	require.Len(t, w.shard().Replicas, 3)
	zones := map[string]bool{}
	for _, id := range w.shard().Replicas {
		zones[w.s.Member(id).Zone] = true
	}
	assert.Len(t, zones, 3)
	w.given = nil
	w.run(10 * time.Minute)
	assert.Empty(t, w.given, "what is as it should be is left alone")
	assert.Equal(t, wire.Normal, w.m.State())
}

func TestThreeMissedHeartbeatsAreAFailureAndThreeInARowItsEnd(t *testing.T) {
	w := newWorld(t, 5)
	w.run(time.Minute)
	victim := w.shard().Primary
	w.dead[victim] = true
	w.run(10 * time.Second)
	assert.Equal(t, wire.Detecting, w.m.NodeState(victim))
	assert.False(t, w.s.Member(victim).Down, "two are missing")
	w.run(8 * time.Second)
	assert.True(t, w.s.Member(victim).Down)
	assert.NotEqual(t, victim, w.shard().Primary)
	assert.Equal(t, wire.Completed, w.m.State())
	require.Len(t, w.s.History(), 1)
	assert.Equal(t, victim, w.s.History()[0].From)
	assert.Equal(t, w.shard().Primary, w.s.History()[0].To)
	set := w.s.Settings()
	assert.InDelta(t, failover.Silence(&set).Seconds(), w.s.History()[0].Silent.Seconds(), 5)

	w.dead[victim] = false
	w.run(9 * time.Second)
	assert.True(t, w.s.Member(victim).Down, "two have come")
	w.run(6 * time.Second)
	assert.False(t, w.s.Member(victim).Down)
}

func TestACopyIsMadeElsewhereOnlyAfterAWhile(t *testing.T) {
	w := newWorld(t, 5)
	w.run(time.Minute)
	victim := w.shard().Replicas[2]
	w.dead[victim] = true
	w.run(time.Minute)
	assert.Contains(t, w.shard().Replicas, victim, "it may come back")
	w.run(30 * time.Second)
	assert.NotContains(t, w.shard().Replicas, victim)
	assert.Len(t, w.shard().Replicas, 3)
}

func TestTheMostAdvancedCopyInSyncIsPromoted(t *testing.T) {
	w := newWorld(t, 3)
	w.run(time.Minute)
	s := w.shard()
	var others []shardmap.NodeID
	for _, id := range s.Replicas {
		if id != s.Primary {
			others = append(others, id)
		}
	}
	w.lag[others[0]] = 5
	w.dead[s.Primary] = true
	w.run(20 * time.Second)
	assert.Equal(t, others[1], w.shard().Primary)
}

func TestACopyOnAFullDiskIsPromotedLast(t *testing.T) {
	w := newWorld(t, 4)
	w.run(time.Minute)
	s := w.shard()
	var others []shardmap.NodeID
	for _, id := range s.Replicas {
		if id != s.Primary {
			others = append(others, id)
		}
	}
	w.lag[others[1]] = 5 // the other one would be the first choice
	w.full = map[shardmap.NodeID]bool{others[0]: true}
	w.dead[s.Primary] = true
	w.run(20 * time.Second)
	assert.Equal(t, others[1], w.shard().Primary)
}

func TestNobodyIsPromotedWithoutAMajority(t *testing.T) {
	w := newWorld(t, 3)
	w.run(time.Minute)
	s := w.shard()
	w.dead[s.Replicas[0]], w.dead[s.Replicas[1]] = true, true
	w.given = nil
	w.run(2 * time.Minute)
	assert.Zero(t, w.count(wire.SetPrimary))
	assert.Zero(t, w.count(wire.SetReplicas), "a third of the copies may lack what was acknowledged")
	assert.Equal(t, 2, w.count(wire.MarkDown))
}

func TestAPrimaryThatReachesNobodyIsReplacedWithoutFlapping(t *testing.T) {
	w := newWorld(t, 3)
	w.run(time.Minute)
	old := w.shard().Primary
	w.stuck[old] = true
	w.given = nil
	w.run(5 * time.Second)
	assert.Equal(t, []shardmap.ID{w.shard().ID}, w.m.Unavailable())
	w.run(time.Minute)
	assert.Empty(t, w.m.Unavailable())
	assert.NotEqual(t, old, w.shard().Primary)
	assert.Equal(t, 1, w.count(wire.SetPrimary))
	require.NotEmpty(t, w.s.History())
	assert.Contains(t, w.s.History()[0].Why, "can't act")
}

func TestDrainingMovesCopiesAwayOneAtATimeAndLeavingEndsInRemoval(t *testing.T) {
	w := newWorld(t, 5)
	w.run(time.Minute)
	victim := w.shard().Primary
	w.apply(wire.Command{Kind: wire.SetNodeState, Node: victim, State: wire.Draining})
	w.run(time.Minute)
	assert.False(t, w.s.Uses(victim))
	assert.Len(t, w.shard().Replicas, 3)
	for i := range w.s.Members() {
		if id := w.s.Members()[i].ID; id != victim && id != "n1" && !w.s.Uses(id) {
			w.apply(wire.Command{Kind: wire.SetNodeState, Node: id, State: wire.Leaving})
			w.run(time.Minute)
			assert.Equal(t, wire.Removed, w.s.Member(id).State)
			return
		}
	}
	t.Fatal("every node is used")
}

func TestADrainWithNowhereToGoWaits(t *testing.T) {
	w := newWorld(t, 3)
	w.run(time.Minute)
	w.apply(wire.Command{Kind: wire.SetNodeState, Node: "n3", State: wire.Draining})
	w.given = nil
	w.run(time.Minute)
	assert.Len(t, w.shard().Replicas, 3, "rather there than nowhere")
	assert.Empty(t, w.given)
}

func TestMeasurementsSplitAndMerge(t *testing.T) {
	w := newWorld(t, 3)
	w.run(time.Minute)
	set := w.s.Settings()
	set.ManualBalance, set.BalanceEvery = false, 10*time.Second
	w.apply(wire.Command{Kind: wire.ChangeSettings, Settings: &set})
	w.size = wire.CopyReport{Bytes: set.SplitBytes + 1, Middle: "m", Measured: true}
	w.run(time.Minute)
	assert.Equal(t, 1, w.count(wire.SplitShard), "at a key inside; the halves have no such middle: %+v", w.given)
	assert.Equal(t, 2, w.s.Map().Len())
	w.size = wire.CopyReport{QPS: set.SplitQPS + 1, LoadMiddle: "x", Measured: true}
	w.run(time.Minute)
	assert.Equal(t, 3, w.s.Map().Len(), "%v", w.given)
	w.size = wire.CopyReport{Bytes: 1, Measured: true}
	w.run(2 * time.Minute)
	assert.Equal(t, 1, w.s.Map().Len())
}

func TestPrimariesAreSpread(t *testing.T) {
	w := newWorld(t, 3)
	w.run(time.Minute)
	for _, at := range []string{"b", "c", "d", "e", "f"} {
		w.apply(wire.Command{Kind: wire.SplitShard, Shard: w.s.Map().GetShardForKey(at), Start: at})
		w.run(10 * time.Second)
	}
	set := w.s.Settings()
	set.ManualBalance = false
	w.apply(wire.Command{Kind: wire.ChangeSettings, Settings: &set})
	w.run(5 * time.Minute)
	primaries := map[shardmap.NodeID]int{}
	for i := range w.s.Map().Len() {
		primaries[w.s.Map().At(i).Primary]++
	}
	assert.Equal(t, map[shardmap.NodeID]int{"n1": 2, "n2": 2, "n3": 2}, primaries)
}

func TestTheBoundGrowsWithWhatItRestsOn(t *testing.T) {
	set := meta.Defaults()
	usual := failover.Usual()
	base := failover.Bound(&set, usual)
	assert.Less(t, base, 30*time.Second)
	assert.Greater(t, base, failover.Silence(&set))
	slow := usual
	slow.Sync = time.Second
	assert.Greater(t, failover.Bound(&set, slow), base)
	set.FailureThreshold = 4
	assert.Equal(t, base+set.Heartbeat, failover.Bound(&set, usual))
}

func TestADrainingNodeHandsItsPrimariesOver(t *testing.T) {
	w := newWorld(t, 3)
	w.run(time.Minute)
	was := w.shard().Primary
	require.Len(t, w.shard().Replicas, 3)
	w.given = nil
	w.apply(wire.Command{Kind: wire.SetNodeState, Node: was, State: wire.Draining})
	w.run(3 * time.Second)
	assert.NotEqual(t, was, w.shard().Primary)
	assert.True(t, w.shard().HasReplica(was), "its copy has nowhere to go")
	assert.Equal(t, 1, w.count(wire.SetPrimary), "once, not to and fro")
	assert.Empty(t, w.s.History(), "nothing has failed")

	// Where nobody else may be primary, it stays: better drained later than missed.
	w = newWorld(t, 3)
	w.run(time.Minute)
	was = w.shard().Primary
	for i := range w.s.Members() {
		w.apply(wire.Command{Kind: wire.SetNodeState, Node: w.s.Members()[i].ID, State: wire.Draining})
	}
	w.run(time.Minute)
	assert.Equal(t, was, w.shard().Primary)
}
