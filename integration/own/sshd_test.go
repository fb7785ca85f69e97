package own

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/undo"
	"github.com/shardquake/shardquake/internal/sshtest"
)

// remote is a node that is a process of a machine behind a real SSH daemon.
type remote struct {
	*sshtest.Daemon
	name, folder, pid, start string
}

func behindSSH(t *testing.T) *remote {
	t.Helper()
	r := &remote{Daemon: sshtest.Start(t), folder: t.TempDir()}
	r.name = "ssh-" + filepath.Base(filepath.Dir(r.folder)) // whose timers no other test has
	r.pid, r.start = filepath.Join(r.folder, "pid"), filepath.Join(r.folder, "start")
	require.NoError(t, os.WriteFile(r.start, []byte("#!/bin/sh\nsleep 600 >/dev/null 2>&1 </dev/null & echo $! >"+r.pid+"\n"), 0o755))
	require.NoError(t, exec.Command(r.start).Run())
	t.Cleanup(func() {
		_ = exec.Command("sh", "-c", "kill -KILL $(cat "+r.pid+")").Run() // it may be gone
		_ = os.Remove(r.mark("kill"))
		_ = os.Remove(r.mark("pause"))
	})
	return r
}

func (r *remote) mark(kind string) string {
	return fmt.Sprintf("/tmp/shardquake-%s-%s.timer", r.name, kind)
}

func (r *remote) fleet(t *testing.T, timer string) *Fleet {
	t.Helper()
	ssh := r.YAML(fmt.Sprintf("pid-file: %s, start: %s, path: %s, timer: %s", r.pid, r.start, r.folder, timer))
	return NewFleet(read(t, fmt.Sprintf("name: s\nuuid: u\nnodes:\n  %s: {http: 'http://h:1', ssh: %s}", r.name, ssh)), seeing{r.name: chaos.Paused})
}

// state is the process's, as this machine sees it: "" when there is none.
func (r *remote) state(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(r.pid)
	require.NoError(t, err)
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strings.TrimSpace(string(text))).Output() // none is an error
	state := strings.TrimSpace(string(out))
	if strings.HasPrefix(state, "Z") {
		return ""
	}
	return state
}

// waits is whether a timer of so many seconds is asleep on this machine.
func waits(seconds int) bool {
	return exec.Command("pgrep", "-f", fmt.Sprintf("^sleep %d$", seconds)).Run() == nil
}

// A real SSH daemon, real processes: every action, its undoing, and no timer that is left.
func TestOverARealDaemonWhatIsDoneIsUndoneAndLeavesNoTimer(t *testing.T) {
	r := behindSSH(t)
	ctx, f := t.Context(), r.fleet(t, "7717s")
	require.NotEmpty(t, r.state(t))
	require.NoError(t, f.Kill(ctx, r.name))
	assert.Empty(t, r.state(t))
	assert.True(t, waits(7717), "the machine would undo it by itself")
	require.NoError(t, f.Start(ctx, r.name))
	assert.NotEmpty(t, r.state(t))
	assert.NoFileExists(t, r.mark("kill"))
	require.Eventually(t, func() bool { return !waits(7717) }, 10*time.Second, 50*time.Millisecond, "the timer sleeps on")

	require.NoError(t, f.Pause(ctx, r.name))
	assert.Contains(t, r.state(t), "T")
	f.eyes = seeing{r.name: chaos.Running}
	require.NoError(t, f.Resume(ctx, r.name))
	assert.NotContains(t, r.state(t), "T")
	require.Eventually(t, func() bool { return !waits(7717) }, 10*time.Second, 50*time.Millisecond)

	require.NoError(t, f.Fill(ctx, r.name, 75))
	ballast := filepath.Join(r.folder, "shardquake-ballast")
	info, err := os.Stat(ballast)
	require.NoError(t, err)
	assert.EqualValues(t, 45, info.Size())
	require.NoError(t, f.Free(ctx, r.name))
	assert.NoFileExists(t, ballast)
	require.Eventually(t, func() bool { return !waits(7717) }, 10*time.Second, 50*time.Millisecond)

	// By whoever has the journal, and again without harm.
	require.NoError(t, f.Kill(ctx, r.name))
	entry := journal.Entry{Undo: f.OfProcess(r.name)}
	require.NoError(t, undo.Do(ctx, entry))
	assert.NotEmpty(t, r.state(t))
	require.NoError(t, undo.Do(ctx, entry))
	require.Eventually(t, func() bool { return !waits(7717) }, 10*time.Second, 50*time.Millisecond)
}

// The machine can't be reached any more: it undoes by itself what was done to it.
func TestAMachineThatIsCutOffUndoesByItself(t *testing.T) {
	r := behindSSH(t)
	f := r.fleet(t, "2s")
	require.NoError(t, f.Kill(t.Context(), r.name))
	r.Stop()
	require.Error(t, f.Start(t.Context(), r.name), "nobody is there")
	require.Eventually(t, func() bool { return r.state(t) != "" }, time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := os.Stat(r.mark("kill"))
		return os.IsNotExist(err)
	}, 10*time.Second, 50*time.Millisecond, "its timer has ended")
}

// Permission that is lost in the middle: the error says what was to be done and why it was not,
// nothing claims that it was undone, and the machine's own timer undoes it.
func TestPermissionThatIsLostInTheMiddleIsToldAndTheTimerUndoes(t *testing.T) {
	r := behindSSH(t)
	f := r.fleet(t, "3s")
	require.NoError(t, f.Kill(t.Context(), r.name))
	require.NoError(t, r.Admit(false))
	err := f.Start(t.Context(), r.name)
	require.ErrorContains(t, err, "undoing kill of node "+r.name)
	assert.ErrorContains(t, err, "Permission denied")
	require.Error(t, undo.Do(context.WithoutCancel(t.Context()), journal.Entry{Undo: f.OfProcess(r.name)}), "the journal's steps have no more rights")
	require.Eventually(t, func() bool { return r.state(t) != "" }, time.Minute, 50*time.Millisecond)
	require.NoError(t, r.Admit(true))
	require.NoError(t, f.Start(t.Context(), r.name), "and what is undone already can be undone again")
}
