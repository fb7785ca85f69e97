package catalog

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
)

func TestSettingsThatStepsSetAreToldWhereTheyAreNotSimulated(t *testing.T) {
	s, err := scenarios.Load("one-node-lost", []string{`faults=[{at: 1s, settings: {set: {xpack.monitoring.collection.enabled: "true", cluster.routing.rebalance.enable: none}}}, ` +
		`{at: 2s, put-template: {template: t, patterns: ["x-*"], settings: {index.lifecycle.parse_origination_date: "true"}}}]`, "expect=[{lost-acked-writes: 0}]"}, Vocabulary())
	require.NoError(t, err)
	assert.Equal(t, []string{"index.lifecycle.parse_origination_date", "xpack.monitoring.collection.enabled"}, Unsimulated(s.Scenario))
	backend, err := Backend("sim")
	require.NoError(t, err)
	res, err := (&scenarios.Runner{Backend: backend, NewSupervisor: Supervisor}).Run(t.Context(), s, scenarios.Options{})
	require.NoError(t, err)
	assert.Contains(t, res.Notes, "settings that are not simulated: index.lifecycle.parse_origination_date, xpack.monitoring.collection.enabled")
}
