package coordination

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNodesFormAClusterAndAgreeOnOneState(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 20} {
		w := newWorld(7, n, true).formed(t)
		l := w.leader()
		for _, h := range w.hosts {
			assert.Equal(t, l.applied.StateUUID, h.applied.StateUUID)
			assert.Equal(t, l.c.Term(), h.c.Term())
			assert.Equal(t, l.cfg.Node.ID, h.c.Leader())
			assert.Empty(t, h.applied.Global)
			assert.NotEqual(t, unknownUUID, h.applied.ClusterUUID)
		}
		assert.Equal(t, 1, len(l.applied.LastCommitted)%2, "the voting configuration is odd: %v", l.applied.LastCommitted)
		assert.GreaterOrEqual(t, len(l.applied.LastCommitted), n-1)
	}
}

func TestAKilledFollowerIsRemovedAtOnce(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	l, f := w.leader(), w.follower()
	term := l.c.Term()
	f.kill()
	took := w.await(t, time.Second, func() bool { return len(l.applied.Nodes) == 2 })
	assert.Less(t, took, 50*time.Millisecond)
	assert.Equal(t, term, l.c.Term())
	assert.Len(t, l.applied.LastCommitted, 3, "the voting configuration keeps three nodes")
}

func TestAKilledMasterIsReplacedThenRemoved(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	old, f := w.leader(), w.follower()
	term := old.c.Term()
	old.kill()
	lost := w.await(t, time.Second, func() bool { return f.applied.Master == "" })
	assert.Less(t, lost, 10*time.Millisecond)
	assert.True(t, HasBlock(f.applied, NoMasterBlockID))
	w.await(t, 2*time.Second, func() bool { return f.applied.Master != "" })
	assert.Len(t, f.applied.Nodes, 3, "the old master is a member until the next state")
	assert.Greater(t, f.applied.Term, term)
	w.await(t, time.Second, func() bool { return len(f.applied.Nodes) == 2 && w.stable() })
}

func TestALoneNodeOfTwoNeedsTheVoter(t *testing.T) {
	w := newWorld(3, 2, true).formed(t)
	l, f := w.leader(), w.follower()
	require.Equal(t, []string{l.cfg.Node.ID}, l.applied.LastCommitted, "of two nodes the master alone votes")
	f.kill()
	w.await(t, time.Second, func() bool { return len(l.applied.Nodes) == 1 })
	f.start()
	w.await(t, 10*time.Second, w.stable)
	l.kill()
	w.run(t, time.Minute)
	assert.Equal(t, Candidate, f.c.Mode(), "without the voter nobody is elected")
	assert.True(t, HasBlock(f.applied, NoMasterBlockID))
	l.start()
	w.await(t, 20*time.Second, w.stable)
}

func TestANodeWithAFullDiskTakesNoPartInDecisions(t *testing.T) {
	w := newWorld(3, 3, true).formed(t)
	l := w.leader()
	var others []*host
	for _, h := range w.hosts {
		if h != l {
			others = append(others, h)
		}
	}
	full, lost := others[0], others[1]
	full.full = true
	term := full.c.Term()
	w.run(t, time.Minute)
	require.NotNil(t, w.leader(), "two of three can write: nothing happens")
	lost.kill()
	w.await(t, 5*time.Second, func() bool { return l.applied.Master == "" })
	w.run(t, time.Minute)
	assert.Nil(t, w.leader(), "one that can write is no majority, though two run and see each other")
	assert.Equal(t, term, full.c.Term(), "a term that can't be written down is not entered")
	full.full = false
	w.await(t, 20*time.Second, func() bool { return w.leader() != nil && len(w.leader().applied.Nodes) == 2 })
	assert.Greater(t, w.leader().c.Term(), term, "elections were tried all the time")
}

func TestAFullRestartKeepsWhatWasCommitted(t *testing.T) {
	w := newWorld(5, 3, true).formed(t)
	before := w.leader().applied
	for range 3 {
		for _, h := range w.hosts {
			h.kill()
		}
		w.run(t, time.Second)
		w.start()
		assert.True(t, HasBlock(w.hosts[0].applied, NotRecoveredBlockID))
		w.await(t, 20*time.Second, w.stable)
		after := w.leader().applied
		assert.Greater(t, after.Term, before.Term)
		assert.Greater(t, after.Version, before.Version)
		assert.Equal(t, before.ClusterUUID, after.ClusterUUID)
		before = after
	}
}
