package pebblestore_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
	"github.com/shardquake/shardquake/kvcluster/storage/storagetest"
)

// TestContract crashes by cloning the file system with a part of what wasn't synced.
func TestContract(t *testing.T) {
	rapid.Check(t, storagetest.Contract(func() storagetest.Harness {
		fs := vfs.NewCrashableMem()
		return storagetest.Harness{
			Open: func() (storage.Engine, error) {
				return pebblestore.Open("db", pebblestore.Config{FS: fs, MemTableBytes: 64 << 10})
			},
			Crash: func(seed uint64) {
				fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(seed % 101), RNG: rand.New(rand.NewPCG(seed, 0))})
			},
		}
	}))
}

func TestRealFilesKeepWhatWasSynced(t *testing.T) {
	dir := t.TempDir()
	s, err := pebblestore.Open(dir, pebblestore.Config{})
	require.NoError(t, err)
	var b storage.Batch
	b.Put([]byte("k"), []byte("v"))
	require.NoError(t, s.Apply(&b))
	require.NoError(t, s.Sync())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	s, err = pebblestore.Open(dir, pebblestore.Config{})
	require.NoError(t, err)
	v, found, err := s.Get([]byte("k"))
	require.NoError(t, err)
	assert.True(t, found)
	assert.Equal(t, "v", string(v))
	require.NoError(t, s.Close())
}
