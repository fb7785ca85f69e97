package scenariotest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// A rolling restart takes no longer with the controller than without: whichever policy,
// with the recovery manager and without.
func TestARollingRestartIsNoSlowerWithAController(t *testing.T) {
	const line = "controller: {policy: variance, recovery: true, interval: 30s}\n"
	file, err := os.ReadFile("../library/rolling-restart.yaml")
	require.NoError(t, err)
	require.Contains(t, string(file), line)
	took := func(t *testing.T, controller string) time.Duration {
		path := filepath.Join(t.TempDir(), "rolling-restart.yaml")
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(file), line, controller, 1)), 0o600))
		res := scenariotest.Run(t, path)
		for _, d := range res.History.Decisions {
			atWork := (d.At-10*time.Second)%(5*time.Minute) < 220*time.Second
			assert.False(t, d.Acted && atWork && d.At > 10*time.Second && d.At < 25*time.Minute, "at %v %s: %s", d.At, d.Actor, d.Done)
		}
		return recovered(t, res)
	}
	alone := took(t, "")
	assert.Greater(t, alone, 5*50*time.Second, "until allocation is on again, five times")
	for _, p := range policy.Registry() {
		for _, recovery := range []string{"true", "false"} {
			t.Run(p.Name+", recovery: "+recovery, func(t *testing.T) {
				got := took(t, "controller: {policy: "+p.Name+", recovery: "+recovery+", interval: 30s}\n")
				// Checks see a green cluster at most a second later, five times.
				assert.InDelta(t, alone.Seconds(), got.Seconds(), 5)
			})
		}
	}
}

// recovered is how long the cluster took to be green again after the faults, in total.
func recovered(t *testing.T, res *scenarios.Result) time.Duration {
	t.Helper()
	sum := 0.0
	for _, o := range res.Outcomes {
		if strings.HasPrefix(o.Name, "green after ") {
			require.NotNil(t, o.Observed, o.Reason)
			sum += *o.Observed
		}
	}
	return time.Duration(sum * float64(time.Second))
}
