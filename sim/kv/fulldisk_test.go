package kv_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim/kv"
)

// health is what the leader's failover manager sees of a node.
func (w *fleet) health(id shardmap.NodeID) wire.NodeHealth {
	if l := w.f.Leader(); l != nil {
		for _, h := range l.Node().Manager().Health() {
			if h.Node == id {
				return h
			}
		}
	}
	return wire.NodeHealth{}
}

// TestAFullDiskShowsAtOnceAndACopyThatLagsIsNotInSync: writes go on without the node whose disk
// has no room; that it is behind is seen, and why is said.
func TestAFullDiskShowsAtOnceAndACopyThatLagsIsNotInSync(t *testing.T) {
	w := five(t)
	var told []string
	w.f.OnEvent = func(m *kv.Machine, e node.Event) {
		if strings.HasPrefix(e.What, "disk-") {
			told = append(told, m.Name()+" "+e.What)
		}
	}
	w.write("k", "small")
	sh := w.shard("k")
	full := sh.Replicas[slices.IndexFunc(sh.Replicas, func(n shardmap.NodeID) bool { return n != sh.Primary })]
	disk := w.f.Machine(string(full)).Disk()
	disk.SetCapacity(disk.Used() + 100)
	for range 5 {
		w.write("k", strings.Repeat("v", 1000))
	}
	set := w.state().Settings()
	w.until(2*set.Heartbeat, "it is said that the disk is full", func() bool { return w.health(full).Full })
	assert.Contains(t, w.health(full).Note, "the disk is full: ")
	assert.Equal(t, []string{string(full) + " disk-full"}, told)
	primary := w.f.Machine(string(w.shard("k").Primary)).Node()
	w.run(5 * time.Second)
	assert.NotContains(t, primary.Copy(w.shard("k").ID).Status().InSync, full, "it lacks what was committed seconds ago")

	disk.SetCapacity(0)
	w.until(time.Minute, "it catches up, or is replaced", w.whole)
	w.until(2*set.Heartbeat, "the disk has room", func() bool { return !w.health(full).Full })
	require.Contains(t, told, string(full)+" disk-has-room")
}
