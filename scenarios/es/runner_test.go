package es

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// busy has something of everything: load that begins late, two controllers of which
// one is lost and comes back, a fault that heals and one that stays.
const busy = `name: busy
about: Something of everything.
system: elasticsearch
cluster:
  nodes: {count: 3}
  indices: [{name: logs, shards: 3, size: 1mb}]
workload:
  - {index: logs, writes: 50/s, tracers: 20/s}
  - {index: logs, writes: 5/s, from: 4s}
controller: {policy: variance, interval: 1s, count: 2}
faults:
  - {at: 20s, controller-loss: {for: 10s}}
  - {at: 20s, node-loss: {node: n2, for: 15s}}
  - {at: 50s, node-loss: {node: n3}}
expect:
  - {no-red-longer-than: 5s}
duration: 60s
`

// drudge is a controller that decides all the time.
type drudge struct{ cfg scenarios.SupervisorConfig }

func (d drudge) Run(ctx context.Context) error {
	for seq := 1; ; seq++ {
		if err := d.cfg.Clock.Sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		d.cfg.OnDecision(observed.Decision{Seq: seq, At: d.cfg.Clock.Monotonic(), Policy: "variance", Decided: "nothing"})
		d.cfg.Log(fmt.Sprintf("decision %d", seq))
	}
}

func employ(cfg scenarios.SupervisorConfig) (scenarios.Supervisor, error) { return drudge{cfg}, nil }

func runOn(t *testing.T, ctx context.Context, f *fakeBackend, text string) (*scenarios.Result, error) {
	t.Helper()
	loaded, err := scenarios.Parse("busy.yaml", []byte(text), testVocabulary)
	require.NoError(t, err)
	r := &scenarios.Runner{Backend: f, NewSupervisor: employ}
	return r.Run(ctx, loaded, scenarios.Options{Scale: scenarios.AsDescribed})
}

func TestAWholeRunInRealTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeBackend()
		f.crowd = 70_000
		res, err := runOn(t, t.Context(), f, busy)
		require.NoError(t, err)
		require.NoError(t, res.Aborted)
		assert.Equal(t, scenarios.Pass, res.Verdict)
		require.Len(t, res.History.Faults, 3)
		for _, fault := range res.History.Faults {
			assert.True(t, fault.Shown(), fault.Kind)
		}
		assert.Negative(t, res.History.Faults[2].HealedAt, "a node lost for good is not healed")
		assert.Equal(t, "start, load, release, background, background, kill n2, start n2, kill n3, background", f.did())
		assert.Greater(t, len(res.History.Observations), 60_000)
		last := map[string]int{}
		for _, d := range res.History.Decisions {
			assert.Greater(t, d.Seq, last[d.Controller], "a controller that comes back goes on counting")
			last[d.Controller] = d.Seq
		}
		assert.InDelta(t, 500, last["controller"], 30, "it was away for 10 of 60 seconds")
		assert.Positive(t, res.History.Tracers.Unknown)
		assert.Equal(t, f.closed, 2, "the second time does nothing")
	})
}

func TestARunIsAbortedAtAnyMomentHealedAndReported(t *testing.T) {
	// What is under way when Ctrl-C comes, and which faults are then in the plan's past.
	for action, faults := range map[string]int{"load": 0, "release": 0, "background": 0, "kill n2": 2, "start n2": 2, "kill n3": 3} {
		t.Run(action, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				f := newFakeBackend()
				f.reached = func(a string) {
					if a == action {
						cancel()
					}
				}
				res, err := runOn(t, ctx, f, busy)
				require.NoError(t, err)
				require.ErrorIs(t, res.Aborted, scenarios.ErrAborted)
				assert.Equal(t, scenarios.Unknown, res.Verdict)
				assert.Len(t, res.History.Faults, faults)
				assert.Len(t, res.Plan.Entries, 3, "a replay strikes what the abort forestalled")
				assert.False(t, f.down["n2"], "healed")
				assert.Positive(t, f.closed)
				assert.Equal(t, res.History.Closed, res.Virtual)
			})
		})
	}
}

func TestAClusterWithoutSteadyStateEndsTheRunWithAReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeBackend()
		f.status = "yellow"
		res, err := runOn(t, t.Context(), f, busy)
		require.NoError(t, err)
		require.ErrorIs(t, res.Aborted, scenarios.ErrAborted)
		assert.ErrorContains(t, res.Aborted, "reached no steady state within 3m: time ran out (status yellow")
		assert.Equal(t, scenarios.Unknown, res.Verdict)
		assert.Empty(t, res.History.Faults)
		assert.Positive(t, f.closed)
	})
}

func TestAFaultThatFailsLeavesItsExpectationUndecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeBackend()
		f.failing = "kill n2"
		res, err := runOn(t, t.Context(), f, busy+"settle: 5s\n")
		require.NoError(t, err)
		assert.False(t, res.History.Faults[1].Injected)
		assert.Contains(t, res.History.Faults[1].Error, "can't kill n2")
		out := (&expectations.Recovered{Status: "green", Within: units.Duration(time.Second), Of: "node-loss"}).Judge(res.History)
		assert.Equal(t, scenarios.Unknown, out[0].Verdict)
	})
}

func TestAFaultThatCanNotBeHealedEndsTheRunWithAReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeBackend()
		f.failing = "start n2"
		res, err := runOn(t, t.Context(), f, busy)
		require.NoError(t, err)
		require.ErrorIs(t, res.Aborted, scenarios.ErrAborted)
		assert.ErrorContains(t, res.Aborted, "a fault could not be healed")
		assert.ErrorContains(t, res.Aborted, "can't start n2")
		assert.Len(t, res.History.Faults, 3)
		assert.Positive(t, f.closed)
	})
}

func TestABackendThatFailsIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeBackend()
		f.failing = "load"
		_, err := runOn(t, t.Context(), f, busy)
		require.ErrorContains(t, err, "can't load")
		assert.NotErrorIs(t, err, scenarios.ErrAborted, "the run had not begun")
		assert.Positive(t, f.closed)
	})
}

func TestABackendThatFailsAfterTheStartIsReported(t *testing.T) {
	for _, action := range []string{"release", "background"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeBackend()
			f.failing = action
			res, err := runOn(t, t.Context(), f, busy)
			require.NoError(t, err)
			require.ErrorIs(t, res.Aborted, scenarios.ErrAborted)
			assert.ErrorContains(t, res.Aborted, "can't "+action)
			assert.Equal(t, scenarios.Unknown, res.Verdict)
			assert.NotEmpty(t, res.History.Observations, "what was seen until then is there")
			assert.Positive(t, f.closed)
		})
	}
}

func TestAControllerThatCannotBeMadeEndsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeBackend()
		loaded, err := scenarios.Parse("busy.yaml", []byte(busy), testVocabulary)
		require.NoError(t, err)
		r := &scenarios.Runner{Backend: f, NewSupervisor: func(scenarios.SupervisorConfig) (scenarios.Supervisor, error) { return nil, errors.New("out of order") }}
		res, err := r.Run(t.Context(), loaded, scenarios.Options{})
		require.NoError(t, err)
		require.ErrorContains(t, res.Aborted, "starting controller: out of order")
		assert.Positive(t, f.closed)
	})
}
