//go:build unix

package foreign_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/foreign"
)

// TestNothingThatACommandStartedOutlivesTheRun starts a command that starts another, as a
// shell does: killing the shell alone would leave that running for ever.
func TestNothingThatACommandStartedOutlivesTheRun(t *testing.T) {
	for name, end := range map[string]string{"the run ends": "wait", "the command ends before": "exit 0"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pid")
			run(t, foreign.Config{Command: "sleep 600 >&- 2>&- & echo $! > " + file + "; " + end, Speed: 1000})
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			require.NoError(t, err)
			// It was killed; who collects it may take a moment.
			assert.Eventually(t, func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH || zombie(pid) }, 10*time.Second, 10*time.Millisecond)
		})
	}
}

// zombie reports whether a process has ended and nobody has asked for its status.
func zombie(pid int) bool {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && strings.Contains(string(text), ") Z ")
}
