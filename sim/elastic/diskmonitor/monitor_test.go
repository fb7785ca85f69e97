package diskmonitor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// fixture is a cluster of two nodes with an index on each, and a disk of 1,000 bytes.
type fixture struct {
	m    Monitor
	view View
}

func newFixture() *fixture {
	index := func(name, node string) *state.IndexTable {
		return &state.IndexTable{Index: name, Shards: []*state.ShardTable{
			{Copies: []*state.Copy{{Index: name, Node: node, Primary: true, State: state.Started}}},
		}}
	}
	f := &fixture{}
	f.view.State = &state.State{
		Nodes:   []*state.Node{{ID: "a", Roles: []string{"data"}}, {ID: "b", Roles: []string{"data"}}},
		Indices: []*state.Index{{Name: "logs"}, {Name: "metrics"}},
		Routing: &state.RoutingTable{Indices: []*state.IndexTable{index("logs", "a"), index("metrics", "b")}},
	}
	return f
}

func (f *fixture) set(key, value string) {
	f.view.Settings = f.view.Settings.Merged(settings.Of(map[string]string{key: value}))
}

// free has node a tell that so many bytes are free, and b that 900 are.
func (f *fixture) free(bytes int64) Orders {
	f.view.Info = &allocation.ClusterInfo{Nodes: map[string]allocation.DiskUsage{
		"a": {Path: "/data", TotalBytes: 1000, FreeBytes: bytes}, "b": {Path: "/data", TotalBytes: 1000, FreeBytes: 900},
	}}
	return f.check()
}

// check also carries out what was ordered.
func (f *fixture) check() Orders {
	o := f.m.Check(f.view)
	for f.m.busy > 0 {
		f.m.Done(f.view.Now)
	}
	return o
}

func (f *fixture) block(index string, id int) {
	f.view.State = f.view.State.Clone()
	f.view.State.Blocks = []state.IndexBlocks{{Index: index, Blocks: []state.Block{{ID: id, Levels: []string{"metadata_write", "write"}}}}}
}

func TestUsageOfNewNodesIsAReasonToReroute(t *testing.T) {
	f := newFixture()
	assert.Equal(t, Orders{Reroute: true}, f.free(900))
	assert.Equal(t, Orders{}, f.free(900))
}

func TestOnlyIndicesOnTheFullNodeAreBlocked(t *testing.T) {
	f := newFixture()
	f.free(900)
	o := f.free(40)
	assert.Equal(t, []string{"a"}, o.OverFlood)
	assert.Equal(t, []string{"logs"}, o.Block)
	f.block("logs", FloodBlockID)
	assert.Empty(t, f.free(40).Block, "it is blocked already")
}

func TestAnIndexThatRefusesWritesAnywayIsNotBlockedAgain(t *testing.T) {
	f := newFixture()
	f.block("logs", 8)
	assert.Empty(t, f.free(40).Block)
	assert.Empty(t, f.free(900).Release, "somebody else's block is not the monitor's to take away")
}

func TestTheBlockStaysAboveTheHighWatermark(t *testing.T) {
	f := newFixture()
	f.block("logs", FloodBlockID)
	assert.Empty(t, f.free(80).Release)
	o := f.free(120)
	assert.Equal(t, []string{"a"}, o.OverLow)
	assert.Equal(t, []string{"logs"}, o.Release)
}

func TestTheBlockStaysWhileANodeWithACopyIsSilent(t *testing.T) {
	f := newFixture()
	f.block("logs", FloodBlockID)
	f.view.Info = &allocation.ClusterInfo{Nodes: map[string]allocation.DiskUsage{"b": {TotalBytes: 1000, FreeBytes: 900}}}
	assert.Empty(t, f.check().Release)
}

func TestReroutesKeepAnInterval(t *testing.T) {
	f := newFixture()
	f.free(900)
	assert.False(t, f.free(80).Reroute, "it rerouted less than the interval ago")
	f.view.Now += time.Minute
	assert.True(t, f.free(80).Reroute)
	f.view.Now += time.Minute
	assert.True(t, f.free(900).Reroute, "there is room again")
	f.view.Now += time.Minute
	assert.False(t, f.free(900).Reroute)
}

func TestNothingIsLookedAtWhileOrdersAreCarriedOut(t *testing.T) {
	f := newFixture()
	f.free(900)
	f.view.Info.Nodes["a"] = allocation.DiskUsage{TotalBytes: 1000, FreeBytes: 40}
	assert.Equal(t, []string{"logs"}, f.m.Check(f.view).Block)
	assert.Equal(t, Orders{}, f.m.Check(f.view))
	f.m.Done(f.view.Now)
	assert.Equal(t, []string{"logs"}, f.m.Check(f.view).Block)
}

func TestBlocksGoWhenTheThresholdIsSwitchedOffThoughTheDiskIsFull(t *testing.T) {
	f := newFixture()
	f.block("logs", FloodBlockID)
	f.set("cluster.routing.allocation.disk.threshold_enabled", "false")
	assert.Equal(t, Orders{Release: []string{"logs"}}, f.free(10))
	f.view.Info = &allocation.ClusterInfo{}
	assert.Equal(t, []string{"logs"}, f.check().Release, "whatever is known of the disks")
}

func TestADedicatedFrozenNodeMayBeFull(t *testing.T) {
	f := newFixture()
	f.view.State.Nodes[0].Roles = []string{"data_frozen"}
	o := f.free(10)
	assert.Empty(t, o.OverFlood)
	assert.Empty(t, o.Block)
}
