package kvproc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// otherModule copies a module of testdata to a folder of its own, with the project's
// checksums: that of this module at hand is what it requires.
func otherModule(t *testing.T, folder string) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.CopyFS(to, os.DirFS(folder)))
	mod := filepath.Join(to, "go.mod")
	text, err := os.ReadFile(mod)
	require.NoError(t, err)
	require.Contains(t, string(text), "=> ../../../..\n")
	require.NoError(t, os.WriteFile(mod, []byte(strings.Replace(string(text), "../../../..", root, 1)), 0o600))
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(to, "go.sum"), sums, 0o600))
	return to
}

func TestAProgramOfAnotherModuleUsesTheCluster(t *testing.T) {
	t.Parallel()
	_, c := cluster(t)
	folder := otherModule(t, "testdata/program")
	program := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-mod=mod", "-o", program, ".")
	build.Dir = folder
	build.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	var nodes []string
	for name, address := range c.Direct().Book {
		nodes = append(nodes, name+"="+address)
	}
	run := exec.Command(program)
	run.Env = append(os.Environ(), "NODES="+strings.Join(nodes, ","))
	out, err = run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "apple is a fruit\nconflict: true\napple=fruit\nfig=changed\npear=fruit\n", string(out))
}
