package kv_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// fleet is a cluster of whole nodes and a client.
type fleet struct {
	t   *testing.T
	e   *sim.Engine
	f   *kv.Fleet
	k   *kv.Caller
	seq uint64
}

func newFleet(t *testing.T, cfg kv.FleetConfig) *fleet {
	w := &fleet{t: t, e: sim.NewEngine(sim.Config{Seed: 1})}
	if cfg.Settings == (wire.Settings{}) {
		cfg.Settings = meta.Defaults()
	}
	w.f = kv.NewFleet(w.e, cfg)
	w.k = w.f.NewCaller("client")
	for _, m := range w.f.Machines() {
		m.Start()
	}
	t.Cleanup(func() {
		require.NoError(t, w.f.Err())
		require.NoError(t, w.e.Close())
	})
	return w
}

func (w *fleet) run(d time.Duration) { require.NoError(w.t, w.e.Run(w.e.Now().Add(d))) }

// until runs until something is so.
func (w *fleet) until(limit time.Duration, what string, is func() bool) time.Duration {
	start := w.e.Now()
	require.NoError(w.t, w.e.RunUntil(is, start.Add(limit)))
	require.True(w.t, is(), what)
	return (w.e.Now() - start).Duration()
}

func (w *fleet) ask(machine string, m wire.Message) wire.Message {
	var answer wire.Message
	done := false
	w.k.Ask(machine, m, time.Minute, func(a wire.Message) { answer, done = a, true })
	w.until(2*time.Minute, "an answer", func() bool { return done })
	require.NotNil(w.t, answer)
	return answer
}

func (w *fleet) admin(machine string, c wire.Command) *wire.AdminResult {
	return w.ask(machine, &wire.Admin{Command: c}).(*wire.AdminResult)
}

// state is the cluster's, as the leader knows it.
func (w *fleet) state() meta.State {
	l := w.f.Leader()
	if l == nil {
		return meta.State{}
	}
	return l.Node().Group().State()
}

func (w *fleet) shard(key string) *shardmap.Shard { return w.state().Map().Lookup(key) }

func (w *fleet) do(r wire.Request) *wire.Response {
	s := w.shard(append(r.Keys, r.Ops[0].Key)[0])
	r.Shard = s.ID
	return w.ask(string(s.Primary), &r).(*wire.Response)
}

// whole reports whether every shard has as many copies as it should, all in sync, and
// the metadata group its voters.
func (w *fleet) whole() bool {
	s := w.state()
	if !s.Known() {
		return false
	}
	voters := 0
	for _, m := range s.Members() {
		if m.Role == wire.Voter {
			voters++
		}
	}
	set := s.Settings()
	for i := range s.Map().Len() {
		sh := s.Map().At(i)
		p := w.f.Primary(sh.ID)
		if p == nil || !sh.Settled() || len(sh.Replicas) != int(set.Replicas) || len(p.Node().Copy(sh.ID).Status().InSync) != int(set.Replicas) {
			return false
		}
	}
	return voters == int(set.Voters)
}

func TestMachinesBecomeAClusterOnTheirOwn(t *testing.T) {
	w := newFleet(t, kv.FleetConfig{Machines: []string{"n1", "n2", "n3", "n4"}, Zones: []string{"a", "a", "b", "c"}})
	took := w.until(2*time.Minute, "whole", w.whole)
	t.Log("whole after", took)
	s := w.state()
	require.Len(t, s.Members(), 4)
	zones := map[string]bool{}
	for _, id := range s.Map().At(0).Replicas {
		zones[s.Member(id).Zone] = true
	}
	assert.Len(t, zones, 3, "the copies are in different zones: %v", s.Map().At(0))
	a := w.do(wire.Request{Client: 1, Seq: 1, Level: wire.All, Kind: wire.Write, Ops: []wire.Op{{Key: "k", Value: []byte("v")}}})
	assert.Equal(t, wire.OK, a.Status, a.Reason)
}

func (w *fleet) write(key, value string) *wire.Response {
	w.seq++
	return w.do(wire.Request{Client: 1, Seq: w.seq, Level: wire.Quorum, Kind: wire.Write, Ops: []wire.Op{{Key: key, Value: []byte(value)}}})
}

