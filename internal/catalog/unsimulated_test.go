package catalog

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
)

func TestSettingsOfPluginsAreKeptAndToldAndUnknownOnesRefused(t *testing.T) {
	const text = `name: settings
about: Settings that the model does not go by.
system: elasticsearch
cluster:
  nodes: {count: 3}
  settings: {xpack.security.enabled: "false", cluster.routing.allocation.enable: all}
  indices: [{name: logs, settings: {index.lifecycle.name: hot, index.codec: best_compression}}]
expect: [{steady-state: green, at: end}]
duration: 1m
`
	s, err := scenarios.Parse("settings.yaml", []byte(text), Vocabulary())
	require.NoError(t, err)
	assert.Equal(t, []string{"index.codec", "xpack.security.enabled"}, Unsimulated(s.Scenario))
	assert.Error(t, checkSetting("xpak.security.enabled", "false", false))
}
