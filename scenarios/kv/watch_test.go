package kv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// onLooker is a cluster of one shard on three nodes, as a test wants it seen.
type onLooker struct {
	watch  *Watch
	shard  shardmap.Shard
	acts   bool
	inSync []shardmap.NodeID
	down   shardmap.NodeID
	// headless: nobody leads the metadata group.
	headless bool
	now      time.Duration
}

func newOnLooker() *onLooker {
	all := []shardmap.NodeID{"n1", "n2", "n3"}
	return &onLooker{watch: NewWatch(1), acts: true, inSync: all, shard: shardmap.Shard{ID: "s1", Primary: "n1", Epoch: 2, Since: 2, Replicas: all}}
}

// status is the health that is told, or was told last, 100 ms later.
func (w *onLooker) status() string {
	w.now += 100 * time.Millisecond
	v := View{Now: w.now,
		InSync: func(*shardmap.Shard) ([]shardmap.NodeID, bool) { return w.inSync, w.acts },
		Machine: func(id shardmap.NodeID) string {
			if id == w.down {
				return ""
			}
			return string(id)
		}}
	if !w.headless {
		v.Leader, v.State = "n2", &wire.ClusterState{Shards: []shardmap.Shard{w.shard}, Settings: wire.Settings{Replicas: 3}}
	}
	w.watch.Look(v)
	return w.watch.health.Status
}

func TestAPrimaryThatGetsOtherCopiesIsNotLostMeanwhile(t *testing.T) {
	w := newOnLooker()
	assert.Equal(t, "green", w.status())
	w.shard.Epoch, w.acts = 3, false
	assert.NotEqual(t, "red", w.status(), "it goes from one epoch to the next")
	w.acts = true
	w.status()
	w.shard.Epoch, w.acts = 4, false
	for range 4 {
		assert.NotEqual(t, "red", w.status())
	}
	assert.Equal(t, "red", w.status(), "but not for ever")
}

func TestAPrimaryThatStopsActingIsMissedAtOnce(t *testing.T) {
	for what, change := range map[string]func(*onLooker){
		"in its own epoch":       func(w *onLooker) { w.acts = false },
		"without a majority":     func(w *onLooker) { w.inSync = w.inSync[:1] },
		"with its machine":       func(w *onLooker) { w.down = "n1" },
		"in favour of another":   func(w *onLooker) { w.shard.Primary, w.shard.Epoch, w.acts = "n2", 3, false },
		"cut off in a new epoch": func(w *onLooker) { w.shard.Epoch, w.inSync = 3, w.inSync[:1] },
	} {
		w := newOnLooker()
		assert.Equal(t, "green", w.status(), what)
		change(w)
		assert.Equal(t, "red", w.status(), what)
	}
}

func TestShardsGoOnWithoutALeaderOfTheMetadataGroup(t *testing.T) {
	w := newOnLooker()
	w.headless = true
	assert.Equal(t, "red", w.status(), "nothing is known yet")
	w.headless = false
	assert.Equal(t, "green", w.status())
	w.headless = true
	assert.Equal(t, "yellow", w.status(), "they are served, but nothing would be repaired")
	assert.False(t, w.watch.health.Master)
	w.acts = false
	assert.Equal(t, "red", w.status())
}
