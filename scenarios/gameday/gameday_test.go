package gameday

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

const second = time.Second

// redFrom is a history in which some copies are not started from a moment to another.
func redFrom(from, to time.Duration, copies int) *observed.History {
	at := func(t time.Duration, status string, unassigned int) observed.Observation {
		return observed.Observation{At: t, Sight: observed.Health{Status: status, Master: true, Unassigned: unassigned}}
	}
	return &observed.History{Nodes: []string{"n1"}, Closed: 60 * second, Observations: []observed.Observation{at(0, "green", 0), at(from, "yellow", copies), at(to, "green", 0)}}
}

func section(slack time.Duration) *scenarios.GamedaySection {
	return &scenarios.GamedaySection{Silence: units.Duration(30 * second), Departure: &scenarios.GamedayDeparture{For: units.Duration(5 * second), By: 25, Slack: units.Duration(slack)}}
}

// predicted is the prediction of two runs, whose copies are away from 10 s to 20 s, four, and
// from 12 s to 24 s, six.
func predicted(slack time.Duration) *Prediction {
	return predictionOf(section(slack), []*scenarios.Result{
		{History: redFrom(10*second, 20*second, 4), Verdict: scenarios.Pass, Outcomes: []scenarios.Outcome{{Name: "green", Unit: "s", Observed: scenarios.Number(10)}}},
		{History: redFrom(12*second, 24*second, 6), Verdict: scenarios.Fail, Outcomes: []scenarios.Outcome{{Name: "green", Unit: "s", Observed: scenarios.Number(12), Verdict: scenarios.Fail}}},
	})
}

func TestABandHoldsWhatEveryRunShowed(t *testing.T) {
	p := predicted(0)
	b := p.band("not-started")
	require.NotNil(t, b)
	for at, want := range map[time.Duration][2]float64{5 * second: {0, 0}, 11 * second: {0, 4}, 15 * second: {4, 6}, 22 * second: {0, 6}, 40 * second: {0, 0}, time.Hour: {0, 0}} {
		lo, hi := b.at(at)
		assert.Equal(t, want, [2]float64{lo, hi}, "at %s", at)
	}
	assert.Equal(t, map[string]int{"pass": 1, "fail": 1}, p.Verdicts)
	assert.Equal(t, []string{"green (1 of 2)"}, p.Failing)
	assert.Equal(t, []Expected{{"green", "s", 10, 12, 12}}, p.Outcomes)
	wide := predicted(5 * second).band("not-started")
	lo, hi := wide.at(7 * second)
	assert.Equal(t, [2]float64{0, 6}, [2]float64{lo, hi}, "moments may differ by the slack")
}

func watching(g *scenarios.GamedaySection, probe func(context.Context, scenarios.GamedayProbe) error) *rails {
	return newRails(Config{Loaded: &scenarios.Loaded{Scenario: &scenarios.Scenario{Gameday: g}}, Probe: probe}, predicted(0))
}

func touched(all []Rail) (names []string) {
	for _, r := range all {
		if r.Touched {
			names = append(names, r.Name)
		}
	}
	return names
}

func TestADepartureTouchesAfterItsTimeAndOnlyWhenItIsWorse(t *testing.T) {
	r := watching(section(0), nil)
	worse := redFrom(30*second, 50*second, 4)
	for at := 30 * second; at < 35*second; at += second {
		assert.Empty(t, touched(r.judge(t.Context(), worse, at, at, false)), "at %s", at)
	}
	assert.Equal(t, []string{"departure of health", "departure of not-started"}, touched(r.judge(t.Context(), worse, 35*second, 35*second, false)))
	r = watching(section(0), nil)
	better := redFrom(59*second, 60*second, 1)
	for at := 13 * second; at < 20*second; at += second {
		assert.Empty(t, touched(r.judge(t.Context(), better, at, at, false)), "green where yellow was predicted")
	}
}

func TestAMomentInsideTheBandBeginsADepartureAnew(t *testing.T) {
	r := watching(section(0), nil)
	worse, well := redFrom(30*second, 60*second, 4), redFrom(10*second, 20*second, 4)
	for at := 30 * second; at <= 40*second; at += second {
		h := worse
		if at == 34*second {
			h = well
		}
		got := touched(r.judge(t.Context(), h, at, at, false))
		assert.Equal(t, at >= 40*second, len(got) > 0, "at %s", at)
	}
}

func TestWhileThePlanStandsItsMomentIsWhatCounts(t *testing.T) {
	r := watching(section(0), nil)
	late := redFrom(110*second, 200*second, 4) // a hundred seconds later, for the plan stood so long
	for at := 112 * second; at < 119*second; at += second {
		assert.Empty(t, touched(r.judge(t.Context(), late, at, at-100*second, false)))
	}
}

func TestNoDataIsAnAlarm(t *testing.T) {
	r := watching(section(0), nil)
	h := &observed.History{Nodes: []string{"n1"}, Observations: []observed.Observation{{Sight: observed.View{Node: "n1", State: "timeout"}}}}
	assert.Empty(t, touched(r.judge(t.Context(), h, 0, 0, false)))
	assert.Empty(t, touched(r.judge(t.Context(), h, 29*second, 29*second, false)))
	assert.Equal(t, []string{"silence"}, touched(r.judge(t.Context(), h, 30*second, 30*second, false)))
	h.Observations[0].Sight = observed.View{Node: "n1", State: "error"} // it answers 503 throughout
	assert.Equal(t, []string{"silence"}, touched(r.judge(t.Context(), h, 30*second, 30*second, false)))
	h.Observations = append(h.Observations, observed.Observation{Sight: observed.View{Node: "n1", State: "ok"}})
	assert.Empty(t, touched(r.judge(t.Context(), h, 31*second, 31*second, false)))
}