func (w *fleet) read(key string) string {
	s := w.shard(key)
	a := w.ask(string(s.Primary), &wire.Request{Shard: s.ID, Level: wire.Quorum, Keys: []string{key}}).(*wire.Response)
	require.Equal(w.t, wire.OK, a.Status, a.Reason)
	if len(a.Items) == 0 {
		return ""
	}
	return string(a.Items[0].Value)
}

func (w *fleet) acts(key string) func() bool {
	return func() bool {
		s := w.state()
		if !s.Known() {
			return false
		}
		sh := s.Map().Lookup(key)
		p := w.f.Primary(sh.ID)
		return p != nil && p.Node().ID() == sh.Primary && p.Node().Copy(sh.ID).Promised() == sh.Epoch
	}
}

func five(t *testing.T) *fleet {
	w := newFleet(t, kv.FleetConfig{Machines: []string{"n1", "n2", "n3", "n4", "n5"}})
	w.until(2*time.Minute, "whole", w.whole)
	w.run(10 * time.Second) // so that all have been heard of
	return w
}

func TestAPrimaryThatDiesIsReplacedInTimeAndItsCopyMadeElsewhere(t *testing.T) {
	w := five(t)
	require.Equal(t, wire.OK, w.write("k", "v").Status)
	old := w.shard("k").Primary
	dead := w.f.Machine(string(old))
	dead.Crash()
	took := w.until(time.Minute, "another primary", func() bool { return w.state().Known() && w.shard("k").Primary != old && w.acts("k")() })
	set := w.state().Settings()
	assert.LessOrEqual(t, took, failover.Bound(&set, failover.Usual()))
	assert.Greater(t, took, 10*time.Second, "it takes three heartbeats to be sure")
	assert.Equal(t, "v", w.read("k"))
	w.until(2*time.Minute, "a third copy on another node", w.whole)
	assert.NotContains(t, w.shard("k").Replicas, old)
	require.NotEmpty(t, w.state().History())
	f := w.state().History()[0]
	assert.Equal(t, old, f.From)
	assert.Contains(t, f.Why, "is down")
	assert.InDelta(t, took.Seconds(), (f.Silent + f.Took).Seconds(), 6, "the history tells how long it took")

	dead.Start()
	w.until(time.Minute, "it is back", func() bool { return !w.state().Member(old).Down })
	w.until(time.Minute, "and whole", w.whole)
	assert.Equal(t, "v", w.read("k"))
}

func TestTheDefaultsBoundAFailoverBelowThirtySeconds(t *testing.T) {
	set := meta.Defaults()
	assert.Less(t, failover.Bound(&set, failover.Usual()), 30*time.Second)
	assert.Equal(t, 5*time.Second, set.Heartbeat)
	assert.EqualValues(t, 3, set.FailureThreshold)
	assert.EqualValues(t, 3, set.RecoveryThreshold)
	assert.False(t, set.ManualFailover)
	set.Heartbeat = 20 * time.Second
	assert.Greater(t, failover.Bound(&set, failover.Usual()), time.Minute)
}

func TestTheMetadataLeaderAndAPrimaryMayDieTogether(t *testing.T) {
	w := five(t)
	leader := w.f.Leader()
	require.Equal(t, leader.Node().ID(), w.shard("k").Primary, "as they begin")
	leader.Crash()
	set := meta.Defaults()
	took := w.until(time.Minute, "another leader and primary", func() bool {
		l := w.f.Leader()
		return l != nil && string(w.shard("k").Primary) != leader.Name() && w.acts("k")()
	})
	assert.LessOrEqual(t, took, failover.Bound(&set, failover.Usual()))
}

func TestWithManualFailoverNothingIsPromotedUntilAnAdministratorDoes(t *testing.T) {
	w := five(t)
	set := w.state().Settings()
	set.ManualFailover = true
	require.Equal(t, wire.OK, w.admin("n3", wire.Command{Kind: wire.ChangeSettings, Settings: &set}).Status)
	s := w.shard("k")
	old := s.Primary
	w.f.Machine(string(old)).Crash()
	w.run(time.Minute)
	w.until(time.Minute, "a leader", func() bool { return w.f.Leader() != nil })
	require.Equal(t, old, w.shard("k").Primary)
	other := s.Replicas[0]
	if other == old {
		other = s.Replicas[1]
	}
	require.Equal(t, wire.OK, w.admin(string(other), wire.Command{Kind: wire.Promote, Shard: s.ID, Node: other}).Status)
	w.until(10*time.Second, "the promoted one acts", w.acts("k"))
	assert.Equal(t, other, w.shard("k").Primary)
}

