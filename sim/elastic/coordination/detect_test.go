package coordination

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The windows below are those of the recordings P3 and P4 of a real cluster, with the
// random phase of the checks and without what a busy processor adds. A check that is
// on its way at the cut is lost with it: up to a round trip less.
const roundTrip = 400 * time.Microsecond

func TestASilentFollowerIsRemovedAfterRetriesTimesTimeoutAndIntervals(t *testing.T) {
	for _, c := range []struct {
		name     string
		opts     []option
		from, to time.Duration
	}{
		{"fast", fastDetection, 8*time.Second - roundTrip, 9010 * time.Millisecond},
		{"default", nil, 32*time.Second - roundTrip, 33010 * time.Millisecond},
	} {
		for _, lazy := range []bool{true, false} {
			for seed := range uint64(10) {
				t.Run(fmt.Sprint(c.name, lazy, seed), func(t *testing.T) {
					w := newWorld(seed, 3, lazy, c.opts...).formed(t)
					w.run(t, 10*time.Second+time.Duration(seed)*137*time.Millisecond)
					l, f := w.leader(), w.follower()
					term := l.c.Term()
					w.isolate(f.cfg.Node.ID, w.blackholeBoth)
					took := w.await(t, time.Minute, func() bool { return len(l.applied.Nodes) == 2 })
					assert.GreaterOrEqual(t, took, c.from)
					assert.LessOrEqual(t, took, c.to)
					w.await(t, 2*time.Second, func() bool { return f.applied.Master == "" })
					assert.Equal(t, term, l.c.Term())
					w.run(t, 10*time.Second)
					for _, o := range w.hosts {
						if o != f {
							w.heal(f.cfg.Node.ID, o.cfg.Node.ID)
						}
					}
					took = w.await(t, 5*time.Second, w.stable)
					assert.LessOrEqual(t, took, 1100*time.Millisecond)
					assert.Equal(t, term, l.c.Term(), "a node that was cut off does not disturb the term")
				})
			}
		}
	}
}

func TestASilentMasterCostsThePublishTimeout(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(seed, 3, true, fastDetection...).formed(t)
		w.run(t, 10*time.Second)
		old := w.leader()
		term := old.c.Term()
		cut := w.e.Now()
		w.isolate(old.cfg.Node.ID, w.blackholeBoth)
		since := func() time.Duration { return w.e.Now().Sub(cut) }
		var others []*host
		for _, h := range w.hosts {
			if h != old {
				others = append(others, h)
			}
		}
		w.await(t, 20*time.Second, func() bool { return others[0].applied.Master == "" || others[1].applied.Master == "" })
		assert.GreaterOrEqual(t, since(), 8*time.Second-roundTrip)
		assert.LessOrEqual(t, since(), 9010*time.Millisecond)

		named := func(h *host) bool { return h.applied.Master != "" && h.applied.Master != old.cfg.Node.ID }
		w.await(t, 20*time.Second, func() bool { return named(others[0]) || named(others[1]) })
		assert.LessOrEqual(t, since(), 11*time.Second)
		l, f := others[0], others[1]
		if l.c.Mode() != Leader {
			l, f = f, l
		}
		elected := since()
		assert.True(t, named(f), "the follower names the new master")
		assert.True(t, HasBlock(l.applied, NoMasterBlockID), "the new master itself has not applied its state")
		assert.Len(t, l.applied.Nodes, 3)
		assert.Greater(t, l.c.Term(), term)

		w.await(t, time.Minute, func() bool { return named(l) })
		assert.InDelta(t, 30, (since() - elected).Seconds(), 0.1, "cluster.publish.timeout")
		w.await(t, time.Second, func() bool { return len(l.applied.Nodes) == 2 && len(f.applied.Nodes) == 2 })
		assert.True(t, containsLine(w.log, "publication of cluster state version"))

		assert.Equal(t, Candidate, old.c.Mode(), "the old master stepped down")
		assert.Empty(t, old.applied.Master)
		assert.Len(t, old.applied.Nodes, 3, "its view is stale")
		for _, h := range others {
			w.heal(old.cfg.Node.ID, h.cfg.Node.ID)
		}
		assert.LessOrEqual(t, w.await(t, 10*time.Second, w.stable), 1500*time.Millisecond)
	}
}

func TestOnABusyMachineAKilledMasterCostsSomeTenthsOfASecond(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(seed, 3, true, busy).formed(t)
		old, f := w.leader(), w.follower()
		old.kill()
		took := w.await(t, 5*time.Second, func() bool { return f.applied.Master != "" && f.applied.Master != old.cfg.Node.ID })
		assert.Greater(t, took, 100*time.Millisecond)
		assert.Less(t, took, 1600*time.Millisecond)
		w.await(t, time.Second, func() bool { return len(f.applied.Nodes) == 2 })
	}
}

