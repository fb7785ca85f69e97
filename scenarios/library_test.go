package scenarios

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testVocabulary = Vocabulary{Policies: []string{"disk", "hotspot", "none", "threshold", "variance"}, Actions: []string{
	"allocate-stale-primary", "clear-filter", "enable-allocation", "lift-block", "put-back", "rebalance", "release-rebalancing", "restore-snapshot", "raise-replicas", "free-disk", "retry-failed", "slow-down", "speed-up", "stand-down", "take-lead", "take-over",
}}

func TestEveryLibraryScenarioIsValid(t *testing.T) {
	require.NotEmpty(t, Library())
	for _, name := range Library() {
		s, err := Load(name, nil, testVocabulary)
		require.NoError(t, err)
		assert.Equal(t, name, s.Name, "a scenario is named as its file")
	}
}

func TestTheStarterIsAValidScenario(t *testing.T) {
	for _, system := range Systems() {
		s, err := Parse("scenario.yaml", Starter(system), testVocabulary)
		require.NoError(t, err, system)
		assert.Equal(t, system, s.System)
	}
	assert.Nil(t, Starter("another"))
}

func TestTheSchemaNamesEveryFaultAndExpectation(t *testing.T) {
	text, err := Schema(testVocabulary)
	require.NoError(t, err)
	for _, k := range ExpectationNames() {
		assert.Contains(t, string(text), `"`+k+`"`)
	}
	for _, k := range []string{"node-loss", "partition", "link", "disk-pressure", "variance", "zipf"} {
		assert.Contains(t, string(text), k)
	}
}