func TestAProbeMayFailForItsTime(t *testing.T) {
	g := section(0)
	g.Probes = []scenarios.GamedayProbe{{Name: "shop", For: units.Duration(2 * second)}}
	r := watching(g, func(context.Context, scenarios.GamedayProbe) error { return errors.New("closed") })
	h := redFrom(10*second, 20*second, 4)
	assert.Empty(t, touched(r.judge(t.Context(), h, 0, 0, false)))
	assert.Equal(t, []string{"probe shop"}, touched(r.judge(t.Context(), h, 2*second, 2*second, false)))
}

// planned is a plan of one fault on a cluster of three nodes.
func planned(t *testing.T, f chaos.Fault) *Plan {
	t.Helper()
	topology := chaos.Topology{System: "elasticsearch", Nodes: []string{"n1", "n2", "n3"}}
	a, err := actionOf(chaos.Entry{Fault: f}, topology)
	require.NoError(t, err)
	return &Plan{Actions: []Action{a}}
}

func TestWhatWasNotApprovedIsRefused(t *testing.T) {
	named := &chaos.NodeLoss{Node: "n2"}
	p := planned(t, named)
	assert.Equal(t, "n2", p.Actions[0].Reach())
	require.NoError(t, p.Allows(named, []string{"n2"}))
	require.ErrorContains(t, p.Allows(named, []string{"n3"}), "not approved: node-loss of n3")
	require.ErrorContains(t, p.Allows(&chaos.DiskPressure{}, []string{"n2"}), "not approved")
	any := &chaos.NodeLoss{Node: "master"}
	p = planned(t, any)
	assert.Equal(t, "1 of n1, n2, n3", p.Actions[0].Reach())
	require.NoError(t, p.Allows(any, []string{"n3"}))
	require.Error(t, p.Allows(any, []string{"n1", "n3"}), "more at once than was approved")
}

func TestTheHashIsOfEverythingInThePlan(t *testing.T) {
	p := planned(t, &chaos.NodeLoss{Node: "n2"})
	before, err := p.Hash()
	require.NoError(t, err)
	p.Prediction = "another"
	after, err := p.Hash()
	require.NoError(t, err)
	assert.NotEqual(t, before, after)
}

func TestOneGameDayAtATimeAndNoneAfterAHalt(t *testing.T) {
	living := map[int]bool{1: true}
	g := Grounds{Folder: t.TempDir(), Lives: func(pid int, _ string) bool { return living[pid] }}
	require.NoError(t, g.Take(Running{Cluster: "a/b", PID: 1, URL: "http://here"}))
	require.ErrorContains(t, g.Take(Running{Cluster: "a/b", PID: 2}), "goes on already, at http://here")
	require.NoError(t, g.Take(Running{Cluster: "c", PID: 1}), "another cluster")
	running, err := g.Running()
	require.NoError(t, err)
	assert.Len(t, running, 2)
	living[1] = false // killed: it left its mark
	require.NoError(t, g.Take(Running{Cluster: "a/b", PID: 2}))
	require.NoError(t, g.Leave("a/b", &Halt{Reason: "too slow", Who: "bob"}))
	require.ErrorContains(t, g.Take(Running{Cluster: "a/b", PID: 3}), "was halted: too slow (bob)")
	require.NoError(t, g.Lift("a/b"))
	require.ErrorContains(t, g.Lift("a/b"), "no game day on a/b was halted")
	require.NoError(t, g.Take(Running{Cluster: "a/b", PID: 3}))
}

// standing is a course with two steps of which the second waits.
func standing() *Course {
	g := section(0)
	g.Steps = []scenarios.GamedayStep{{Name: "one"}, {Name: "two", At: units.Duration(10 * second), Wait: scenarios.WaitApproval}}
	c := New(Config{Tell: func(Moment) {}})
	c.Follow(&scenarios.Loaded{Scenario: &scenarios.Scenario{Gameday: g}}, predicted(0))
	return c
}

func TestThePlanStandsBeforeAStepThatWaits(t *testing.T) {
	c := standing()
	c.advance(0)
	left, open := c.until(9*second, 10*second)
	assert.True(t, open)
	assert.Equal(t, second, left)
	c.advance(10200 * time.Millisecond) // a little late
	left, open = c.until(20*second, 10*second)
	assert.False(t, open, "what strikes with the step waits with it")
	assert.Zero(t, left)
	c.proceed(25 * second)
	c.advance(25 * second)
	left, open = c.until(27*second, 15*second)
	assert.True(t, open)
	assert.Equal(t, 3*second, left, "its time goes on where it stood")
	var kinds []string
	for _, m := range c.Moments() {
		kinds = append(kinds, m.Kind)
	}
	assert.Equal(t, []string{"step", "wait", "step"}, kinds)
}
