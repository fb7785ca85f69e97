package simdisk_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/storage/storagetest"
	"github.com/shardquake/shardquake/sim/kv/simdisk"
)

func disk(seed uint64, capacity int64) *simdisk.Disk {
	return simdisk.New(rand.New(rand.NewPCG(seed, 1)), capacity)
}

// TestTheLogStoreKeepsTheContractOverCrashes rewrites its log often.
func TestTheLogStoreKeepsTheContractOverCrashes(t *testing.T) {
	rapid.Check(t, storagetest.Contract(func() storagetest.Harness {
		src := rand.NewPCG(0, 0)
		d := simdisk.New(rand.New(src), 0)
		return storagetest.Harness{
			Open: func() (storage.Engine, error) { return logstore.Open(d, logstore.Config{RewriteBytes: 8 << 10}) },
			Crash: func(seed uint64) {
				src.Seed(seed, 0)
				d.Crash()
			},
		}
	}))
}

func put(t *testing.T, s *logstore.Store, k, v string) error {
	t.Helper()
	var b storage.Batch
	b.Put([]byte(k), []byte(v))
	return s.Apply(&b)
}

// TestRotIsFoundOrMended flips one bit in a log that was closed properly, or in its tail: the
// store refuses to open, or has everything.
func TestRotIsFoundOrMended(t *testing.T) {
	mended := 0
	const seeds = 300
	for seed := range uint64(seeds) {
		d := disk(seed, 0)
		s, err := logstore.Open(d, logstore.Config{TailBytes: 300})
		require.NoError(t, err)
		for i := range 20 {
			require.NoError(t, put(t, s, fmt.Sprint("k", i), "some value"))
			if i%3 == 0 {
				require.NoError(t, s.Sync())
			}
		}
		require.NoError(t, s.Close())
		require.True(t, d.Rot())
		s, err = logstore.Open(d, logstore.Config{})
		if err != nil {
			require.ErrorIs(t, err, storage.ErrCorrupt)
			continue
		}
		if s.Mended() > 0 {
			mended++
		}
		for i := range 20 {
			v, ok, err := s.Get(fmt.Append(nil, "k", i))
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, "some value", string(v))
		}
	}
	assert.Greater(t, mended, seeds/10)
}

func TestAFullDiskRefusesAndLosesNothing(t *testing.T) {
	d := disk(1, 2000)
	s, err := logstore.Open(d, logstore.Config{})
	require.NoError(t, err)
	kept := 0
	for i := range 100 {
		if err = put(t, s, fmt.Sprintf("k%02d", i), "a value of some length"); err != nil {
			break
		}
		kept++
	}
	require.ErrorIs(t, err, storage.ErrFull)
	require.NoError(t, s.Sync())
	d.Crash()
	d.SetCapacity(0)
	s, err = logstore.Open(d, logstore.Config{})
	require.NoError(t, err)
	n := 0
	require.NoError(t, s.Scan(nil, nil, func(_, _ []byte) bool { n++; return true }))
	assert.Equal(t, kept, n)
	require.NoError(t, put(t, s, "more", "room"))
}

func TestAFailedSyncEndsTheStore(t *testing.T) {
	d := disk(1, 0)
	s, err := logstore.Open(d, logstore.Config{})
	require.NoError(t, err)
	require.NoError(t, put(t, s, "k", "v"))
	d.SetFailing(true)
	require.ErrorIs(t, s.Sync(), simdisk.ErrIO)
	d.SetFailing(false)
	assert.ErrorIs(t, s.Sync(), storage.ErrClosed, "what a failed sync left behind is not known")
	assert.ErrorIs(t, put(t, s, "k", "w"), storage.ErrClosed)
	_, _, err = s.Get([]byte("k"))
	assert.ErrorIs(t, err, storage.ErrClosed)
}

// TestASyncCoversWhatWasThereWhenItBegan lets one take time.
func TestASyncCoversWhatWasThereWhenItBegan(t *testing.T) {
	lost := 0
	for seed := range uint64(100) {
		d := disk(seed, 0)
		s, err := logstore.Open(d, logstore.Config{})
		require.NoError(t, err)
		require.NoError(t, put(t, s, "before", "v"))
		sync, end := d.Mark(), s.Mark()
		require.NoError(t, put(t, s, "during", "v"))
		d.SyncTo(sync)
		s.MarkDurable(end)
		d.Crash()
		require.ErrorIs(t, s.Sync(), simdisk.ErrGone)
		s, err = logstore.Open(d, logstore.Config{})
		require.NoError(t, err)
		_, ok, err := s.Get([]byte("before"))
		require.NoError(t, err)
		require.True(t, ok)
		if _, ok, _ = s.Get([]byte("during")); !ok {
			lost++
		}
	}
	assert.Positive(t, lost)
	assert.Less(t, lost, 100)
}

// TestAFileThatGrowsIsCopiedSeldom: logs grow record by record to megabytes.
func TestAFileThatGrowsIsCopiedSeldom(t *testing.T) {
	d := disk(1, 0)
	f, err := d.Create("log")
	require.NoError(t, err)
	record, took := make([]byte, 100), 0.0
	for range 20_000 {
		took += testing.AllocsPerRun(1, func() { err = f.Append(record) })
	}
	require.NoError(t, err)
	assert.LessOrEqual(t, took, 20.0, "it doubles each time")
	all, err := f.ReadAll()
	require.NoError(t, err)
	assert.Len(t, all, 2*20_000*len(record), "each was appended twice: AllocsPerRun warms up")
}
