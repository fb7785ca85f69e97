//go:build linux

package kvproc_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/kvproc"
)

// pausedNode is a game day in which a node stands still.
const pausedNode = `
name: paused-node
about: A node stands still for a while.
system: kv
cluster:
  nodes: {count: 3, disk: 256mb}
  kv: {shards: 2, heartbeat: 500ms}
workload:
  - {kv: registers, writes: 5/s, reads: 5/s}
faults:
  - {at: 2s, node-loss: {node: n2, how: pause, for: 60s}}
expect:
  - {lost-acked-writes: 0}
duration: 70s
gameday:
  hypothesis: A node that stands still costs no write.
  seeds: 1
`

// halted is a game day on processes, which is halted by h once a line of its output has a text.
func halted(t *testing.T, folder, when string, h func(day *exec.Cmd), more ...string) (said string, code int) {
	t.Helper()
	command, err := kvproc.Built()
	require.NoError(t, err)
	day := exec.Command(command, append([]string{"gameday", "day.yaml", "--backend", "real", "-q", "--out", "out"}, more...)...)
	day.Dir, day.Env = folder, append(os.Environ(), "XDG_CACHE_HOME="+folder)
	out, err := day.StdoutPipe()
	require.NoError(t, err)
	var told bytes.Buffer
	day.Stderr = &told
	require.NoError(t, os.RemoveAll(filepath.Join(folder, "out")))
	require.NoError(t, day.Start())
	defer func() { _ = day.Process.Kill() }()
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if h != nil && strings.Contains(lines.Text(), when) {
			h(day)
			h = nil
		}
	}
	_ = day.Wait()
	return text.String() + told.String(), day.ProcessState.ExitCode()
}

// On processes that real signals act on: halted while it is asked for approval and while a node
// stands still, it undoes, reports, and lets no other begin until the halt is lifted.
func TestAHaltBlocksTheClusterUntilItIsLifted(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes, which takes a while: not with -short")
	}
	command, err := kvproc.Built()
	require.NoError(t, err)
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "day.yaml"), []byte(pausedNode), 0o600))
	given := func(words ...string) (string, int) {
		cmd := exec.Command(command, append([]string{"gameday"}, words...)...)
		cmd.Dir, cmd.Env = folder, append(os.Environ(), "XDG_CACHE_HOME="+folder)
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	said, code := halted(t, folder, "page ", func(day *exec.Cmd) { assert.NoError(t, day.Process.Signal(syscall.SIGTERM)) }, "--wait-for-page")
	assert.Equal(t, 4, code, said)
	assert.FileExists(t, filepath.Join(folder, "out", "gameday.html"))
	said, code = halted(t, folder, "", nil, "--yes")
	assert.Equal(t, 2, code, "blocked: %s", said)
	assert.Contains(t, said, "the last game day on paused-node was halted: interrupted (signal)")
	said, code = given("lift", "paused-node")
	assert.Zero(t, code, said)

	file := filepath.Join(folder, "HALT")
	said, code = halted(t, folder, "step", func(*exec.Cmd) {
		require.Eventually(t, func() bool { // until the node stands still
			r, err := journal.ReadFile(filepath.Join(folder, "out.journal.jsonl"))
			return err == nil && len(r.Open) == 1
		}, time.Minute, 10*time.Millisecond)
		assert.NoError(t, os.WriteFile(file, nil, 0o600))
	}, "--yes", "--set", "gameday.steps=[{name: the node, at: 1s}]")
	assert.Equal(t, 4, code, said)
	r, err := journal.ReadFile(filepath.Join(folder, "out.journal.jsonl"))
	require.NoError(t, err)
	assert.Equal(t, 1, r.Begun)
	assert.Empty(t, r.Open, "nothing is in force")
	var record struct {
		Halt struct {
			Reason string `json:"reason"`
			Undone string `json:"undone_after"`
		} `json:"halt"`
	}
	text, err := os.ReadFile(filepath.Join(folder, "out", "gameday.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &record))
	assert.Contains(t, record.Halt.Reason, "HALT")
	took, err := time.ParseDuration(record.Halt.Undone)
	require.NoError(t, err)
	assert.Less(t, took, 5*time.Second, "the pause is over in time")
	said, code = halted(t, folder, "", nil, "--yes")
	assert.Equal(t, 2, code, said)
	assert.Contains(t, said, "a file HALT lies here")
	require.NoError(t, os.Remove(file))
	said, code = given("halt")
	assert.Zero(t, code, "a halt where nothing goes on is harmless: %s", said)
	assert.Contains(t, said, "no game day goes on")
}
