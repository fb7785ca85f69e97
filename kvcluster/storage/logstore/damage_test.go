package logstore_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/storage/storagetest"
)

// TestDamageToOneFileIsMendedOrFound damages the log or its tail in each way: what was synced
// is there, or the store says that it isn't.
func TestDamageToOneFileIsMendedOrFound(t *testing.T) {
	const n = 100
	outcomes := map[string]int{}
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 0))
		disk := storagetest.NewFiles()
		cfg := logstore.Config{RewriteBytes: int64(1 + rng.IntN(20)<<10), TailBytes: int64(1+rng.IntN(20)) << 10}
		s, err := logstore.Open(disk, cfg)
		require.NoError(t, err)
		var earlier map[string][]byte
		for i := range n {
			var b storage.Batch
			b.Put(fmt.Appendf(nil, "key%04d", i), fmt.Appendf(nil, "value %d: %060d", i, i))
			require.NoError(t, s.Apply(&b))
			require.NoError(t, s.Sync())
			if i == n/2 {
				earlier = disk.Contents()
			}
		}
		disk.Crash()
		names, err := disk.List()
		require.NoError(t, err)
		name := names[rng.IntN(len(names))]
		kind := damage.Kinds()[rng.IntN(4)]
		disk.Replace(name, damage.Of(kind, disk.Contents()[name], earlier[name], rng))
		s, err = logstore.Open(disk, cfg)
		if err != nil {
			outcomes["found"]++
			require.ErrorIs(t, err, storage.ErrCorrupt, "seed %d: %s of %s", seed, kind, name)
			continue
		}
		outcomes["whole"]++
		if s.Mended() > 0 {
			outcomes["mended"]++
		}
		for i := range n {
			_, found, err := s.Get(fmt.Appendf(nil, "key%04d", i))
			require.NoError(t, err)
			require.True(t, found, "seed %d: %s of %s: key%04d had been synced, and nothing says that it is lost", seed, kind, name, i)
		}
	}
	t.Log(outcomes)
	assert.Greater(t, outcomes["mended"], 20)
	assert.Greater(t, outcomes["found"], 5)
}
