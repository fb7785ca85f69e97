package backend

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/inplace"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// p7 is the cluster of the recorded disk pressure: 1 GiB disks, 4 copies of 20 MB on each.
func p7(t *testing.T, index settings.Settings) *world {
	w := newWorld(t, 3, disks(1<<30), with("cluster.info.update.interval", "10s"))
	w.load(inplace.IndexSpec{Name: "p7", Shards: 6, Replicas: 1, Bytes: 121 * 1000 * 1000, Docs: 60000, Settings: index})
	w.run(75 * time.Second)
	return w
}

func (w *world) blocked() bool { return len(w.st().Blocks) > 0 }

func (w *world) since() float64 { return (time.Duration(w.e.Now()) - w.zero).Seconds() }

func TestOverTheHighWatermarkAllShardsLeaveTheNode(t *testing.T) {
	w := p7(t, settings.Settings{})
	victim := w.victim()
	w.observe()
	require.GreaterOrEqual(t, w.c.ByName[victim].Disk().Fill(92), int64(0))
	w.until(2*time.Minute, "moving", func() bool { return w.health().Relocating > 0 })
	assert.LessOrEqual(t, w.since(), 31.0, "the monitor looks every 10 s")
	w.until(2*time.Minute, "all gone", func() bool { return w.perNode()[victim] == 0 && w.balanced() })
	assert.Contains(t, []int{4, 5}, w.count("files"))
	assert.False(t, w.blocked())
	w.c.ByName[victim].Disk().DropBallast()
	w.observe()
	w.run(13 * time.Second)
	assert.Empty(t, w.recoveries(), "shards don't come back at once")
}

func TestAtFloodStageWritesAreBlockedUntilTheShardsHaveLeft(t *testing.T) {
	w := p7(t, settings.Settings{})
	victim := w.victim()
	w.observe()
	w.c.ByName[victim].Disk().Fill(97)
	w.until(time.Minute, "blocked", w.blocked)
	assert.LessOrEqual(t, w.since(), 10.4)
	w.until(time.Minute, "all gone", func() bool { return w.perNode()[victim] == 0 && w.balanced() })
	assert.Equal(t, 4, w.count("files"))
	w.until(time.Minute, "released", func() bool { return !w.blocked() })
	assert.InDelta(t, 20, w.since(), 11, "at the first look after they have left, although the disk is still full")
}

func TestAtFloodStagePinnedShardsStayBlockedUntilTheDiskIsFreed(t *testing.T) {
	w := p7(t, settings.Of(map[string]string{"index.routing.allocation.enable": "all"}))
	none := "none"
	w.do(updateIndex(w, "p7", map[string]*string{"index.routing.allocation.enable": &none}))
	victim := w.victim()
	w.observe()
	w.c.ByName[victim].Disk().Fill(97)
	w.until(time.Minute, "blocked", w.blocked)
	w.run(45 * time.Second)
	assert.True(t, w.blocked())
	assert.Equal(t, 4, w.perNode()[victim])
	w.observe()
	w.c.ByName[victim].Disk().DropBallast()
	w.until(time.Minute, "released", func() bool { return !w.blocked() })
	assert.LessOrEqual(t, w.since(), 10.4)
}

func TestTheFloodBlockGoesWhenTheThresholdIsSwitchedOffThoughTheDiskIsFull(t *testing.T) {
	none, off := "none", "false"
	w := p7(t, settings.Settings{})
	w.do(updateIndex(w, "p7", map[string]*string{"index.routing.allocation.enable": &none}))
	disk := w.c.ByName[w.victim()].Disk()
	disk.Fill(97)
	w.until(time.Minute, "blocked", w.blocked)
	w.do(func(ctx context.Context) {
		_, _, err := metadata.UpdateClusterSettings(ctx, w.c.Leader(), map[string]*string{settings.DiskThresholdEnabled.Key(): &off}, nil, time.Minute, time.Minute)
		require.NoError(t, err)
	})
	w.observe()
	w.until(time.Minute, "released", func() bool { return !w.blocked() })
	assert.LessOrEqual(t, w.since(), 10.4, "at the next look")
	assert.Greater(t, disk.Used(), int64(1<<30)/100*96, "the disk is as full as before")
	w.run(time.Minute)
	assert.False(t, w.blocked(), "and stays released")
}
