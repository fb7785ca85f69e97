package foreign_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/foreign"
	"github.com/shardquake/shardquake/scenarios"
)

// run runs the uneven cluster with a command as its controller.
func run(t *testing.T, cfg foreign.Config) *scenarios.Result {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("no curl here: the commands of these tests need it")
	}
	s, err := scenarios.Load("testdata/uneven.yaml", nil, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	runner := &scenarios.Runner{Backend: backend, NewSupervisor: func(c scenarios.SupervisorConfig) (scenarios.Supervisor, error) { return foreign.New(cfg, c) }}
	res, err := runner.Run(t.Context(), s, scenarios.Options{Scale: scenarios.AsDescribed})
	require.NoError(t, err)
	return res
}

func script(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("testdata/controller.sh")
	require.NoError(t, err)
	return "sh " + path + " {url}"
}

func TestAShellScriptLooksAfterACluster(t *testing.T) {
	for name, cfg := range map[string]foreign.Config{
		"in stepped time": {Step: 5 * time.Second},
		"in paced time":   {Speed: 200},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Command = script(t)
			res := run(t, cfg)
			assert.Equal(t, scenarios.Pass, res.Verdict, "%v", res.Outcomes)
			require.Len(t, res.History.Decisions, 1, "reads are no decisions")
			d := res.History.Decisions[0]
			assert.Equal(t, "PUT /_cluster/settings", d.Decided)
			assert.Contains(t, d.Reason, `{"persistent":{"cluster.routing.rebalance.enable":"all"}}`)
			assert.Contains(t, d.Done, "answered 200")
			assert.True(t, d.Acted)
			assert.Contains(t, d.Effect, "30s later: green → green, relocating 0 → ")
		})
	}
}

func TestACommandThatEndsIsTold(t *testing.T) {
	res := run(t, foreign.Config{Command: "echo nothing to do here; exit 3", Speed: 1000})
	assert.Equal(t, scenarios.Fail, res.Verdict, "nobody evens the cluster out")
	var log []string
	for _, l := range res.LogLines {
		log = append(log, l.Text)
	}
	assert.Contains(t, strings.Join(log, "\n"), "nothing to do here")
	assert.Contains(t, strings.Join(log, "\n"), "the controller ended: the command ended: exit status 3")
}

func TestADecisionWhoseEffectTheRunDidNotSeeSaysSo(t *testing.T) {
	res := run(t, foreign.Config{Command: `curl -s {url}/; curl -s -X POST {url}/_cluster/reroute`, Step: 4*time.Minute + 50*time.Second})
	require.Len(t, res.History.Decisions, 1)
	assert.Equal(t, "not seen: the run ended within 30s", res.History.Decisions[0].Effect)
}

func TestWhatWasRefusedIsADecisionThatDidNothing(t *testing.T) {
	res := run(t, foreign.Config{Command: `curl -s -X PUT {url}/_cluster/settings -H 'Content-Type: application/json' -d '{"persistent":{"cluster.routing.rebalance.enable":"some"}}'`, Step: time.Second})
	require.Len(t, res.History.Decisions, 1)
	assert.False(t, res.History.Decisions[0].Acted)
	assert.Contains(t, res.History.Decisions[0].Done, "answered 400: ")
}

func TestTheNoteSaysHowTimeWentAndThatTheRunIsNotDeterministic(t *testing.T) {
	assert.Equal(t, `the controller is the command "x", in stepped time, 5s after each of its requests: the run is not deterministic`, foreign.Config{Command: "x", Step: 5 * time.Second}.Note())
	assert.Contains(t, foreign.Config{Command: "x", Speed: 20}.Note(), "in paced time, 20 times the machine's")
	assert.Contains(t, foreign.Config{Command: "x"}.Note(), "in the machine's own time")
}
