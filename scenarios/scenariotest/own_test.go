package scenariotest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A controller of one's own is written in one's own module, and tested there: nothing that
// it needs is internal.
func TestAControllerAndAPolicyOfAnotherModuleRunInItsTests(t *testing.T) {
	folder := otherModule(t)
	out, err := goIn(t, folder, "test", "-v", "-count=1", ".")
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: TestMyControllerEvensTheClusterOut")
	assert.Contains(t, string(out), "PUT /_cluster/settings: answered 200")
	assert.Contains(t, string(out), "--- PASS: TestMyPolicyEvensTheClusterOut")
	assert.Contains(t, string(out), "hiccup struck [n2]: it acted 0 times")
	assert.Contains(t, string(out), "rebalance by eager: a node has twice what another has")
}

// Faults and expectations of one's own are parts of one's own tests, and of a program of ten
// lines.
func TestAFaultAndAnExpectationOfAnotherModuleRunInItsProgram(t *testing.T) {
	folder := otherModule(t)
	out, err := goIn(t, folder, "run", "./cmd/rehearse", "--out", filepath.Join(folder, "out"), "hiccup.yaml")
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "PASS  hiccup: it held")
	assert.Contains(t, string(out), "actions of the controller")
	assert.FileExists(t, filepath.Join(folder, "out", "hiccup", "1", "report.html"))
	out, err = goIn(t, folder, "run", "./cmd/rehearse", "--out", filepath.Join(folder, "out"), "--set", "faults[0].hiccup.zone=q", "hiccup.yaml")
	require.Error(t, err)
	assert.Contains(t, string(out), `no node is in zone "q"`)
	assert.Contains(t, string(out), "exit status 2")
}

// A search is a test of another module, with its own fault drawn by rapid and its own claim.
func TestASearchOfAnotherModuleHasItsFaultAndItsClaim(t *testing.T) {
	folder := otherModule(t)
	out, err := goIn(t, folder, "test", "-v", "-count=1", "./search")
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: TestNoHiccupMakesTheControllerAct/{few-moves:_true}")
	assert.Contains(t, string(out), "20 plans in 1 whole rounds")
}

// otherModule is a copy of the example module, outside this one.
func otherModule(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	folder := filepath.Join(t.TempDir(), "mine")
	require.NoError(t, os.CopyFS(folder, os.DirFS("testdata/othermodule")))
	mod := filepath.Join(folder, "go.mod")
	text, err := os.ReadFile(mod)
	require.NoError(t, err)
	require.Contains(t, string(text), "=> ../../../..\n")
	require.NoError(t, os.WriteFile(mod, []byte(strings.Replace(string(text), "../../../..", root, 1)), 0o600))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "go.sum"), sums, 0o600))
	return folder
}

// goIn runs the go command in a module.
func goIn(t *testing.T, folder, verb string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{verb, "-mod=mod"}, args...)...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GOWORK=off")
	return cmd.CombinedOutput()
}
