//go:build linux

package kvproc_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/kvproc"
	"github.com/shardquake/shardquake/integration/undo"
)

// everyKind has a fault of every kind that lasts in force at once.
const everyKind = `
name: every-kind
about: A fault of every kind that lasts, all in force at once.
system: kv
cluster:
  nodes: {count: 5, disk: 256mb}
  kv: {shards: 2, heartbeat: 500ms}
workload:
  - {kv: registers, writes: 5/s, reads: 5/s}
faults:
  - {at: 1s, node-loss: {node: n2, how: pause, for: 10m}}
  - {at: 1s, node-loss: {node: n5, how: kill, for: 10m}}
  - {at: 1s, disk-pressure: {node: n3, to: 50%, for: 10m}}
  - {at: 1s, partition: {between: [n1], and: [n3], mode: blackhole, for: 10m}}
  - {at: 1s, link: {between: [n3], and: [n4], latency: 50ms, for: 10m}}
expect:
  - {lost-acked-writes: 0}
duration: 11m
`

// inForce starts a run of its own and returns when so many things have been begun.
func inForce(t *testing.T, things int) (run *exec.Cmd, path string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes, which takes a while: not with -short")
	}
	command, err := kvproc.Built()
	require.NoError(t, err)
	folder := t.TempDir()
	file := filepath.Join(folder, "every-kind.yaml")
	require.NoError(t, os.WriteFile(file, []byte(everyKind), 0o600))
	run = exec.Command(command, "run", file, "--backend", "real", "--no-sim", "-q", "--out", filepath.Join(folder, "out"))
	run.Stderr, run.Env = t.Output(), append(os.Environ(), "TMPDIR="+folder)
	require.NoError(t, run.Start())
	t.Cleanup(func() { _ = run.Process.Kill(); _ = run.Wait() })
	path = filepath.Join(folder, "out.journal.jsonl")
	require.Eventually(t, func() bool {
		r, err := journal.ReadFile(path)
		return err == nil && len(r.Open) >= things
	}, time.Minute, 5*time.Millisecond)
	return run, path
}

// nothingLeft waits until nothing is left of what a journal has open, and returns how long
// that took.
func nothingLeft(t *testing.T, path string) time.Duration {
	t.Helper()
	began := time.Now()
	r, err := journal.ReadFile(path)
	require.NoError(t, err)
	var left []string
	gone := func() bool {
		left = nil
		for _, e := range r.Open {
			is, err := undo.Look(context.Background(), e)
			if err != nil {
				is = append(is, err.Error())
			}
			left = append(left, is...)
		}
		return len(left) == 0
	}
	require.Eventually(t, gone, time.Minute, 100*time.Millisecond, "left: %v", left)
	return time.Since(began)
}

// The kinds are begun one after the other: killed as soon as the first, the second, … has
// been written down, the run leaves nothing in force.
func TestARunThatIsKilledAtAnyStepLeavesNothingInForce(t *testing.T) {
	t.Parallel()
	steps := []int{1, 7}
	if os.Getenv("SHARDQUAKE_KILL_EVERYWHERE") == "1" {
		steps = []int{1, 2, 3, 4, 5, 6, 7}
	}
	for _, things := range steps {
		run, path := inForce(t, things)
		require.NoError(t, run.Process.Kill())
		require.Error(t, run.Wait())
		took := nothingLeft(t, path)
		r, err := journal.ReadFile(path)
		require.NoError(t, err)
		t.Logf("| killed when %d were begun (%s) | %.1f s |", things, kinds(r), took.Seconds())
		var told []string
		left, err := undo.Heal(t.Context(), path, false, func(format string, _ ...any) { told = append(told, format) })
		require.NoError(t, err)
		assert.Zero(t, left, "and the journal can still be carried out: %v", told)
	}
}

func kinds(r *journal.Read) string {
	var out []string
	for _, e := range r.Open {
		kind, _, _ := strings.Cut(e.What, " ")
		out = append(out, kind)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), ", ")
}

// A run that stands still is like one whose host is cut off: it renews nothing. Paused nodes
// go on and disks are free without it, and when it comes back it is told, and ends itself.
func TestARunThatStandsStillLosesItsLeases(t *testing.T) {
	t.Parallel()
	run, path := inForce(t, 7)
	r, err := journal.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, run.Process.Signal(syscall.SIGSTOP))
	began := time.Now()
	// The proxies are in the run's own process and stand still with it.
	open := slices.DeleteFunc(r.Open, func(e journal.Entry) bool { return strings.Contains(e.On, "→") })
	require.NotEmpty(t, open)
	require.Eventually(t, func() bool {
		for _, e := range open {
			if is, err := undo.Look(context.Background(), e); err != nil || len(is) > 0 {
				return false
			}
		}
		return true
	}, time.Minute, 100*time.Millisecond)
	t.Logf("| stood still when all were in force | %.1f s |", time.Since(began).Seconds())
	require.NoError(t, run.Process.Signal(syscall.SIGCONT))
	err = run.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 4, exit.ExitCode(), "aborted")
	r, err = journal.ReadFile(path)
	require.NoError(t, err)
	assert.Empty(t, r.Open, "it has undone what it had in its own hands")
}
