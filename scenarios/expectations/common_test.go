package expectations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func TestEachExpectationIsKnownByTheKeyThatOpensIt(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range expectations.Common() {
		assert.Equal(t, k.Name, k.New().Kind())
		assert.NotEmpty(t, k.About, k.Name)
		assert.Nil(t, k.Systems, "%s makes sense of every system", k.Name)
		assert.False(t, seen[k.Name], "%s is there twice", k.Name)
		seen[k.Name] = true
	}
}

func TestWhatNobodySawIsNoPass(t *testing.T) {
	for _, e := range []scenarios.Expectation{
		&expectations.MasterWithin{Limit: units.Duration(time.Minute)},
		&expectations.UnassignedAtMost{},
		&expectations.Recovered{Status: "green", Within: units.Duration(time.Minute)},
		&expectations.LostAckedWrites{},
		&expectations.ClientLatency{},
		&expectations.NodeEmpty{Node: "n1"},
	} {
		out := e.Judge(&observed.History{Nodes: []string{"n1"}, Closed: time.Hour, Settled: -1, Described: -1, Tracers: observed.TracerSummary{Attempted: 1, Acked: 1}})
		require.NotEmpty(t, out, e.Kind())
		for _, o := range out {
			assert.Equal(t, scenarios.Unknown, o.Verdict, "%s: %s", e.Kind(), o.Reason)
		}
	}
}

func TestTheRunWaitsForTheSteadyStateThatIsExpectedOfItsEnd(t *testing.T) {
	assert.Equal(t, "green", (&expectations.SteadyState{Status: "green"}).SettlesIn())
	assert.Equal(t, scenarios.DescribedState, (&expectations.SteadyState{Status: scenarios.DescribedState, When: "end"}).SettlesIn())
	assert.Empty(t, (&expectations.SteadyState{Status: "green", When: "start"}).SettlesIn(), "that is over by then")
}
