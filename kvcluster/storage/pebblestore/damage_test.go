package pebblestore_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/kvcluster/storage/pebblestore"
)

// files is the content of a folder.
type files map[string][]byte

func readFolder(t *testing.T, dir string) files {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	out := files{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		out[e.Name()] = data
	}
	return out
}

func (f files) write(t *testing.T, dir string) {
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for name, data := range f {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
}

// synced writes n values, each synced, and returns the folder as a killed process leaves
// it, with the folder as it was halfway.
func synced(t *testing.T, n, tail int) (now, halfway files) {
	return syncedIn(t, n, pebblestore.Config{TailBytes: int64(tail)})
}

func syncedIn(t *testing.T, n int, cfg pebblestore.Config) (now, halfway files) {
	dir := filepath.Join(t.TempDir(), "db")
	s, err := pebblestore.Open(dir, cfg)
	require.NoError(t, err)
	for i := range n {
		var b storage.Batch
		b.Put(fmt.Appendf(nil, "key%04d", i), fmt.Appendf(nil, "value %d of some length, so that the log grows: %0100d", i, i))
		require.NoError(t, s.Apply(&b))
		require.NoError(t, s.Sync())
		require.EqualValues(t, i+1, s.Durable())
		if i == n/2 {
			halfway = readFolder(t, dir)
		}
	}
	now = readFolder(t, dir)
	require.NoError(t, s.Close())
	return now, halfway
}

// reopened tells what became of the values: all there, or an error that says that they
// aren't.
func reopened(t *testing.T, f files, n int) error {
	dir := filepath.Join(t.TempDir(), "db")
	f.write(t, dir)
	s, err := pebblestore.Open(dir, pebblestore.Config{})
	if err != nil {
		return err
	}
	defer func() { require.NoError(t, s.Close()) }()
	for i := range n {
		_, found, err := s.Get(fmt.Appendf(nil, "key%04d", i))
		if err != nil {
			return err
		}
		require.True(t, found, "key%04d had been synced, and nothing says that it is lost", i)
	}
	return nil
}

// TestDamageToOneFileIsMendedOrFound does each kind of damage to each file of a killed
// process's folder: what was synced is there, or the store says that it isn't.
func TestDamageToOneFileIsMendedOrFound(t *testing.T) {
	const n = 200
	for _, tail := range []int{1 << 20, 4 << 10} {
		now, halfway := synced(t, n, tail)
		rng := rand.New(rand.NewPCG(1, uint64(tail)))
		outcomes := map[string]int{}
		for name := range now {
			for _, kind := range damage.Kinds() {
				for range 2 {
					f := files{}
					for k, v := range now {
						f[k] = v
					}
					f[name] = damage.Of(kind, now[name], halfway[name], rng)
					err := reopened(t, f, n)
					if err == nil {
						outcomes["whole"]++
						continue
					}
					outcomes["found"]++
					assert.True(t, errors.Is(err, storage.ErrCorrupt), "%s of %s: %v", kind, name, err)
				}
			}
		}
		t.Logf("tail of %d bytes: %v", tail, outcomes)
		assert.Positive(t, outcomes["whole"])
	}
}

// TestTablesThatTheManifestForgetsAreFound: when the manifest ends early, pebble forgets tables
// whose logs are gone, and goes on with the log after them.
func TestTablesThatTheManifestForgetsAreFound(t *testing.T) {
	const n = 2000
	now, _ := syncedIn(t, n, pebblestore.Config{TailBytes: 4 << 10, MemTableBytes: 64 << 10})
	found := 0
	for name, data := range now {
		if !strings.HasPrefix(name, "MANIFEST") {
			continue
		}
		for end := len(data) - 1; end > 0; end -= 7 {
			for _, zeros := range []bool{false, true} {
				f := maps.Clone(now)
				if f[name] = data[:end:end]; zeros {
					f[name] = append(f[name], make([]byte, len(data)-end)...)
				}
				if err := reopened(t, f, n); err != nil {
					require.ErrorIs(t, err, storage.ErrCorrupt, "ends at %d of %d", end, len(data))
					if errors.Is(err, storage.ErrLost) {
						found++
					}
				}
			}
		}
	}
	assert.Positive(t, found, "nothing was lost that only the numbers of batches tell")
}

// TestALostLogIsFoundWhenItsTailDoesNotReachBack: what was lost is more than the tail has.
func TestALostLogIsFoundWhenItsTailDoesNotReachBack(t *testing.T) {
	now, _ := synced(t, 200, 4<<10)
	for name := range now {
		if filepath.Ext(name) == ".log" {
			now[name] = nil
		}
	}
	err := reopened(t, now, 200)
	require.ErrorIs(t, err, storage.ErrLost)
	assert.ErrorContains(t, err, "batch 199 had been synced")
}

// TestALostLogIsGivenBackByItsTail: nothing of the log is left, but the tail has it all.
func TestALostLogIsGivenBackByItsTail(t *testing.T) {
	now, _ := synced(t, 200, 1<<20)
	for name := range now {
		if filepath.Ext(name) == ".log" {
			now[name] = nil
		}
	}
	require.NoError(t, reopened(t, now, 200))
}