func containsLine(log []string, part string) bool {
	for _, l := range log {
		if strings.Contains(l, part) {
			return true
		}
	}
	return false
}

func TestAMasterThatIsCutOffFailsItsUpdatesAndStepsDown(t *testing.T) {
	w := newWorld(2, 3, true, fastDetection...).formed(t)
	old := w.leader()
	w.isolate(old.cfg.Node.ID, w.reset)
	var err error
	old.c.Submit(touch("lost", func(e error) { err = e }))
	w.await(t, time.Second, func() bool { return err != nil })
	var failed *FailedToCommitError
	var notMaster *NotMasterError
	assert.True(t, asError(err, &failed) || asError(err, &notMaster), "%v", err)
	assert.Equal(t, Candidate, old.c.Mode())
	w.await(t, 5*time.Second, func() bool { l := w.leader(); return l != nil && l != old && len(l.applied.Nodes) == 2 })
	old.c.Submit(touch("refused", func(e error) { err = e }))
	err = nil
	w.await(t, time.Second, func() bool { return err != nil })
	require.ErrorAs(t, err, &notMaster)
	assert.EqualError(t, err, "no longer master, failing [refused]")
}

func TestAResetFollowerIsRemovedAtOnceAndComesBackWithinASecond(t *testing.T) {
	w := newWorld(4, 3, true).formed(t)
	l, f := w.leader(), w.follower()
	w.isolate(f.cfg.Node.ID, w.reset)
	took := w.await(t, time.Second, func() bool { return len(l.applied.Nodes) == 2 && f.applied.Master == "" })
	assert.Less(t, took, 50*time.Millisecond)
	w.run(t, 20*time.Second)
	for _, o := range w.hosts {
		if o != f {
			w.heal(f.cfg.Node.ID, o.cfg.Node.ID)
		}
	}
	assert.LessOrEqual(t, w.await(t, 5*time.Second, w.stable), 1100*time.Millisecond)
}

func TestAPausedNodeIsNoticedLikeASilentOne(t *testing.T) {
	for _, lazy := range []bool{true, false} {
		w := newWorld(6, 3, lazy, fastDetection...).formed(t)
		l, f := w.leader(), w.follower()
		f.pause()
		w.run(t, 3*time.Second)
		f.resume()
		w.run(t, 20*time.Second)
		assert.True(t, w.stable(), "a pause shorter than the detection does no harm")
		assert.Len(t, l.applied.Nodes, 3)
		f.pause()
		took := w.await(t, time.Minute, func() bool { return len(l.applied.Nodes) == 2 })
		assert.GreaterOrEqual(t, took, 8*time.Second-roundTrip)
		assert.LessOrEqual(t, took, 9010*time.Millisecond)
		f.resume()
		w.await(t, 20*time.Second, w.stable)
	}
}

func TestAFollowerThatDoesNotApplyIsRemovedForLagging(t *testing.T) {
	w := newWorld(8, 3, true, fastDetection...).formed(t)
	l, f := w.leader(), w.follower()
	f.applyTakes = -1
	l.c.Submit(touch("update", nil))
	took := w.await(t, 2*time.Minute, func() bool { return len(l.applied.Nodes) == 2 })
	assert.InDelta(t, 40, took.Seconds(), 0.1, "publish timeout, then cluster.follower_lag.timeout")
	assert.True(t, containsLine(w.log, "is lagging at cluster state version"))
}

func TestAHealthyClusterPostsNoEventsForItsChecks(t *testing.T) {
	w := newWorld(9, 50, true).formed(t)
	w.run(t, time.Minute)
	before := w.e.Events()
	w.run(t, time.Hour)
	assert.Less(t, w.e.Events()-before, uint64(10))
}

// spread is a busy machine whose threads notice what happens at one moment one after another.
func spread(w *world, h *host) {
	busy(w, h)
	h.cfg.Costs.Spread = 4 * time.Millisecond
}

func TestNodesThatVanishTogetherAreRemovedOneByOne(t *testing.T) {
	for _, lazy := range []bool{true, false} {
		for seed := range uint64(5) {
			t.Run(fmt.Sprint(lazy, seed), func(t *testing.T) {
				w := newWorld(seed, 5, lazy, spread).formed(t)
				w.run(t, 10*time.Second)
				l := w.leader()
				var victims []string
				for _, h := range w.hosts {
					if h != l && len(victims) < 2 {
						victims = append(victims, h.cfg.Node.ID)
					}
				}
				for _, v := range victims {
					w.isolate(v, w.reset)
				}
				w.await(t, time.Minute, func() bool { return len(l.applied.Nodes) == 4 })
				took := w.await(t, time.Minute, func() bool { return len(l.applied.Nodes) == 3 })
				assert.Positive(t, took, "each has a state of its own")
			})
		}
	}
}
