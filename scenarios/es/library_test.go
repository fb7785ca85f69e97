package es

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/kv"
)

var testVocabulary = scenarios.Vocabulary{Systems: []scenarios.System{System{}, kv.System{}}, Common: expectations.Common(), Policies: []string{"disk", "hotspot", "none", "threshold", "variance"}, Actions: []string{
	"allocate-stale-primary", "clear-filter", "enable-allocation", "lift-block", "put-back", "rebalance", "release-rebalancing", "restore-snapshot", "raise-replicas", "free-disk", "retry-failed", "slow-down", "speed-up", "stand-down", "take-lead", "take-over",
}}

func TestEveryLibraryScenarioIsValid(t *testing.T) {
	require.NotEmpty(t, scenarios.Library())
	for _, name := range scenarios.Library() {
		s, err := scenarios.Load(name, nil, testVocabulary)
		require.NoError(t, err)
		assert.Equal(t, name, s.Name, "a scenario is named as its file")
	}
}

func TestTheStarterIsAValidScenario(t *testing.T) {
	for _, system := range testVocabulary.SystemNames() {
		s, err := scenarios.Parse("scenario.yaml", testVocabulary.Starter(system), testVocabulary)
		require.NoError(t, err, system)
		assert.Equal(t, system, s.System)
	}
	assert.Nil(t, testVocabulary.Starter("another"))
}

func TestTheSchemaNamesEveryFaultAndExpectation(t *testing.T) {
	text, err := scenarios.Schema(testVocabulary)
	require.NoError(t, err)
	for _, k := range testVocabulary.Expectations() {
		assert.Contains(t, string(text), `"`+k.Name+`"`)
	}
	for _, k := range []string{"node-loss", "partition", "link", "disk-pressure", "variance", "zipf"} {
		assert.Contains(t, string(text), k)
	}
}
