package allocation

import (
	"maps"
	"slices"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// diskView is what a pass knows of disks as a whole. Of a node that told nothing
// the average stands for its disk.
type diskView struct {
	known             bool // any node told
	count             int64
	total, free       int64
	simulated         bool       // reserved space is already in the sizes
	lowFree, highFree mustBeFree // watermarks by size of disk
}

// unknownPath is the path of a disk nothing is known of.
const unknownPath = "_na_"

// readDisk takes over disk usage from the cluster info.
func (p *pass) readDisk() {
	d := &p.disk
	if p.in.Info == nil {
		return
	}
	for _, n := range p.Nodes {
		if n.Disco != nil {
			n.Usage, n.UsageKnown = p.in.Info.Nodes[n.ID]
		}
	}
	for _, id := range slices.Sorted(maps.Keys(p.in.Info.Nodes)) {
		u := p.in.Info.Nodes[id]
		d.known = true
		d.count++
		d.total += u.TotalBytes
		d.free += u.FreeBytes
	}
}

// knownSizes are the sizes of a cluster info by index and shard: reroutes ask for all of
// them, and polls are further apart than reroutes.
type knownSizes struct {
	of      *ClusterInfo
	byIndex map[string][][2]int64
}

// sizesOf are an index's sizes by shard and role, [unknownSize] where nothing is known;
// nil when no sizes are.
func (s *Service) sizesOf(info *ClusterInfo, index string, shards int) [][2]int64 {
	if info == nil || len(info.ShardBytes) == 0 {
		return nil
	}
	if s.sizes.of != info {
		s.sizes = knownSizes{of: info, byIndex: make(map[string][][2]int64)}
	}
	list, ok := s.sizes.byIndex[index]
	if ok && len(list) == shards {
		return list
	}
	list = make([][2]int64, shards)
	for num := range list {
		list[num] = [2]int64{routing.UnknownSize, routing.UnknownSize}
		for _, primary := range [...]bool{true, false} {
			if size, ok := info.ShardBytes[ShardKey{Index: index, Shard: num, Primary: primary}]; ok {
				list[num][routing.Role(primary)] = size
			}
		}
	}
	s.sizes.byIndex[index] = list
	return list
}

// expectedSize is the size a copy will have, or otherwise when nothing is known
// (ExpectedShardSizeEstimator.getExpectedShardSize).
func (p *pass) expectedSize(r *routing.Copy, otherwise int64) int64 {
	if !r.Active() && r.Source == state.Snapshot {
		if p.in.Info != nil {
			if size, ok := p.in.Info.SnapshotBytes[ShardID{Index: r.Shard.Index.Meta.Name, Shard: r.Shard.Number}]; ok {
				return size
			}
		}
		return otherwise
	}
	if size := r.Shard.Bytes[routing.Role(r.Primary)]; size != routing.UnknownSize {
		return size
	}
	if size := r.Shard.Bytes[routing.Role(true)]; !r.Primary && size != routing.UnknownSize {
		return size
	}
	return otherwise
}

// knownSize is the size observed for a copy's role, or unknownSize.
func knownSize(r *routing.Copy) int64 { return r.Shard.Bytes[routing.Role(r.Primary)] }

// usageOf is a node's disk, or the average of the others.
func (p *pass) usageOf(n *routing.Node) routing.DiskUsage {
	if n.UsageKnown {
		return n.Usage
	}
	d := &p.disk
	return routing.DiskUsage{Path: unknownPath, TotalBytes: d.total / d.count, FreeBytes: d.free / d.count}
}

// unaccountedOn is what running recoveries will still take of a node's disk; leaving
// says whether copies that move away are subtracted.
func (p *pass) unaccountedOn(n *routing.Node, leaving bool) int64 {
	if !n.Accounted {
		p.account(n)
	}
	if leaving {
		return n.Unaccounted[1]
	}
	return n.Unaccounted[0]
}

func (p *pass) account(n *routing.Node) {
	path := p.usageOf(n).Path
	var reserved Reservation
	if !p.disk.simulated && n.UsageKnown {
		reserved = p.in.Info.Reserved[n.ID]
	}
	total := reserved.Bytes
	for _, r := range n.Initializing {
		if !r.Reserves() || slices.Contains(reserved.Shards, ShardID{Index: r.Shard.Index.Meta.Name, Shard: r.Shard.Number}) {
			continue
		}
		if actual := p.dataPath(r); actual == "" || actual == path {
			total += max(r.Expected, p.expectedSize(r, 0))
		}
	}
	n.Unaccounted[0] = total
	for _, r := range n.Relocating {
		if p.dataPath(r) == path {
			total -= p.expectedSize(r, 0)
		}
	}
	n.Unaccounted[1] = total
	n.Accounted = true
}

// dataPath is the path a copy lies on; "" unknown.
func (p *pass) dataPath(r *routing.Copy) string {
	return p.in.Info.DataPaths[NodeShard{Node: r.Node.ID, Index: r.Shard.Index.Meta.Name, Shard: r.Shard.Number}]
}

func (p *pass) lowFree(total int64) int64 { return p.disk.lowFree.of(&p.Settings.Disk.Low, total) }
func (p *pass) highFree(total int64) int64 {
	return p.disk.highFree.of(&p.Settings.Disk.High, total)
}

// mustBeFree is what a watermark demands of disks, in bytes by their size. Most are of one size.
type mustBeFree struct {
	known       bool
	total, free int64 // of the disk asked about last
	others      map[int64]int64
}

func (m *mustBeFree) of(w *settings.Watermark, total int64) int64 {
	if m.known && m.total == total {
		return m.free
	}
	free, ok := m.others[total]
	if !ok {
		free = w.MustBeFree(total)
		if m.others == nil {
			m.others = make(map[int64]int64)
		}
		m.others[total] = free
	}
	m.known, m.total, m.free = true, total, free
	return free
}

// diskOff answers when disks do not matter.
func (p *pass) diskOff(idx *routing.Index) (text string, off bool) {
	switch {
	case !p.Settings.Disk.Enabled:
		return "the disk threshold decider is disabled", true
	case !p.disk.known:
		return "disk usages are unavailable", true
	case idx.Settings.IgnoreWatermark:
		return "disk watermarks are ignored on this index", true
	}
	return "", false
}

// diskAllocate keeps copies off nodes above the low watermark, or that a copy would
// bring above the high one. Copies that move away still count.
func (p *pass) diskAllocate(r *routing.Copy, n *routing.Node) (Verdict, string) {
	if text, off := p.diskOff(r.Shard.Index); off || planted.Is(planted.LowWatermarkIgnored) {
		return Yes, text
	}
	usage := p.usageOf(n)
	total := usage.TotalBytes
	incoming := p.unaccountedOn(n, false)
	free := usage.FreeBytes - incoming
	if free < 0 {
		return No, p.say("the node has fewer free bytes remaining than the total size of all incoming shards: "+
			"free space [%dB], relocating shards [%dB]", usage.FreeBytes, incoming)
	}
	high := p.highFree(total)
	if low := p.lowFree(total); free < low {
		fresh := r.Primary && !r.Active() && r.Source == state.EmptyStore
		switch {
		case !fresh:
			return No, p.aboveWatermark("low", &p.Settings.Disk.Low, total, free, low)
		case free > high:
			return Yes, "the node is above the low watermark, but less than the high watermark, " +
				"and this primary shard has never been allocated before"
		}
		return No, p.aboveWatermark("high", &p.Settings.Disk.High, total, free, high)
	}
	size := p.expectedSize(r, 0)
	after := free - size
	if after < high {
		return No, p.say("allocating the shard to this node will bring the node above the high watermark cluster setting [%s] and cause it to "+
			"have less than the minimum required [%s] of free space (free: [%s], used: [%s], estimated shard size: [%s])",
			p.Settings.Disk.High.Describe(total), settings.HumanBytes(high), settings.HumanBytes(free), usedText(total, free), settings.HumanBytes(size))
	}
	if !p.explain {
		return Yes, ""
	}
	return Yes, p.say("enough disk for shard on node, free: [%s], used: [%s], shard size: [%s], free after allocating shard: [%s]",
		settings.HumanBytes(free), usedText(total, free), settings.HumanBytes(size), settings.HumanBytes(after))
}

func (p *pass) aboveWatermark(name string, w *settings.Watermark, total, free, must int64) string {
	if !p.explain {
		return ""
	}
	return p.say("the node is above the %s watermark cluster setting [%s], having less than the minimum required [%s] free space, "+
		"actual free: [%s], actual used: [%s]", name, w.Describe(total), settings.HumanBytes(must), settings.HumanBytes(free), usedText(total, free))
}

// diskRemain drives copies off nodes above the high watermark. Copies that already
// move away are subtracted.
func (p *pass) diskRemain(r *routing.Copy, n *routing.Node) (Verdict, string) {
	if text, off := p.diskOff(r.Shard.Index); off {
		return Yes, text
	}
	usage := p.usageOf(n)
	total := usage.TotalBytes
	incoming := p.unaccountedOn(n, true)
	free := usage.FreeBytes - incoming
	if !p.explain && free >= max(0, p.highFree(total)) {
		return Yes, ""
	}
	if path := p.dataPath(r); path == "" || path != usage.Path {
		return Yes, "this shard is not allocated on the most utilized disk and can remain"
	}
	if free < 0 {
		return No, p.say("the shard cannot remain on this node because the node has fewer free bytes remaining than the total size of all "+
			"incoming shards: free space [%d], relocating shards [%d]", usage.FreeBytes, incoming)
	}
	if high := p.highFree(total); free < high {
		if !p.explain {
			return No, ""
		}
		return No, p.say("the shard cannot remain on this node because it is above the high watermark cluster setting [%s] and there is less "+
			"than the required [%s] free space on node, actual free: [%s], actual used: [%s]",
			p.Settings.Disk.High.Describe(total), settings.HumanBytes(high), settings.HumanBytes(free), usedText(total, free))
	}
	if !p.explain {
		return Yes, ""
	}
	return Yes, p.say("there is enough disk on this node for the shard to remain, free: [%s]", settings.HumanBytes(free))
}

// anyDiskHigh reports whether diskRemain could refuse a copy.
func (p *pass) anyDiskHigh() bool {
	if !p.disk.known || !p.Settings.Disk.Enabled {
		return false
	}
	for _, n := range p.Nodes {
		usage := p.usageOf(n)
		if usage.FreeBytes-p.unaccountedOn(n, true) < max(0, p.highFree(usage.TotalBytes)) {
			return true
		}
	}
	return false
}

// usedText is the used part of a disk in percent.
func usedText(total, free int64) string {
	freePart := 100.0
	if total != 0 {
		freePart = float64(100.0*float64(free)) / float64(total)
	}
	return settings.OneDecimal(100.0-freePart) + "%"
}
