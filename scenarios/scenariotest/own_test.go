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
	test := exec.CommandContext(t.Context(), "go", "test", "-mod=mod", "-v", "-count=1", ".")
	test.Dir = folder
	test.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := test.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Contains(t, string(out), "--- PASS: TestMyControllerEvensTheClusterOut")
	assert.Contains(t, string(out), "PUT /_cluster/settings: answered 200")
	assert.Contains(t, string(out), "--- PASS: TestMyPolicyEvensTheClusterOut")
	assert.Contains(t, string(out), "rebalance by eager: a node has twice what another has")
}
