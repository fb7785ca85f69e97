package catalog_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

// allocated is how many bytes f takes from the heap, freed ones among them.
func allocated(t *testing.T, f func() error) float64 {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	require.NoError(t, f())
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// large is a scenario with so many nodes and faults.
func large(nodes, faults int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `name: large
about: As large as it is told.
system: elasticsearch
cluster:
  nodes: {count: %d}
  indices: [{name: logs, shards: 1, replicas: 1, size: 1mb}]
expect: [{steady-state: green, at: end}]
duration: %ds
`, nodes, 3*faults+10)
	if faults > 0 {
		b.WriteString("faults:\n")
	}
	for i := range faults {
		fmt.Fprintf(&b, "  - {at: %ds, node-loss: {node: n%d, for: 1s}}\n", 3*i+1, i%3+1)
	}
	return []byte(b.String())
}

// Four times the file, or four times the nodes, may take four times the memory and little more: with the
// square it would be sixteen times.
func TestMemoryIsLinearInTheFileAndInTheNodes(t *testing.T) {
	const four = 4 * 1.5
	check := func(faults int) float64 {
		text := large(3, faults)
		return allocated(t, func() error {
			_, err := scenarios.Parse("large.yaml", text, catalog.Vocabulary())
			return err
		})
	}
	check(1) // what is made once
	assert.Less(t, check(4000)/check(1000), four, "faults of a file that is checked")
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	start := func(nodes int) float64 {
		s, err := scenarios.Parse("large.yaml", large(nodes, 0), catalog.Vocabulary())
		require.NoError(t, err)
		return allocated(t, func() error {
			_, err := (&scenarios.Runner{Backend: backend}).Run(t.Context(), s, scenarios.Options{Scale: scenarios.AsDescribed})
			return err
		})
	}
	start(3)
	assert.Less(t, start(2000)/start(500), four, "nodes of a cluster that runs")
}
