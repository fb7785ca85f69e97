package es

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func (s story) loads(t float64, loads ...observed.NodeLoad) story {
	s.h.Observations = append(s.h.Observations, observed.Observation{At: at(t), Sight: observed.Loads(loads)})
	return s
}

func TestNodeLoadIsThatOfTheBusiestMemberAtTheEndOfTheLoad(t *testing.T) {
	s := tell("n1", "n2").
		loads(-5, observed.NodeLoad{Node: "n1", CPU: 0.2}, observed.NodeLoad{Node: "n2", CPU: 0.9, P99Ms: 40}).
		loads(50, observed.NodeLoad{Node: "n2", CPU: 0.5, P99Ms: 8}).
		loads(101, observed.NodeLoad{Node: "n2", CPU: 0}) // the load has stopped
	assert.Equal(t, scenarios.Pass, verdict(t, s, `{node-load: cpu, max: "< 60"}`))
	assert.Equal(t, scenarios.Fail, verdict(t, s, `{node-load: cpu, max: "< 50", at: end}`))
	assert.Equal(t, scenarios.Fail, verdict(t, s, `{node-load: cpu, max: "< 60", at: 20s}`))
	assert.Equal(t, scenarios.Fail, verdict(t, s, `{node-load: cpu, max: "< 60", at: always}`))
	assert.Equal(t, scenarios.Pass, verdict(t, s, `{node-load: cpu, max: "< 60", at: always, node: n1}`))
	out := judge(t, s, `{node-load: p99, max: "< 10"}`)
	assert.Equal(t, scenarios.Pass, out[0].Verdict)
	assert.InDelta(t, 8, *out[0].Observed, 0)
	assert.Equal(t, "ms", out[0].Unit)
	assert.Contains(t, out[0].Reason, "on n2")
	gone := tell("n1", "n2").loads(1, observed.NodeLoad{Node: "n1", CPU: 0.2}, observed.NodeLoad{Node: "n2", CPU: 0.9}).members(60, "n1", "n1")
	assert.Equal(t, scenarios.Pass, verdict(t, gone, `{node-load: cpu, max: "= 20"}`), "a node that has left is not the busiest")
}

func TestNodeLoadIsUnknownWhereNothingOrTooLittleWasObserved(t *testing.T) {
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), `{node-load: cpu, max: "< 60"}`))
	s := tell("n1").loads(1, observed.NodeLoad{Node: "n1", CPU: 0.5, QPS: 100, MeanMs: 3})
	assert.Equal(t, scenarios.Unknown, verdict(t, s, `{node-load: p99, max: "< 60"}`), "a backend that tells no percentiles")
	assert.Equal(t, scenarios.Unknown, verdict(t, s, `{node-load: p99, max: "< 60", at: always}`))
	assert.Equal(t, scenarios.Pass, verdict(t, s, `{node-load: mean, max: "< 5"}`))
	assert.Equal(t, scenarios.Unknown, verdict(t, s, `{node-load: cpu, max: "< 60", at: 0s}`), "not observed by then")
	assert.Equal(t, scenarios.Unknown, verdict(t, s, `{node-load: cpu, max: "< 60", at: 130s}`), "over by then")
}

func TestNodeLoadRefusesWhatMakesNoSense(t *testing.T) {
	sc, err := scenarios.Parse("sample.yaml", []byte(sample), testVocabulary)
	require.NoError(t, err)
	for text, want := range map[string]string{
		`{node-load: heat, max: "< 5"}`:             "heat",
		`{node-load: cpu}`:                          "no bound",
		`{node-load: cpu, max: "< 5", node: n99}`:   "n99",
		`{node-load: cpu, max: "< 5", at: noon}`:    "not a moment",
		`{node-load: cpu, max: "< 5", at: 100000h}`: "not within",
	} {
		e, err := testVocabulary.ReadExpectation([]byte(text))
		require.NoError(t, err)
		problems := e.Check(sc.Scenario)
		require.Len(t, problems, 1, text)
		assert.Contains(t, problems[0].Message, want)
	}
}
