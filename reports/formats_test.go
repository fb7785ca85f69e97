package reports

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/version"
)

func TestFoldersOfEarlierVersionsStillLoad(t *testing.T) {
	for dir, build := range map[string]version.Build{
		"run-0": {}, // before versions were kept: a plan without a schema, a trace without a head
		"run-1": {Version: "v0.1.0", Revision: "f02d0065cb3f"},
	} {
		dir = filepath.Join("testdata", "formats", dir)
		rep, err := ReadReport(dir)
		require.NoError(t, err)
		assert.Equal(t, "tiny", rep.Scenario)
		assert.Equal(t, build, rep.Version)
		plan, text, err := ReadPlan(dir)
		require.NoError(t, err)
		assert.Len(t, plan.Plan.Entries, 1)
		assert.Equal(t, build, plan.Version)
		assert.Contains(t, string(text), "name: tiny")
		trace, err := ReadTrace(dir, rep)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(string(trace), `{"at_s":`), "without its head")
	}
}

// folderOf copies a run of the fixtures to where it can be spoilt.
func folderOf(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "formats", name))))
	return dir
}

func TestATraceThatWasCutOffIsNotTakenForTheRun(t *testing.T) {
	dir := folderOf(t, "run-1")
	rep, err := ReadReport(dir)
	require.NoError(t, err)
	path := filepath.Join(dir, FileTrace)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, data[:len(data)/2], 0o600))
	_, err = ReadTrace(dir, rep)
	assert.ErrorContains(t, err, "it was cut off or changed since")
}

func TestFormatsOfLaterVersionsAreNamed(t *testing.T) {
	dir := folderOf(t, "run-1")
	for file, schemas := range map[string][2]string{FilePlan: {PlanSchema, "shardquake.plan/9"}, FileTrace: {TraceSchema, "shardquake.trace/9"}} {
		path := filepath.Join(dir, file)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(data), schemas[0], schemas[1], 1)), 0o600))
	}
	_, _, err := ReadPlan(dir)
	assert.ErrorContains(t, err, `schema "shardquake.plan/9"; this version reads "shardquake.plan/1"`)
	rep, err := ReadReport(dir)
	require.NoError(t, err)
	_, err = ReadTrace(dir, rep)
	assert.ErrorContains(t, err, `schema "shardquake.trace/9"`)
}

func TestTheHeadOfATraceSaysWhatWroteIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	rep, err := Write(dir, fixture())
	require.NoError(t, err)
	trace, err := ReadTrace(dir, rep)
	require.NoError(t, err, "its hash is that of the trace without the head")
	whole, err := os.ReadFile(filepath.Join(dir, FileTrace))
	require.NoError(t, err)
	head := strings.TrimSuffix(string(whole), string(trace))
	assert.Equal(t, `{"kind":"head","schema":"shardquake.trace/1","version":{"version":"(devel)"},"scenario":"told-by-hand","backend":"sim","seed":1}`+"\n", head)
}

func TestRunsThatDifferInMoreThanIsAskedAreNotComparedInSilence(t *testing.T) {
	base, now := build(t), build(t)
	assert.Empty(t, Reservations(base, now))
	now.Backend, now.Scale, now.EndS, now.Version = "real", "real", 30, version.Build{Version: "v9"}
	assert.Equal(t, []string{
		"backend: real, was sim", "scale: real, was described", "duration: 30 s, was 60 s", "version of Shardquake: v9, not (devel)",
	}, Reservations(base, now))
}
