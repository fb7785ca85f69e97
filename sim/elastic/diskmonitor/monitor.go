package diskmonitor

import (
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// FloodBlockID is the id of the block that flood stage puts on indices
// (index.blocks.read_only_allow_delete).
const FloodBlockID = 12

// Monitor remembers which nodes were over a watermark. It belongs to the master and
// starts afresh with it.
type Monitor struct {
	nodes             map[string]bool // that told their usage at the last check
	overLow, overHigh map[string]bool
	last              time.Duration // when it last rerouted or changed blocks
	ran               bool
	busy              int // orders of the last check that are still being carried out
}

// View is what a check looks at.
type View struct {
	State *state.State
	// Settings are those in force on the master.
	Settings settings.Settings
	Info     *allocation.ClusterInfo
	Now      time.Duration
}

// Orders are what a check wants done. Whoever carries them out calls [Monitor.Done] once
// for each of them.
type Orders struct {
	// Reroute asks for a reroute with priority HIGH.
	Reroute bool
	// Block are the indices that must get the block, Release those that lose it; in the
	// state's order.
	Block, Release []string
	// OverFlood, OverHigh and OverLow are the nodes above each level; a node stands in
	// the highest list only.
	OverFlood, OverHigh, OverLow []string
}

// Know takes in nodes that told their usage before: the next check finds none of them new.
func (m *Monitor) Know(info *allocation.ClusterInfo) {
	m.nodes = make(map[string]bool, len(info.Nodes))
	for _, id := range slices.Sorted(maps.Keys(info.Nodes)) {
		m.nodes[id] = true
	}
}

// Done notes that an order has been carried out or has failed: reroutes keep an interval
// from then on.
func (m *Monitor) Done(now time.Duration) {
	m.busy--
	m.last, m.ran = max(m.last, now), true
}

// Check compares disk usage with the watermarks. While orders of an earlier check are
// being carried out it looks at nothing.
func (m *Monitor) Check(v View) Orders {
	if m.busy > 0 {
		return Orders{}
	}
	c := check{Monitor: m, View: v, flooded: make(map[string]bool), staying: make(map[string]bool)}
	if settings.DiskThresholdEnabled.Get(v.Settings) {
		c.lookAtNodes()
	}
	c.decideBlocks()
	for _, wanted := range [...]bool{c.out.Reroute, len(c.out.Block) > 0, len(c.out.Release) > 0} {
		if wanted {
			m.busy++
		}
	}
	return c.out
}

// check is one run of the monitor.
type check struct {
	*Monitor
	View
	due              bool // the interval since the last reroute is over
	low, high, flood settings.Watermark
	flooded          map[string]bool // indices with a copy on a node at flood stage
	staying          map[string]bool // indices whose block stays
	out              Orders
}

func (c *check) lookAtNodes() {
	c.low = settings.LowWatermark(c.Settings)
	c.high = settings.HighWatermark(c.Settings)
	c.flood = settings.FloodWatermark(c.Settings)
	c.due = !c.ran || c.Now-c.last >= settings.DiskRerouteInterval.Get(c.Settings)
	c.members()
	for _, n := range c.State.Nodes {
		if _, known := c.Info.Nodes[n.ID]; !known && n.CanContainData() {
			c.markIndices(n.ID, c.staying)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Info.Nodes)) {
		c.node(id, c.Info.Nodes[id])
	}
}

// members forgets nodes that told nothing this time, and reroutes for new ones.
func (c *check) members() {
	now := make(map[string]bool, len(c.Info.Nodes))
	for _, id := range slices.Sorted(maps.Keys(c.Info.Nodes)) {
		now[id] = true
		c.out.Reroute = c.out.Reroute || !c.nodes[id]
	}
	if c.overLow == nil {
		c.overLow, c.overHigh = make(map[string]bool), make(map[string]bool)
	}
	gone := func(id string, _ bool) bool { return !now[id] }
	maps.DeleteFunc(c.overLow, gone)
	maps.DeleteFunc(c.overHigh, gone)
	c.nodes = now
}

// node classes one node.
func (c *check) node(id string, u allocation.DiskUsage) {
	if n := c.State.Node(id); n != nil && n.DedicatedFrozen() {
		return
	}
	high := c.high.MustBeFree(u.TotalBytes)
	if u.FreeBytes < c.flood.MustBeFree(u.TotalBytes) {
		c.out.OverFlood = append(c.out.OverFlood, id)
		c.overLow[id], c.overHigh[id] = true, true
		c.markIndices(id, c.flooded)
		return // the change of the index's settings reroutes
	}
	if u.FreeBytes < high {
		c.markIndices(id, c.staying)
	}
	switch free := max(0, u.FreeBytes-c.Info.Reserved[id].Bytes); {
	case free < high:
		c.out.OverHigh = append(c.out.OverHigh, id)
		c.overLow[id], c.overHigh[id] = true, true
		c.out.Reroute = c.out.Reroute || c.due
	case free < c.low.MustBeFree(u.TotalBytes):
		c.out.OverLow = append(c.out.OverLow, id)
		c.overLow[id] = true
		delete(c.overHigh, id)
	case c.overLow[id] && c.due:
		// There is room again: copies may be allocated here.
		c.out.Reroute = true
		delete(c.overLow, id)
		delete(c.overHigh, id)
	}
}

// markIndices notes the indices with a copy on the node, one that comes included.
func (c *check) markIndices(node string, set map[string]bool) {
	for _, idx := range c.State.Routing.Indices {
		if slices.ContainsFunc(idx.Shards, func(t *state.ShardTable) bool { return t.On(node) != nil }) {
			set[idx.Index] = true
		}
	}
}

// decideBlocks says which indices to block and which to release: a block goes once no
// node with a copy is above the high watermark or silent, and at once when the threshold
// is switched off (removeExistingIndexBlocks).
func (c *check) decideBlocks() {
	flood, write := make(map[string]bool), make(map[string]bool)
	for _, b := range c.State.Blocks {
		for _, x := range b.Blocks {
			flood[b.Index] = flood[b.Index] || x.ID == FloodBlockID
			write[b.Index] = write[b.Index] || slices.Contains(x.Levels, "write")
		}
	}
	for _, m := range c.State.Indices {
		switch name := m.Name; {
		case flood[name] && !c.flooded[name] && !c.staying[name] && !planted.Is(planted.FloodBlockStays):
			c.out.Release = append(c.out.Release, name)
		case c.flooded[name] && !write[name]:
			c.out.Block = append(c.out.Block, name)
		}
	}
}
