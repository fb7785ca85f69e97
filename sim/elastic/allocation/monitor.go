package allocation

import (
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// FloodBlockID is the id of the block that flood stage puts on indices
// (index.blocks.read_only_allow_delete).
const FloodBlockID = 12

// DiskMonitor watches the watermarks whenever new disk usage arrives
// (DiskThresholdMonitor). It belongs to the master and starts afresh with it.
type DiskMonitor struct {
	nodes      map[string]bool // known at the last check
	overLow    map[string]bool
	overHigh   map[string]bool
	lastMillis int64 // when it last rerouted or changed blocks
	ran        bool
}

// DiskReport is what a check wants done.
type DiskReport struct {
	// Reroute asks for a reroute with priority HIGH.
	Reroute bool
	// Block are the indices that must get the block, Release those that lose it; sorted.
	Block, Release []string
	// OverFlood, OverHigh and OverLow are the nodes above each level; a node stands in
	// the highest list only.
	OverFlood, OverHigh, OverLow []string
}

// Done notes that a reroute or a change of blocks that a check asked for is complete;
// reroutes keep an interval from then on.
func (m *DiskMonitor) Done(nowMillis int64) { m.lastMillis, m.ran = max(m.lastMillis, nowMillis), true }

// Check compares the disk usage in in.Info with the watermarks.
func (m *DiskMonitor) Check(s *Service, st *state.State, in Input) DiskReport {
	p := s.newPass(st, in)
	c := &diskCheck{DiskMonitor: m, pass: p, flooded: make(map[string]bool), keep: make(map[string]bool)}
	if !p.set.disk.enabled {
		c.monitorBlocks()
		return c.out
	}
	if in.Info == nil {
		m.nodes = nil
		return c.out
	}
	interval := settings.DiskRerouteInterval.Get(s.cfg.NodeSettings.Merged(st.Settings()))
	c.due = !m.ran || time.Duration(in.NowMillis-m.lastMillis)*time.Millisecond >= interval
	c.members()
	for _, n := range p.nodes {
		if !n.usageKnown {
			n.markIndices(c.keep)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(in.Info.Nodes)) {
		c.node(id, in.Info.Nodes[id])
	}
	c.monitorBlocks()
	return c.out
}

// diskCheck is one run of the monitor.
type diskCheck struct {
	*DiskMonitor
	*pass
	due     bool // the interval since the last reroute is over
	flooded map[string]bool
	keep    map[string]bool // indices whose block stays
	out     DiskReport
}

// members forgets nodes that told nothing this time, and reroutes for new ones.
func (c *diskCheck) members() {
	now := make(map[string]bool, len(c.in.Info.Nodes))
	for _, id := range slices.Sorted(maps.Keys(c.in.Info.Nodes)) {
		now[id] = true
		if !c.DiskMonitor.nodes[id] {
			c.out.Reroute = true
		}
	}
	gone := func(id string, _ bool) bool { return !now[id] }
	if c.overLow == nil {
		c.overLow, c.overHigh = make(map[string]bool), make(map[string]bool)
	}
	maps.DeleteFunc(c.overLow, gone)
	maps.DeleteFunc(c.overHigh, gone)
	c.DiskMonitor.nodes = now
}

// node classes one node.
func (c *diskCheck) node(id string, u DiskUsage) {
	n := c.byID[id]
	if n != nil && dedicatedFrozen(n.disco) {
		return
	}
	high := c.highFree(u.TotalBytes)
	if u.FreeBytes < c.set.disk.flood.mustBeFree(u.TotalBytes) {
		c.out.OverFlood = append(c.out.OverFlood, id)
		c.overLow[id], c.overHigh[id] = true, true
		n.markIndices(c.flooded)
		return
	}
	if u.FreeBytes < high {
		n.markIndices(c.keep)
	}
	switch free := max(0, u.FreeBytes-c.in.Info.Reserved[id].Bytes); {
	case free < high:
		c.out.OverHigh = append(c.out.OverHigh, id)
		c.overLow[id], c.overHigh[id] = true, true
		c.out.Reroute = c.out.Reroute || c.due
	case free < c.lowFree(u.TotalBytes):
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

// dedicatedFrozen reports whether a node holds frozen data only.
func dedicatedFrozen(n *state.Node) bool {
	return n.HasRole("data_frozen") && !slices.ContainsFunc(n.Roles, func(r string) bool {
		return r != "data_frozen" && canContainData(&state.Node{Roles: []string{r}})
	})
}

// markIndices notes the indices with a copy on the node.
func (n *node) markIndices(set map[string]bool) {
	if n == nil {
		return
	}
	for r := n.head; r != nil; r = r.next {
		set[r.shard.index.meta.Name] = true
	}
}

// monitorBlocks says which indices to block and which to release: a block goes once no
// node with a copy is above the high watermark or silent.
func (c *diskCheck) monitorBlocks() {
	for _, idx := range c.indices {
		name := idx.meta.Name
		var flood, write bool
		for _, b := range c.st.Blocks {
			for _, x := range b.Blocks {
				if b.Index == name {
					flood = flood || x.ID == FloodBlockID
					write = write || slices.Contains(x.Levels, "write")
				}
			}
		}
		switch {
		case flood && !c.flooded[name] && !c.keep[name]:
			c.out.Release = append(c.out.Release, name)
		case c.flooded[name] && !write:
			c.out.Block = append(c.out.Block, name)
		}
	}
	slices.Sort(c.out.Block)
	slices.Sort(c.out.Release)
}