func TestADrainedNodeKeepsNothingAndALeavingOneGoes(t *testing.T) {
	w := five(t)
	require.Equal(t, wire.OK, w.write("k", "v").Status)
	victim := w.shard("k").Primary
	require.Equal(t, wire.OK, w.admin("n5", wire.Command{Kind: wire.SetNodeState, Node: victim, State: wire.Draining}).Status)
	w.until(2*time.Minute, "drained", func() bool { return w.state().Known() && !w.state().Uses(victim) && w.whole() })
	assert.Nil(t, w.f.Machine(string(victim)).Node().Copy(w.shard("k").ID), "the data is gone too")
	assert.Equal(t, "v", w.read("k"))
	assert.True(t, w.f.Machine(string(victim)).Up())

	require.Equal(t, wire.OK, w.admin("n5", wire.Command{Kind: wire.SetNodeState, Node: victim, State: wire.Leaving}).Status)
	w.until(2*time.Minute, "removed", func() bool { return w.state().Known() && w.state().Member(victim).State == wire.Removed })
	w.until(time.Minute, "its process ends", func() bool { return !w.f.Machine(string(victim)).Up() })
	assert.Equal(t, "v", w.read("k"))
}

func TestANodeWithAnEmptyDiskIsAnotherNode(t *testing.T) {
	w := five(t)
	victim := w.f.Machine(string(w.shard("k").Replicas[1]))
	old := victim.Node().ID()
	victim.Crash()
	victim.Wipe()
	victim.Start()
	w.until(time.Minute, "joined again", func() bool { return victim.Node().ID() != "" })
	assert.Equal(t, shardmap.NodeID(victim.Name()+"~2"), victim.Node().ID())
	w.until(3*time.Minute, "the old one is given up and replaced", func() bool {
		return w.state().Known() && w.state().Member(old).Down && !w.state().Uses(old) && w.whole()
	})
}

func TestAnyNodePassesAnAdministratorOnToTheLeader(t *testing.T) {
	w := five(t)
	for _, m := range w.f.Machines() {
		a := w.admin(m.Name(), wire.Command{Kind: wire.GetState})
		require.Equal(t, wire.OK, a.Status, a.Reason)
		require.NotNil(t, a.State)
		assert.Len(t, a.State.Members, 5)
		assert.Len(t, a.Health, 5)
		assert.Equal(t, w.f.Leader().Node().ID(), a.Leader)
	}
	a := w.admin("n4", wire.Command{Kind: wire.MoveCopy, Shard: "nope", Node: "n1", To: "n2"})
	assert.Equal(t, wire.Invalid, a.Status)
	assert.Contains(t, a.Reason, "unknown shard")
	assert.Equal(t, wire.Invalid, w.admin("n4", wire.Command{Kind: wire.SetReplicas}).Status, "the manager's own")
	bad := wire.Settings{Replicas: 99}
	assert.Equal(t, wire.Invalid, w.admin("n4", wire.Command{Kind: wire.ChangeSettings, Settings: &bad}).Status)
}

func TestTheReplicationFactorChangesWhileItRuns(t *testing.T) {
	w := five(t)
	require.Equal(t, wire.OK, w.write("k", "v").Status)
	for _, n := range []uint64{5, 2, 3} {
		set := w.state().Settings()
		set.Replicas = n
		require.Equal(t, wire.OK, w.admin("n1", wire.Command{Kind: wire.ChangeSettings, Settings: &set}).Status)
		w.until(time.Minute, "as many copies", func() bool { return w.state().Known() && w.whole() })
		assert.Len(t, w.shard("k").Replicas, int(n))
		assert.Equal(t, "v", w.read("k"))
	}
}

