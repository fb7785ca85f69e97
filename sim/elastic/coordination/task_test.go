package coordination

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

func asError[E error](err error, target *E) bool { return errors.As(err, target) }

// touch is a task that changes the state by a setting's worth.
func touch(name string, failed func(error)) Task {
	return Task{
		Source: name, Priority: Normal, Failed: failed,
		Update: func(st *state.State) (*state.State, error) { return st.Clone(), nil },
	}
}

func TestTasksRunByPriorityAndThenByAge(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	l := w.leader()
	var order []string
	submit := func(name string, p Priority) {
		task := touch(name, nil)
		task.Priority = p
		task.Published = func(_, _ *state.State) { order = append(order, name) }
		l.c.Submit(task)
	}
	submit("low", Low)
	submit("normal 1", Normal)
	submit("normal 2", Normal)
	submit("urgent", Urgent)
	submit("immediate", Immediate)
	var pending []string
	for _, p := range l.c.PendingTasks() {
		pending = append(pending, p.Source)
	}
	want := []string{"immediate", "urgent", "normal 1", "normal 2", "low"}
	assert.Equal(t, want, pending)
	w.await(t, time.Second, func() bool { return len(order) == 5 })
	assert.Equal(t, want, order)
}

func TestABatchIsPublishedAsOneState(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	l := w.leader()
	version := l.applied.Version
	refused := errors.New("refused")
	published, failed, finished := 0, 0, 0
	for i := range 10 {
		l.c.Submit(Task{
			Source: "shard-started", Priority: Urgent, Batch: "shard-started",
			Update: func(st *state.State) (*state.State, error) {
				if i == 3 {
					return nil, refused
				}
				return st.Clone(), nil
			},
			Finish:    func(st *state.State) *state.State { finished++; return st.Clone() },
			Published: func(_, _ *state.State) { published++ },
			Failed:    func(err error) { assert.Equal(t, refused, err); failed++ },
		})
	}
	w.await(t, time.Second, func() bool { return published == 9 })
	assert.Equal(t, 1, failed)
	assert.Equal(t, 1, finished)
	assert.Equal(t, version+1, l.applied.Version)
}

func TestATaskThatChangesNothingIsNotPublished(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	l := w.leader()
	version := l.applied.Version
	done, acked := false, false
	l.c.Submit(Task{
		Source: "noop", Update: func(st *state.State) (*state.State, error) { return st, nil },
		Published: func(old, st *state.State) { done = old == st }, Acked: func(all bool) { acked = all },
	})
	w.run(t, time.Second)
	assert.True(t, done)
	assert.True(t, acked)
	assert.Equal(t, version, l.applied.Version)
}

func TestATaskTimesOutWhileItWaits(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	l, f := w.leader(), w.follower()
	f.applyTakes = -1 // keeps the first publication open
	l.c.Submit(touch("first", nil))
	w.run(t, time.Second)
	var err error
	late := touch("create-index [x]", func(e error) { err = e })
	late.Timeout = 5 * time.Second
	l.c.Submit(late)
	assert.InDelta(t, 5, w.await(t, 10*time.Second, func() bool { return err != nil }).Seconds(), 0.001)
	assert.EqualError(t, err, "failed to process cluster event (create-index [x]) within 5s")
}

func TestAcknowledgementsWaitForEveryNodeOrTheirTimeout(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	l, f := w.leader(), w.follower()
	var got []bool
	submit := func(timeout time.Duration) {
		task := touch("acked", nil)
		task.AckTimeout = timeout
		task.Acked = func(all bool) { got = append(got, all) }
		l.c.Submit(task)
	}
	f.applyTakes = 2 * time.Second
	submit(30 * time.Second)
	assert.InDelta(t, 2, w.await(t, 10*time.Second, func() bool { return len(got) == 1 }).Seconds(), 0.1)
	submit(time.Second)
	assert.InDelta(t, 1, w.await(t, 10*time.Second, func() bool { return len(got) == 2 }).Seconds(), 0.1)
	w.run(t, 5*time.Second)
	submit(0)
	w.await(t, time.Second, func() bool { return len(got) == 3 })
	w.run(t, 10*time.Second)
	submit(-1)
	w.await(t, 10*time.Second, func() bool { return len(got) == 4 })
	f.kill()
	w.run(t, 10*time.Second)
	assert.Equal(t, []bool{true, false, false, true}, got)
}

func TestTheVotingConfigurationFollowsTheLiveNodes(t *testing.T) {
	ids := func(s string) []string { // "abc" are three nodes
		var out []string
		for _, r := range s {
			out = append(out, string(r))
		}
		return out
	}
	// As in the tests of Elasticsearch's Reconfigurator; a is the master.
	for _, c := range []struct {
		live, retired, current string
		shrink                 bool
		want                   string
	}{
		{"a", "", "a", true, "a"},
		{"ab", "", "a", true, "a"},
		{"ab", "", "b", true, "a"},
		{"abc", "", "a", true, "abc"},
		{"abc", "", "ab", true, "abc"},
		{"abcd", "", "abc", true, "abc"},
		{"abcde", "", "abc", true, "abcde"},
		{"ab", "", "abc", true, "abc"},
		{"ab", "", "abe", true, "abe"},
		{"ab", "", "abcde", true, "abc"},
		{"abcd", "", "abcde", true, "abc"},
		{"abf", "", "abcde", true, "abf"},
		{"a", "", "abc", true, "abc"},
		{"ab", "", "abcde", false, "abcde"},
		{"abc", "", "abcde", false, "abcde"},
		{"abcdefg", "", "abc", false, "abcdefg"},
		{"abc", "a", "abc", true, "b"},
		{"abcd", "a", "abc", true, "bcd"},
		{"abc", "b", "abc", false, "ac"},
		{"ab", "b", "ab", true, "a"},
		{"ab", "a", "ab", true, "b"},
	} {
		got := reconfigured(ids(c.live), ids(c.retired), "a", ids(c.current), c.shrink)
		assert.Equal(t, ids(c.want), got, "%+v", c)
	}
}

func TestTheVotingConfigurationShrinksToThreeAndNoFurther(t *testing.T) {
	w := newWorld(11, 5, true).formed(t)
	for left := 4; left >= 2; left-- {
		w.follower().kill()
		w.await(t, 10*time.Second, func() bool { return w.stable() && len(w.leader().applied.Nodes) == left })
		w.run(t, time.Second)
		assert.Len(t, w.leader().applied.LastCommitted, 3)
	}
	w.follower().kill()
	w.run(t, time.Minute)
	assert.Nil(t, w.leader(), "one of three voters is no quorum")
}

func TestAnExcludedMasterHandsOver(t *testing.T) {
	w := newWorld(12, 3, true).formed(t)
	old := w.leader()
	id := old.cfg.Node.ID
	old.c.Submit(Task{Source: "exclude", Update: func(st *state.State) (*state.State, error) {
		out := st.Clone()
		out.Exclusions = []string{id}
		return out, nil
	}})
	w.await(t, 10*time.Second, func() bool {
		l := w.leader()
		return l != nil && l != old && w.stable() && !slices.Contains(l.applied.LastCommitted, id)
	})
	assert.True(t, containsLine(w.log, "abdicating to"))
	require.Len(t, w.leader().applied.Nodes, 3)
}
