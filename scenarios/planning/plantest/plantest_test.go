package plantest_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning/plantest"
)

const aware = `cluster.settings."cluster.routing.allocation.awareness.attributes"=zone`

func TestOurClusterCanLoseANodeAndAZone(t *testing.T) {
	r := plantest.Run(t, "../testdata/zone-not-lost.yaml", "{survive: [node, zone], green-within: 5m, disk-below: high}",
		plantest.Set(aware), plantest.Losses("node", "zone"), plantest.Seeds(1))
	assert.Equal(t, scenarios.Pass, r.Verdict)
	assert.Len(t, r.Sides[0].Objectives, 4)
}

// inside is set for the test below in a process of its own, where it is meant to fail.
const inside = "SHARDQUAKE_PLANTEST_FAILS"

func TestAnObjectiveThatIsNotMetFailsTheTest(t *testing.T) {
	if os.Getenv(inside) != "" {
		plantest.Run(t, "../testdata/zone-not-lost.yaml", "{survive: [zone]}", plantest.Losses("zone"), plantest.Seeds(1))
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestAnObjectiveThatIsNotMetFailsTheTest$")
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "%s", out)
	assert.Contains(t, string(out), "survive_zone")
	assert.Contains(t, string(out), "it can't lose zone")
}
