package pebblestore_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
)

// TestDeletesAndRepairHaveRoomWhenWritesHaveNone: of the reserve, half is for what makes room
// or mends, and all of it for what a node can't go on without; a refusal names the disk.
func TestDeletesAndRepairHaveRoomWhenWritesHaveNone(t *testing.T) {
	dir := t.TempDir()
	const limit, reserve = 48 << 20, 16 << 20
	s, err := pebblestore.Open(filepath.Join(dir, "db"), pebblestore.Config{FS: pebblestore.Limit(dir, limit), Reserve: reserve})
	require.NoError(t, err)
	used, err := pebblestore.DirectorySize(dir)
	require.NoError(t, err)
	write := func(size int, vital, frees bool) error {
		b := storage.Batch{Vital: vital, Frees: frees}
		b.Put([]byte("k"), make([]byte, size))
		return s.Apply(&b)
	}
	tooMuch := limit - reserve - int(used) + 1
	err = write(tooMuch, false, false)
	require.ErrorIs(t, err, storage.ErrFull)
	assert.ErrorContains(t, err, dir, "which disk")
	require.ErrorIs(t, write(tooMuch+reserve/2, false, true), storage.ErrFull)
	require.NoError(t, write(1<<20, false, true))
	require.NoError(t, write(1<<20, true, false))
	var b storage.Batch
	b.Delete([]byte("k"))
	require.NoError(t, s.Apply(&b))
	require.NoError(t, s.Close())
}