func TestOfTwoCopiesOneMayBeLostForGood(t *testing.T) {
	for _, who := range []string{"primary", "other"} {
		t.Run(who, func(t *testing.T) {
			w := newFleet(t, kv.FleetConfig{Machines: []string{"n1", "n2", "n3", "n4"}, Settings: meta.WithDefaults(wire.Settings{Replicas: 2})})
			w.until(2*time.Minute, "whole", w.whole)
			w.run(10 * time.Second)
			require.Equal(t, wire.OK, w.write("k", "v").Status)
			s := w.shard("k")
			victim := s.Primary
			if who == "other" {
				victim = s.Replicas[0]
				if victim == s.Primary {
					victim = s.Replicas[1]
				}
			}
			m := w.f.Machine(string(victim))
			m.Crash()
			m.Wipe()
			w.until(3*time.Minute, "two copies again", func() bool { return w.f.Leader() != nil && !w.state().Uses(victim) && w.whole() })
			assert.Equal(t, "v", w.read("k"))
		})
	}
}

func TestAPrimaryThatSpeaksButDoesNotHearIsReplaced(t *testing.T) {
	w := five(t)
	old := w.shard("k").Primary
	for _, m := range w.f.Machines() {
		if m.Name() != string(old) {
			w.f.Network.Cut(m.Name(), string(old), sim.Blackhole)
		}
	}
	set := meta.Defaults()
	took := w.until(time.Minute, "another primary", func() bool {
		return w.f.Leader() != nil && w.f.Leader().Name() != string(old) && w.shard("k").Primary != old && w.acts("k")()
	})
	assert.LessOrEqual(t, took, failover.Bound(&set, failover.Usual()))
	assert.Equal(t, wire.OK, w.write("k", "v").Status)
}

func TestShardsThatSomebodyMadeStayAndOthersThatAreIdleBecomeOne(t *testing.T) {
	w := five(t)
	w.write("apple", "fruit")
	r := w.admin("n1", wire.Command{Kind: wire.SplitShard, Shard: w.shard("").ID, Start: "m", Keep: true})
	require.Equal(t, wire.OK, r.Status, r.Reason)
	r = w.admin("n1", wire.Command{Kind: wire.SplitShard, Shard: w.shard("").ID, Start: "b"})
	require.Equal(t, wire.OK, r.Status, r.Reason)
	w.until(time.Minute, "three shards that act", func() bool { return w.whole() && w.state().Map().Len() == 3 })
	right := w.shard("b")
	var away shardmap.NodeID
	for _, m := range w.state().Members() {
		if !right.HasReplica(m.ID) {
			away = m.ID
		}
	}
	r = w.admin("n1", wire.Command{Kind: wire.MoveCopy, Shard: right.ID, Node: right.Replicas[0], To: away})
	require.Equal(t, wire.OK, r.Status, r.Reason)
	w.until(time.Minute, "the copy has moved", w.whole)
	require.False(t, w.shard("b").Colocated(w.shard("a")))

	w.until(10*time.Minute, "the halves that nobody asked for are one again", func() bool { return w.state().Map().Len() == 2 })
	w.run(10 * time.Minute)
	assert.Equal(t, "m", w.shard("zebra").Start, "the line that somebody drew is still there")
	assert.Equal(t, 2, w.state().Map().Len())
	assert.Equal(t, "fruit", w.read("apple"))
}

// A disk may have room for an entry of the log and none for what the entry does. Such a
// primary has promised what it can't do, and another copy must.
func TestAPrimaryWithoutRoomToApplyWhatIsCommittedIsReplaced(t *testing.T) {
	w := five(t)
	w.write("k", "small")
	was := w.shard("k").Primary
	disk := w.f.Machine(string(was)).Disk()
	value := strings.Repeat("v", 20<<10)
	disk.SetCapacity(disk.Used() + int64(len(value)*3))
	w.seq++
	answered := false
	w.k.Ask(string(was), &wire.Request{Shard: w.shard("k").ID, Client: 1, Seq: w.seq, Level: wire.Quorum, Kind: wire.Write,
		Ops: []wire.Op{{Key: "k", Value: []byte(value)}}}, time.Second, func(a wire.Message) { answered = a != nil })
	set := w.state().Settings()
	w.until(failover.Bound(&set, failover.Usual()), "another primary", func() bool { return w.shard("k").Primary != was && w.acts("k")() })
	assert.False(t, answered)
	assert.Equal(t, value, w.read("k"), "the entry was committed")
	w.until(2*time.Minute, "a copy where there is room", func() bool { return w.whole() && !w.shard("k").HasReplica(was) })
}
