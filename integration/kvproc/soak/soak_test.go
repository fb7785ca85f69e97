package soak_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/kvproc/soak"
)

// command is a stand-in that leaves a report with the verdict that its scenario is called
// and counts its runs in a file.
func command(t *testing.T) (path, count string) {
	t.Helper()
	folder := t.TempDir()
	path, count = filepath.Join(folder, "command"), filepath.Join(folder, "count")
	text := `#!/bin/sh
echo run >> ` + count + `
for last; do case $previous in --out) out=$last;; esac; previous=$last; done
echo journal > $out.journal.jsonl
mkdir -p $out
case $2 in refused) echo 'unsupported fault: x'; exit 3;; unformed) echo 'no leader'; exit 3;; silent) exit 70;; esac
echo '{"verdict": "'$2'", "expectations": [{"name": "something", "verdict": "'$2'", "reason": "so it is"}]}' > $out/report.json
[ $2 = pass ]
`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
	return path, count
}

func counted(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Count(string(text), "run")
}

func TestASoakGoesOnWhereItWasAndRepeatsNoVerdict(t *testing.T) {
	path, count := command(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	cfg := soak.Config{Command: path, Revision: "r1", Scenarios: []string{"pass", "fail", "refused", "unformed", "silent"}, Runs: 2, Parallel: 2, Load: 1, Progress: t.Logf}
	do := func() *soak.Ledger {
		l, err := soak.OpenLedger(file)
		require.NoError(t, err)
		require.NoError(t, soak.Do(t.Context(), cfg, l))
		return l
	}
	do()
	assert.Equal(t, 10, counted(t, count))
	left, err := os.ReadDir(temporary)
	require.NoError(t, err)
	assert.Empty(t, left, "nor does a run leave its journal")
	do()
	assert.Equal(t, 10, counted(t, count), "all of it was there")
	cfg.Runs = 3
	l := do()
	assert.Equal(t, 15, counted(t, count))
	rows := make(map[string]soak.Row)
	for _, r := range l.Table() {
		rows[r.Scenario] = r
	}
	assert.Equal(t, 3, rows["pass"].InARow)
	assert.Equal(t, 3, rows["fail"].Failed)
	assert.Zero(t, rows["fail"].InARow)
	assert.Zero(t, rows["refused"].Runs)
	assert.Equal(t, 3, rows["unformed"].Undecided, "it could have run, but not then")
	assert.Equal(t, 3, rows["silent"].Failed, "who leaves no report hasn't passed")
	cfg.Revision = "r2"
	do()
	assert.Equal(t, 30, counted(t, count), "another revision is another matter")
	var out strings.Builder
	require.NoError(t, l.Print(&out))
	assert.Contains(t, out.String(), "fail of fail, seed 1: something is fail: so it is")
}

func TestALineThatWasNotWrittenWholeIsLeftOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	l, err := soak.OpenLedger(file)
	require.NoError(t, err)
	run := soak.Run{Key: soak.Key{Revision: "r", Scenario: "s", Seed: 1}, Verdict: soak.Pass}
	require.NoError(t, l.Add(run))
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, append(whole, whole[:20]...), 0o600))
	l, err = soak.OpenLedger(file)
	require.NoError(t, err)
	assert.Len(t, l.Runs, 1)
	run.Seed = 2
	require.NoError(t, l.Add(run))
	l, err = soak.OpenLedger(file)
	require.NoError(t, err)
	assert.Len(t, l.Runs, 2)
	require.NoError(t, os.WriteFile(file, []byte("no json\n"+string(whole)), 0o600))
	_, err = soak.OpenLedger(file)
	assert.ErrorContains(t, err, "ledger.jsonl:1: ")
}

func TestARunThatIsBrokenOffIsNotNoted(t *testing.T) {
	path, _ := command(t)
	file := filepath.Join(t.TempDir(), "ledger.jsonl")
	l, err := soak.OpenLedger(file)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = soak.Do(ctx, soak.Config{Command: path, Scenarios: []string{"pass"}, Runs: 1, Parallel: 1, Progress: t.Logf}, l)
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, l.Runs)
}
