package planning_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

const (
	nine     = "testdata/fleet.yaml"
	machines = "testdata/machines.yaml"
)

func sized(t *testing.T, r *planning.Result) planning.Sized {
	t.Helper()
	require.NotNil(t, r.Size)
	require.Len(t, r.Size.Tiers, 1)
	return r.Size.Tiers[0]
}

func tried(t *testing.T, s planning.Sized, machine string, nodes int) planning.Fleet {
	t.Helper()
	for _, f := range s.Tried {
		if f.Machine == machine && f.Nodes == nodes {
			return f
		}
	}
	require.Fail(t, "this fleet was not simulated", "%d %s", nodes, machine)
	return planning.Fleet{}
}

func TestAFleetThatIsTooLargeIsToldWithTheSmallestThatDoes(t *testing.T) {
	c := config(t, nine)
	c.Seeds, c.Losses, c.Machines = 1, []string{"zone"}, machines
	r := plan(t, c)
	s := sized(t, r)
	assert.Equal(t, scenarios.Pass, r.Verdict, r.Headline)
	assert.Equal(t, planning.Over, s.Verdict, s.Reason)
	require.NotNil(t, s.Fewest)
	assert.Equal(t, 6, *s.Fewest, "a third less: %s", s.Reason)
	require.NotNil(t, s.Price)
	assert.InDelta(t, 9, *s.Price, 1e-9, "the nodes are like a machine of the file")
	require.NotNil(t, s.Winner)
	assert.Less(t, *s.Winner.Price, 9.0)
	smaller := tried(t, s, s.Winner.Machine, s.Winner.Nodes-1)
	assert.Equal(t, scenarios.Fail, smaller.Verdict, "the next smaller fleet was simulated with the same seeds")
	assert.Equal(t, smaller.Limit, s.Binding)
	assert.Contains(t, tried(t, s, "small", 7).Limit, "disk", "its disks are too small for so few")
	for i, f := range s.Frontier {
		require.NotNil(t, f.Green)
		if i > 0 {
			assert.Greater(t, *f.Price, *s.Frontier[i-1].Price)
			assert.Less(t, *f.Green, *s.Frontier[i-1].Green, "who pays more waits less")
		}
	}
}

func TestObjectivesThatNoFleetMeetsAreNotSearchedForEver(t *testing.T) {
	c := config(t, nine)
	c.Seeds, c.Losses, c.Machines = 1, []string{planning.Node}, machines
	c.Set = []string{"cluster.indices[0].replicas=0", "objectives={survive: [node]}"}
	s := sized(t, plan(t, c))
	assert.Equal(t, planning.Undecided, s.Verdict)
	assert.Nil(t, s.Winner)
	assert.Contains(t, s.Reason, "no fleet that was tried meets the objectives")
	assert.Contains(t, s.Reason, "copies that were all lost")
	for _, f := range s.Tried {
		assert.Less(t, f.Nodes, 40, "more nodes don't bring back what had one copy")
	}
}

func TestMachinesThatMakeNoSenseAreRefusedAtTheirPlace(t *testing.T) {
	text, err := os.ReadFile(machines)
	require.NoError(t, err)
	for _, c := range []struct{ old, new, want string }{
		{", price: 1.00}", "}", "machines.yaml:2:5: large has no price"},
		{"name: large,", "name: large, tier: data_warm,", `unknown tier "data_warm"`},
		{"price: 1.00", "price: -1", "a price can't be negative"},
		{"disk: 1tb", "disk: 0b", "large has no disk"},
		{"name: small", "name: large", "a name that no other machine type has"},
		{"cpus: 8", "cores: 8", `unknown`},
		{"machines:", "machine:", `unknown`},
	} {
		require.Contains(t, string(text), c.old)
		file := filepath.Join(t.TempDir(), "machines.yaml")
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), c.old, c.new, 1)), 0o600))
		cfg := config(t, nine)
		cfg.Seeds, cfg.Losses, cfg.Machines = 1, []string{planning.Master}, file
		_, err := planning.Run(t.Context(), cfg)
		require.ErrorIs(t, err, planning.ErrConfig, c.new)
		assert.Contains(t, err.Error(), c.want)
	}
}
