package meta_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/storage/storagetest"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// ring is members of a group, with messages that take a millisecond and syncs that take
// two.
type ring struct {
	t       *testing.T
	now     time.Duration
	members []*seat
	queue   []parcel
	deaf    map[shardmap.NodeID]bool
	results map[uint64]meta.Result
	asked   uint64                            // by scripts
	sent    func(shardmap.NodeID, *wire.Raft) // told of every message that will arrive; may be nil
}

type parcel struct {
	at time.Duration
	to *seat
	in meta.Input
	// life of the addressee: a sync dies with its process
	life int
}

type seat struct {
	id   shardmap.NodeID
	n    uint64
	disk *storagetest.Files
	eng  storage.Engine
	g    *meta.Group
	wake time.Duration
	life int
}

func newRing(t *testing.T, n int) *ring {
	r := &ring{t: t, deaf: make(map[shardmap.NodeID]bool), results: make(map[uint64]meta.Result)}
	for i := range n {
		s := &seat{id: shardmap.NodeID(fmt.Sprint("n", i+1)), n: uint64(i + 1), disk: storagetest.NewFiles()}
		r.members = append(r.members, s)
		r.open(s, i == 0)
	}
	return r
}

func (r *ring) open(s *seat, bootstrap bool) {
	var err error
	s.eng, err = logstore.Open(s.disk, logstore.Config{})
	require.NoError(r.t, err)
	if bootstrap {
		var b storage.Batch
		require.NoError(r.t, meta.Bootstrap(&b, first(r.t)))
		require.NoError(r.t, s.eng.Apply(&b))
	}
	s.life++
	s.g, err = meta.Open(meta.Config{Self: s.id, Number: s.n, Rand: rand.New(rand.NewPCG(s.n, uint64(s.life))), SnapshotEvery: 16}, s.eng, r.now)
	require.NoError(r.t, err)
	s.wake = r.now
}

func (r *ring) crash(s *seat) {
	s.life++
	s.g = nil
	s.disk.Crash()
}

// step gives an input and carries the effects away.
func (r *ring) step(s *seat, in meta.Input) {
	if s.g == nil {
		return
	}
	out := s.g.Step(r.now, in)
	require.NoError(r.t, out.Failed)
	r.take(s, out)
}

func (r *ring) take(s *seat, out meta.Effects) {
	for _, m := range out.Messages {
		for _, to := range r.members {
			if to.id == m.To && !r.deaf[to.id] && !r.deaf[s.id] {
				r.queue = append(r.queue, parcel{r.now + time.Millisecond, to, meta.Message{M: m}, 0})
				if r.sent != nil {
					r.sent(s.id, m)
				}
			}
		}
	}
	if out.Sync > 0 {
		r.queue = append(r.queue, parcel{r.now + 2*time.Millisecond, s, meta.Synced{Number: out.Sync}, s.life})
	}
	for _, x := range out.Results {
		r.results[x.ID] = x
	}
	s.wake = out.Wake
}

// run lets time pass until something is so.
func (r *ring) run(limit time.Duration, is func() bool) {
	for end := r.now + limit; r.now < end && !is(); r.now += time.Millisecond {
		due := slices.Clone(r.queue)
		r.queue = nil
		for _, p := range due {
			switch {
			case p.at > r.now:
				r.queue = append(r.queue, p)
			case p.life == 0 || p.life == p.to.life:
				if sync, ok := p.in.(meta.Synced); ok {
					require.NoError(r.t, p.to.eng.Sync())
					p.in = sync
				}
				r.step(p.to, p.in)
			}
		}
		for _, s := range r.members {
			if s.g != nil && r.now >= s.wake {
				r.step(s, meta.Tick{})
			}
		}
	}
	require.True(r.t, is(), "in time")
}

func (r *ring) leader() *seat {
	for _, s := range r.members {
		if s.g != nil && s.g.Leading() && !r.deaf[s.id] {
			return s
		}
	}
	return nil
}

// propose proposes at a member and waits for the result.
func (r *ring) propose(s *seat, id uint64, c ...wire.Command) meta.Result {
	r.step(s, meta.Propose{ID: id, Commands: c})
	return r.await(id)
}

func (r *ring) await(id uint64) meta.Result {
	r.run(time.Minute, func() bool { _, ok := r.results[id]; return ok })
	return r.results[id]
}

// grow lets all members vote.
func (r *ring) grow() {
	r.run(time.Minute, func() bool { return r.leader() != nil })
	for _, s := range r.members[1:] {
		require.NoError(r.t, r.propose(r.leader(), 1000+s.n, add(string(s.id), s.n)).Err)
	}
	r.run(time.Minute, func() bool {
		if l := r.leader(); l != nil && r.now%(500*time.Millisecond) == 0 {
			r.take(l, l.g.Reconfigure(r.now, func(*wire.Member) bool { return true }))
		}
		return r.leader() != nil && voters(r.leader().g.State()) == len(r.members)
	})
	r.pass(time.Second) // so that the joint change is over: until then the first one's vote is needed
}

