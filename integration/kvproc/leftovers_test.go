package kvproc_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/kvproc"
)

// interruptible starts a run on processes in a folder of its own and returns when its
// nodes are there.
func interruptible(t *testing.T) (run *exec.Cmd, folder string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes, which takes a while: not with -short")
	}
	if _, err := os.Stat("/proc/self/cmdline"); err != nil {
		t.Skip("looks for processes in /proc, which this system hasn't got")
	}
	command, err := kvproc.Built()
	require.NoError(t, err)
	folder = t.TempDir()
	t.Setenv("TMPDIR", folder)
	run = exec.Command(command, "run", "testdata/primary-lost.yaml", "--backend", "real", "-q", "--out", filepath.Join(t.TempDir(), "out"))
	require.NoError(t, run.Start())
	t.Cleanup(func() { _ = run.Process.Kill() })
	require.Eventually(t, func() bool { return len(nodesIn(t, folder)) == 3 }, time.Minute, 20*time.Millisecond)
	return run, folder
}

// nodesIn are the processes whose command line names a folder.
func nodesIn(t *testing.T, folder string) (pids []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(text), folder) && strings.Contains(string(text), "\x00kv\x00node\x00") {
			pids = append(pids, filepath.Base(filepath.Dir(path)))
		}
	}
	return pids
}

func leftIn(t *testing.T, folder string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(folder, "shardquake-kv-*"))
	require.NoError(t, err)
	return left
}

func TestAnInterruptedRunLeavesNothing(t *testing.T) {
	run, folder := interruptible(t)
	require.NoError(t, run.Process.Signal(syscall.SIGINT))
	err := run.Wait()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 4, exit.ExitCode(), "aborted")
	assert.Empty(t, nodesIn(t, folder))
	assert.Empty(t, leftIn(t, folder))
}

func TestNodesEndWithARunThatIsKilledAndCleanRemovesTheRest(t *testing.T) {
	run, folder := interruptible(t)
	require.NoError(t, run.Process.Kill())
	require.Error(t, run.Wait())
	require.Eventually(t, func() bool { return len(nodesIn(t, folder)) == 0 }, time.Minute, 20*time.Millisecond)
	left := leftIn(t, folder)
	require.Len(t, left, 1)
	removed, err := kvproc.Clean()
	require.NoError(t, err)
	assert.Equal(t, left, removed)
	assert.Empty(t, leftIn(t, folder))
}
