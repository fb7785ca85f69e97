package elastic

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// diskMonitor acts on disk usage: it blocks writes to the indices of a node at flood
// stage, releases them when the node is back under the high watermark, and reroutes
// when a node has gone over the high watermark or back under the low one
// (DiskThresholdMonitor).
type diskMonitor struct {
	m *master
	// overLow and overHigh are node ids.
	overLow, overHigh map[string]bool
	// known are the nodes that the last information came from.
	known       map[string]bool
	lastReroute time.Duration // when the last reroute of ours was done
	busy        bool
}

func newDiskMonitor(m *master) diskMonitor {
	return diskMonitor{m: m, overLow: make(map[string]bool), overHigh: make(map[string]bool), lastReroute: minReroute}
}

// freeBelow is how many bytes must be free below a watermark.
func freeBelow(total int64, mark settings.Relative, headroom int64) int64 {
	if !mark.Ratio {
		return mark.Bytes
	}
	free := total - int64(float64(float64(total)*mark.Percent)/100)
	if headroom >= 0 && headroom < free {
		return headroom
	}
	return free
}

func (d *diskMonitor) onInfo(info *allocation.ClusterInfo) {
	if d.busy {
		return
	}
	p := d.m.p
	st, conf := p.applied, p.conf
	now := p.c.now()
	due := d.lastReroute+settings.DiskRerouteInterval.Get(conf) <= now
	flood, held := make(map[string]bool), make(map[string]bool)
	// Information from a new node is a reason to reroute, which counts for the interval.
	reroute := d.meet(info)
	for _, n := range st.Nodes {
		u, ok := info.Nodes[n.ID]
		if !ok {
			if holdsData(n) {
				onNode(st, n.ID, func(index string) { held[index] = true })
			}
			delete(d.overLow, n.ID)
			delete(d.overHigh, n.ID)
			continue
		}
		if d.look(st, n.ID, u, info, due, flood, held) {
			reroute = true
		}
	}
	if reroute {
		d.busy = true
		d.m.reroute.ask("disk threshold monitor", coordination.High, func() {
			d.busy = false
			d.lastReroute = p.c.now()
		})
	}
	d.setBlocks(st, flood, held)
}

// meet notes who has told anything, and reports whether somebody is new.
func (d *diskMonitor) meet(info *allocation.ClusterInfo) bool {
	known := make(map[string]bool, len(info.Nodes))
	fresh := false
	//determinism:allow map-order one set is made of another; a single flag is all that comes out
	for id := range info.Nodes {
		known[id] = true
		fresh = fresh || !d.known[id]
	}
	d.known = known
	return fresh
}

// look judges one node. It reports whether to reroute because of it.
func (d *diskMonitor) look(st *state.State, id string, u allocation.DiskUsage, info *allocation.ClusterInfo, due bool, flood, held map[string]bool) bool {
	conf := d.m.p.conf
	low := freeBelow(u.TotalBytes, settings.DiskLow.Get(conf), settings.DiskLowHeadroom.Get(conf))
	high := freeBelow(u.TotalBytes, settings.DiskHigh.Get(conf), settings.DiskHighHeadroom.Get(conf))
	brim := freeBelow(u.TotalBytes, settings.DiskFlood.Get(conf), settings.DiskFloodHeadroom.Get(conf))
	if u.FreeBytes < brim {
		d.overLow[id], d.overHigh[id] = true, true
		onNode(st, id, func(index string) { flood[index], held[index] = true, true })
		return false // the change of the index's settings reroutes
	}
	if u.FreeBytes < high {
		onNode(st, id, func(index string) { held[index] = true })
	}
	free := max(0, u.FreeBytes-info.Reserved[id].Bytes)
	switch {
	case free < high:
		d.overLow[id], d.overHigh[id] = true, true
		return due
	case free < low:
		d.overLow[id] = true
		delete(d.overHigh, id)
	case d.overLow[id] && due:
		delete(d.overLow, id)
		delete(d.overHigh, id)
		return true
	}
	return false
}

// onNode calls f with the index of every copy on a node.
func onNode(st *state.State, id string, f func(index string)) {
	for _, idx := range st.Routing.Indices {
		if slices.ContainsFunc(idx.Shards, func(t *state.ShardTable) bool { return copyOn(t, id) != nil }) {
			f(idx.Index)
		}
	}
}

// setBlocks blocks the indices in flood and releases blocked ones that no node holds
// back.
func (d *diskMonitor) setBlocks(st *state.State, flood, held map[string]bool) {
	var block, release []string
	for _, m := range st.Indices {
		blocked := settings.IndexBlockReadOnlyAllowDelete.Get(m.Settings)
		switch {
		case flood[m.Name] && !blocked:
			block = append(block, m.Name)
		case blocked && !held[m.Name]:
			release = append(release, m.Name)
		}
	}
	yes := "true"
	d.update(block, &yes)
	d.update(release, nil)
}

// update sets or takes away the block. Done or failed it counts as a run: the interval
// until the next reroute begins again (DiskThresholdMonitor.updateIndicesReadOnly).
func (d *diskMonitor) update(names []string, value *string) {
	if len(names) == 0 {
		return
	}
	ran := func() { d.lastReroute = d.m.p.c.now() }
	key := settings.IndexBlockReadOnlyAllowDelete.Key()
	d.m.submit(coordination.Task{
		Source: "update-settings [" + names[0] + "]", Priority: coordination.Urgent,
		Update: func(st *state.State) (*state.State, error) {
			return d.m.changeIndexSettings(st, names, map[string]*string{key: value})
		},
		Published: func(_, _ *state.State) { ran() },
	}, func(error) { ran() })
}