// pass lets time pass.
func (r *ring) pass(d time.Duration) {
	end := r.now + d
	r.run(d+time.Second, func() bool { return r.now >= end })
}

func voters(s meta.State) (n int) {
	for i := range s.Members() {
		if s.Members()[i].Role == wire.Voter {
			n++
		}
	}
	return n
}

func TestAGroupGrowsFromOneAndSurvivesItsLeader(t *testing.T) {
	r := newRing(t, 3)
	r.grow()
	old := r.leader()
	require.NoError(t, r.propose(old, 1, wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: "m"}).Err)
	r.crash(old)
	start := r.now
	r.run(time.Minute, func() bool { return r.leader() != nil })
	assert.Less(t, r.now-start, 6*time.Second, "three rounds of election")
	assert.Equal(t, 2, r.leader().g.State().Map().Len())
	require.NoError(t, r.propose(r.leader(), 2, wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: "c"}).Err)
	r.open(old, false)
	r.run(time.Minute, func() bool { return old.g.State().Known() && old.g.State().Map().Len() == 3 })
}

func TestAnyMemberMayProposeAndReadThePresent(t *testing.T) {
	r := newRing(t, 3)
	r.grow()
	for i, s := range r.members {
		x := r.propose(s, uint64(i+1), wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: fmt.Sprint("k", 9-i)}, wire.Command{Kind: wire.GetState})
		require.NoError(t, x.Err)
		require.NoError(t, x.Errs[0])
		assert.ErrorIs(t, x.Errs[1], meta.ErrCommand)
		assert.NotEmpty(t, x.Outcomes[0].Shard)
		for j, other := range r.members {
			id := uint64(100*(i+1) + j)
			r.step(other, meta.Read{ID: id})
			require.NoError(t, r.await(id).Err)
			assert.Equal(t, i+2, other.g.State().Map().Len(), "a read at %s sees what was proposed at %s", other.id, s.id)
		}
	}
}

func TestALeaderThatIsCutOffGivesUpAndCannotAnswerFromThePast(t *testing.T) {
	r := newRing(t, 3)
	r.grow()
	old := r.leader()
	r.deaf[old.id] = true
	r.step(old, meta.Read{ID: 1})
	r.run(time.Minute, func() bool { return r.leader() != nil && !old.g.Leading() })
	require.NoError(t, r.propose(r.leader(), 2, wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: "m"}).Err)
	assert.Error(t, r.await(1).Err)
	r.step(old, meta.Propose{ID: 3, Commands: []wire.Command{{Kind: wire.SplitShard, Shard: "s1", Start: "x"}}})
	assert.ErrorIs(t, r.await(3).Err, meta.ErrNoLeader)
	term := r.leader().g.Term()
	r.pass(10 * time.Second)
	delete(r.deaf, old.id)
	r.run(time.Minute, func() bool { return old.g.State().Map().Len() == 2 })
	assert.Equal(t, term, r.leader().g.Term(), "who comes back deposes nobody")
}

func TestTheGroupComesBackFromSnapshotsAfterAllHaveCrashed(t *testing.T) {
	r := newRing(t, 3)
	r.grow()
	for i := range 60 {
		require.NoError(t, r.propose(r.leader(), uint64(i+1), wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: fmt.Sprintf("k%02d", 99-i)}).Err)
	}
	for _, s := range r.members {
		r.crash(s)
	}
	for _, s := range r.members {
		r.open(s, false)
	}
	r.run(time.Minute, func() bool { return r.leader() != nil })
	assert.Equal(t, 61, r.leader().g.State().Map().Len())
	n := 0
	require.NoError(t, r.leader().eng.Scan([]byte{0, 'l'}, []byte{0, 'm'}, func(_, _ []byte) bool { n++; return true }))
	assert.Less(t, n, 30, "the log is cut behind snapshots")
}

func TestAFullDiskHoldsAMemberUpAndLosesNothing(t *testing.T) {
	r := newRing(t, 3)
	r.grow()
	var follower *seat
	for _, s := range r.members {
		if s != r.leader() {
			follower = s
		}
	}
	follower.disk.Room = follower.disk.Used() + 10
	for i := range 5 {
		require.NoError(t, r.propose(r.leader(), uint64(i+1), wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: fmt.Sprint("k", 9-i)}).Err)
	}
	assert.Less(t, follower.g.State().Map().Len(), 6)
	follower.disk.Room = 0
	r.run(time.Minute, func() bool { return follower.g.State().Map().Len() == 6 })
}

func TestALeaderWithoutRoomGivesWay(t *testing.T) {
	r := newRing(t, 3)
	r.grow()
	old := r.leader()
	old.disk.Room = old.disk.Used() + 10
	r.step(old, meta.Propose{ID: 1, Commands: []wire.Command{{Kind: wire.SplitShard, Shard: "s1", Start: "m"}}})
	r.run(time.Minute, func() bool { return r.leader() != nil && r.leader() != old })
	require.NoError(t, r.propose(r.leader(), 2, wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: "c"}).Err)
	old.disk.Room = 0
	r.run(time.Minute, func() bool { return old.g.State().Revision() == r.leader().g.State().Revision() })
}
