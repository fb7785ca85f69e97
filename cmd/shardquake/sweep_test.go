package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/reports"
)

// A signal as a terminal sends it, after the first of very many seeds.
func TestCtrlCInASweepKeepsTheFinishedSeeds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	cmd := exec.CommandContext(t.Context(), "shardquake", "run", "rebalance-12-4-2", "--seeds", "1-100000", "--out", dir)
	var out bytes.Buffer
	cmd.Stdout = &out
	told, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	last := ""
	for lines := bufio.NewScanner(told); lines.Scan(); last = lines.Text() {
		// The line by which it says goodbye counts the seeds in the same words; a second signal would kill it.
		if line := lines.Text(); strings.Contains(line, " 1 of 100000 seeds") && !strings.Contains(line, "aborted") {
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		}
	}
	var ended *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &ended, "it was not interrupted")
	assert.Equal(t, exit.CodeAborted, ended.ExitCode(), last)

	text, err := os.ReadFile(filepath.Join(dir, reports.FileSweep))
	require.NoError(t, err)
	var kept reports.Sweep
	require.NoError(t, json.Unmarshal(text, &kept))
	require.NotEmpty(t, kept.Seeds)
	assert.Equal(t, len(kept.Seeds), kept.Passed)
	assert.Contains(t, last, fmt.Sprintf("aborted: %d of 100000 seeds were run, and are kept in %s", len(kept.Seeds), dir))
	runs, err := os.ReadFile(filepath.Join(dir, reports.FileRuns))
	require.NoError(t, err)
	assert.Len(t, bytes.Split(bytes.TrimSpace(runs), []byte("\n")), len(kept.Seeds))
	assert.Contains(t, out.String(), fmt.Sprintf("%d of %d seeds passed", kept.Passed, len(kept.Seeds)))
}

// spoiler takes the place of the output's parent folder, as a full or a lost disk does, as soon
// as the run that it listens to has begun.
type spoiler struct {
	parent string
	once   sync.Once
	said   bytes.Buffer
}

func (s *spoiler) Write(p []byte) (n int, err error) {
	s.once.Do(func() {
		if err = os.RemoveAll(s.parent); err == nil {
			err = os.WriteFile(s.parent, nil, 0o644)
		}
	})
	if err != nil {
		return 0, err
	}
	return s.said.Write(p)
}

func TestAVerdictWhoseFilesCannotBeWrittenIsToldApartFromTheFailure(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		verdict string
	}{
		"a run that passes": {nil, "pass"},
		"a run that fails":  {[]string{"--set", "expect[0].within=1ms"}, "fail"},
		"seeds that pass":   {[]string{"--seeds", "1-2"}, "pass"},
		"seeds that fail":   {[]string{"--seeds", "1-2", "--set", "expect[0].within=1ms"}, "fail"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := filepath.Join(t.TempDir(), "disk")
			require.NoError(t, os.Mkdir(parent, 0o755))
			root, out := newRootCommand(), bytes.Buffer{}
			root.SetArgs(append([]string{"run", "rebalance-12-4-2", "--out", filepath.Join(parent, "out")}, c.args...))
			root.SetOut(&out)
			root.SetErr(&spoiler{parent: parent})
			err := root.ExecuteContext(t.Context())
			assert.Equal(t, exit.CodeNotKept, exit.CodeOf(err))
			assert.ErrorContains(t, err, "the verdict is "+c.verdict+", but the report could not be written: output folder: ")
			assert.True(t, strings.HasPrefix(out.String(), strings.ToUpper(c.verdict)+"  rebalance-12-4-2"), out.String())
			assert.NotContains(t, out.String(), reports.FileHTML, "there is nothing to look at")
		})
	}
}
