package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAFileThatOnlyOneSystemCompilesIsFound(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.com/m\n\ngo 1.26\n")
	write("kill.go", "package m\n\nimport \"syscall\"\n\nfunc Kill(pid int) error { return syscall.Kill(pid, 0) }\n")
	write("kill_test.go", "package m\n\nimport \"testing\"\n\nfunc TestKill(t *testing.T) { t.Log(Kill(1)) }\n")
	n, err := check(dir, "darwin/arm64")
	require.NoError(t, err)
	assert.Positive(t, n)
	_, err = check(dir, "windows/amd64")
	assert.ErrorContains(t, err, "kill.go:5:")
	assert.ErrorContains(t, err, "undefined: syscall.Kill")
	_, err = check(dir, "windows")
	assert.ErrorContains(t, err, "want a system and an architecture")
}
