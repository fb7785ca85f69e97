package backend

import (
	"fmt"
	"testing"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// large is a cluster of 32 nodes with 32,000 shard copies of 1 GB.
func large(t *testing.T, indices, shards int) *world {
	t.Helper()
	w := newWorld(t, 32, disks(4<<40))
	for i := range indices {
		counts := make([]int, 32)
		for k := range counts {
			counts[k] = shards * 2 / 32
		}
		w.load(inplace.IndexSpec{
			Name: fmt.Sprintf("i%03d", i), Shards: shards, Replicas: 1, Bytes: int64(shards) << 30, Docs: int64(shards) * 1e6,
			Placement: counts, Settings: delayed("1m"),
		})
	}
	return w
}

func TestAnHourOfAQuietLargeClusterTakesFewEvents(t *testing.T) {
	w := large(t, 100, 160)
	before := w.e.Events()
	w.run(time.Hour)
	assert.Less(t, w.e.Events()-before, uint64(40_000), "only the polls of disks and sizes, and what comes of them")
	assert.True(t, w.balanced())
}

func TestALargeClusterLosesANodeAndIsGreenAgain(t *testing.T) {
	w := large(t, 2, 160)
	victim := w.victim()
	lost := w.perNode()[victim]
	w.observe()
	require.NoError(t, w.c.Kill(victim))
	w.until(time.Hour, "green", func() bool { return w.e.Events()%256 == 0 && len(w.st().Nodes) == 31 && w.green() })
	assert.GreaterOrEqual(t, w.count("files"), lost)
	for _, r := range w.recoveries() {
		assert.NotEqual(t, victim, r.To)
	}
}
