package journal_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos/journal"
)

func entry(on string) journal.Entry {
	return journal.Entry{On: on, What: "something to " + on, Undo: []journal.Step{{Remove: "/nowhere/" + on}}}
}

// written is a journal in which a, b and c were begun, and b undone.
func written(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out", "journal.jsonl")
	j, err := journal.Create(path, "staging")
	require.NoError(t, err)
	for _, on := range []string{"a", "b", "c"} {
		require.NoError(t, j.Begin(entry(on)))
	}
	require.NoError(t, j.Undone("b", "the run"))
	require.NoError(t, j.Close())
	return path
}

func things(entries []journal.Entry) (names []string) {
	for _, e := range entries {
		names = append(names, e.On)
	}
	return names
}

func TestWhatWasBegunAndNotUndoneIsOpen(t *testing.T) {
	r, err := journal.ReadFile(written(t))
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "c"}, things(r.Open))
	assert.Equal(t, "/nowhere/a", r.Open[0].Undo[0].Remove)
	assert.Equal(t, "staging", r.Cluster)
	assert.Equal(t, [2]int{3, 1}, [2]int{r.Begun, r.Undone})
}

func TestAJournalThatEndsInMidLineIsReadAndGoneOnWith(t *testing.T) {
	path := written(t)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	// Wherever the last write was cut: the lines before it stand.
	for cut := len(whole) - 40; cut < len(whole)-1; cut++ {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		r, err := journal.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, []string{"a", "b", "c"}, things(r.Open), "b was perhaps undone, and is undone once more")
		assert.Equal(t, []int{5}, r.Torn)
	}
	j, _, err := journal.Reopen(path)
	require.NoError(t, err)
	require.NoError(t, j.Undone("c", "heal"))
	require.NoError(t, j.Close())
	r, err := journal.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, things(r.Open))
}

func TestAThingIsBegunOnceUntilItIsUndone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := journal.Create(path, "x")
	require.NoError(t, err)
	require.NoError(t, j.Begin(entry("a")))
	again := entry("a")
	again.Undo = nil
	require.NoError(t, j.Begin(again))
	require.NoError(t, j.Undone("z", "nobody began it"))
	r, err := journal.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, r.Open, 1)
	assert.Len(t, r.Open[0].Undo, 1, "what was there first is what is put back")
}

func TestAnotherFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(path, []byte("{}\n"), 0o600))
	_, err := journal.ReadFile(path)
	assert.ErrorContains(t, err, "x:1: this is no journal")
	require.NoError(t, os.WriteFile(path, []byte(`{"journal":9}`), 0o600))
	_, err = journal.ReadFile(path)
	assert.ErrorContains(t, err, "format 9")
}

func TestAnEarlierJournalIsKept(t *testing.T) {
	path := written(t)
	j, err := journal.Create(path, "next")
	require.NoError(t, err)
	require.NoError(t, j.Close())
	r, err := journal.ReadFile(path + ".before")
	require.NoError(t, err)
	assert.Len(t, r.Open, 2)
}

func TestJournalsOfEarlierVersionsStillLoad(t *testing.T) {
	r, err := journal.ReadFile(filepath.Join("testdata", "formats", "1-journal.jsonl"))
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "c"}, things(r.Open), "what is under way on a machine is undone by a later version, too")
	assert.Equal(t, "staging", r.Cluster)
}
