package scenarios

import (
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (s story) loads(t float64, loads ...NodeLoad) story {
	s.h.Observations = append(s.h.Observations, Observation{At: at(t), Sight: Loads(loads)})
	return s
}

func TestNodeLoadIsThatOfTheBusiestMemberAtTheEndOfTheLoad(t *testing.T) {
	s := tell("n1", "n2").
		loads(-5, NodeLoad{Node: "n1", CPU: 0.2}, NodeLoad{Node: "n2", CPU: 0.9, P99Ms: 40}).
		loads(50, NodeLoad{Node: "n2", CPU: 0.5, P99Ms: 8}).
		loads(101, NodeLoad{Node: "n2", CPU: 0}) // the load has stopped
	assert.Equal(t, Pass, verdict(t, s, `{node-load: cpu, max: "< 60"}`))
	assert.Equal(t, Fail, verdict(t, s, `{node-load: cpu, max: "< 50", at: end}`))
	assert.Equal(t, Fail, verdict(t, s, `{node-load: cpu, max: "< 60", at: 20s}`))
	assert.Equal(t, Fail, verdict(t, s, `{node-load: cpu, max: "< 60", at: always}`))
	assert.Equal(t, Pass, verdict(t, s, `{node-load: cpu, max: "< 60", at: always, node: n1}`))
	out := judge(t, s, `{node-load: p99, max: "< 10"}`)
	assert.Equal(t, Pass, out[0].Verdict)
	assert.InDelta(t, 8, *out[0].Observed, 0)
	assert.Equal(t, "ms", out[0].Unit)
	assert.Contains(t, out[0].Reason, "on n2")
	gone := tell("n1", "n2").loads(1, NodeLoad{Node: "n1", CPU: 0.2}, NodeLoad{Node: "n2", CPU: 0.9}).members(60, "n1", "n1")
	assert.Equal(t, Pass, verdict(t, gone, `{node-load: cpu, max: "= 20"}`), "a node that has left is not the busiest")
}

func TestNodeLoadIsUnknownWhereNothingOrTooLittleWasObserved(t *testing.T) {
	assert.Equal(t, Unknown, verdict(t, tell("n1"), `{node-load: cpu, max: "< 60"}`))
	s := tell("n1").loads(1, NodeLoad{Node: "n1", CPU: 0.5, QPS: 100, MeanMs: 3})
	assert.Equal(t, Unknown, verdict(t, s, `{node-load: p99, max: "< 60"}`), "a backend that tells no percentiles")
	assert.Equal(t, Unknown, verdict(t, s, `{node-load: p99, max: "< 60", at: always}`))
	assert.Equal(t, Pass, verdict(t, s, `{node-load: mean, max: "< 5"}`))
	assert.Equal(t, Unknown, verdict(t, s, `{node-load: cpu, max: "< 60", at: 0s}`), "not observed by then")
	assert.Equal(t, Unknown, verdict(t, s, `{node-load: cpu, max: "< 60", at: 130s}`), "over by then")
}

func TestNodeLoadRefusesWhatMakesNoSense(t *testing.T) {
	sc, err := Parse("sample.yaml", []byte(sample), testVocabulary)
	require.NoError(t, err)
	for text, want := range map[string]string{
		`{node-load: heat, max: "< 5"}`:             "heat",
		`{node-load: cpu}`:                          "no bound",
		`{node-load: cpu, max: "< 5", node: n99}`:   "n99",
		`{node-load: cpu, max: "< 5", at: noon}`:    "not a moment",
		`{node-load: cpu, max: "< 5", at: 100000h}`: "not within",
	} {
		var e Expect
		require.NoError(t, yaml.Unmarshal([]byte(text), &e))
		problems := e.Check(sc.Scenario)
		require.Len(t, problems, 1, text)
		assert.Contains(t, problems[0].Message, want)
	}
}
