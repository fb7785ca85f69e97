package pebblestore_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
)

// A disk that fills refuses what is not vital, keeps what it has, and goes on when there
// is room again.
func TestAFullDiskRefusesAndGoesOn(t *testing.T) {
	dir := t.TempDir()
	const limit, reserve = 32 << 20, 8 << 20
	s, err := pebblestore.Open(filepath.Join(dir, "db"), pebblestore.Config{FS: pebblestore.Limit(dir, limit), Reserve: reserve, MemTableBytes: 1 << 20})
	require.NoError(t, err)
	put := func(key string, vital bool) error {
		b := storage.Batch{Vital: vital}
		b.Put([]byte(key), []byte(key))
		return s.Apply(&b)
	}
	require.NoError(t, put("before", false))
	require.NoError(t, s.Sync())

	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, nil, 0o600))
	require.NoError(t, os.Truncate(ballast, limit-reserve))
	require.Eventually(t, func() bool { return put("more", false) != nil }, time.Minute, time.Millisecond)
	assert.ErrorIs(t, put("refused", false), storage.ErrFull)
	assert.NoError(t, put("promise", true))
	var b storage.Batch
	b.Delete([]byte("before"))
	assert.NoError(t, s.Apply(&b), "what makes room is not refused")
	_, found, err := s.Get([]byte("refused"))
	require.NoError(t, err)
	assert.False(t, found)

	require.NoError(t, os.Remove(ballast))
	require.Eventually(t, func() bool { return put("refused", false) == nil }, time.Minute, time.Millisecond)
	require.NoError(t, s.Close())

	s, err = pebblestore.Open(filepath.Join(dir, "db"), pebblestore.Config{})
	require.NoError(t, err)
	for key, want := range map[string]bool{"before": false, "promise": true, "refused": true} {
		_, found, err := s.Get([]byte(key))
		require.NoError(t, err)
		assert.Equal(t, want, found, key)
	}
	require.NoError(t, s.Close())
}

// What is written never takes more than the limit: pebble removes and merges files in the
// meantime, so there is room for a while.
func TestALimitedDirectoryStaysBelowItsLimit(t *testing.T) {
	dir := t.TempDir()
	const limit = 24 << 20
	s, err := pebblestore.Open(filepath.Join(dir, "db"), pebblestore.Config{FS: pebblestore.Limit(dir, limit), Reserve: 12 << 20, MemTableBytes: 1 << 20})
	require.NoError(t, err)
	random := rand.NewChaCha8([32]byte{})
	for i := range 1000 {
		value := make([]byte, 64<<10) // which can't be compressed
		_, _ = random.Read(value)
		var b storage.Batch
		b.Put([]byte(fmt.Sprint(i)), value)
		if err = s.Apply(&b); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, storage.ErrFull, "64 MB don't fit")
	used, err := pebblestore.DirectorySize(dir)
	require.NoError(t, err)
	assert.LessOrEqual(t, used, int64(limit))
	require.NoError(t, s.Close())
}
