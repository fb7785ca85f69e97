package elastic

import (
	"math"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// LocalShardStats are the shard copies on this node, by index and shard.
func (n *Node) LocalShardStats() []ShardStats {
	if n.Proc == nil {
		return nil
	}
	out := make([]ShardStats, 0, len(n.Proc.sorted))
	for _, s := range n.Proc.sorted {
		if s.Phase != Recovering {
			out = append(out, s.describe())
		}
	}
	return out
}

// Copies counts the shard copies on this node.
func (n *Node) Copies() int {
	if n.Proc == nil {
		return 0
	}
	return len(n.Proc.sorted)
}

// EachShardStats is LocalShardStats one at a time and without retention leases, for
// whoever sums: the value is overwritten by the next.
func (n *Node) EachShardStats(f func(*ShardStats)) {
	if n.Proc == nil {
		return
	}
	var figures ShardStats
	for _, s := range n.Proc.sorted {
		if s.Phase != Recovering {
			figures = s.figures()
			f(&figures)
		}
	}
}

// EachShardSize is EachShardStats with no more than which copy it is, its documents
// and its bytes, which costs a third.
func (n *Node) EachShardSize(f func(*ShardStats)) {
	if n.Proc == nil {
		return
	}
	var sizes ShardStats
	for _, s := range n.Proc.sorted {
		if s.Phase != Recovering {
			s.sizes(&sizes)
			f(&sizes)
		}
	}
}

// IndexSize is what a node's copies of an index hold.
type IndexSize struct {
	Index          string
	All, Primaries CopySizes
}

// CopySizes sum copies up.
type CopySizes struct {
	Copies                            int
	DocsCount, DocsDeleted, DocsBytes int64
	StoreBytes, DataSetBytes          int64
}

func (c *CopySizes) add(s *ShardStats) {
	c.Copies++
	c.DocsCount += s.DocsCount
	c.DocsDeleted += s.DocsDeleted
	c.DocsBytes += s.DocsBytes
	c.StoreBytes += s.StoreBytes
	c.DataSetBytes += s.DataSetBytes
}

// IndexSizes are documents and bytes of the copies on this node that EachShardSize
// names, by index in order of names. Don't modify them: as long as nothing is written
// and no copy comes or goes, the same list is given again.
func (n *Node) IndexSizes() []IndexSize {
	if n.Proc == nil {
		return nil
	}
	if n.byIndex != nil && !n.c.Fluid.Servers[n.ordinal].Writes() {
		return n.byIndex
	}
	out := make([]IndexSize, 0, len(n.byIndex)+8)
	n.EachShardSize(func(s *ShardStats) {
		if len(out) == 0 || out[len(out)-1].Index != s.Index {
			out = append(out, IndexSize{Index: s.Index})
		}
		last := &out[len(out)-1]
		last.All.add(s)
		if s.Primary {
			last.Primaries.add(s)
		}
	})
	if n.Proc.settled() {
		n.byIndex = out
	}
	return out
}

// settled reports whether sizes and documents stay as they are until [Node.changed]: no
// recovery is under way and nothing waits for a refresh.
func (p *Process) settled() bool {
	return len(p.Running) == 0 && !slices.ContainsFunc(p.sorted, func(s *Shard) bool { return len(s.Engine().Unseen) > 0 })
}

// sizes sets which copy it is, its documents and its bytes.
func (s *Shard) sizes(out *ShardStats) {
	bytes := s.Store.Bytes() // settles the fluid load
	s.CatchUpRefresh(false)
	e := s.Engine()
	out.Index, out.IndexUUID, out.Shard, out.Primary = s.Index, s.Key.UUID, s.Key.Shard, s.Routing.Primary
	out.State, out.RelocatingNode, out.AllocationID = s.Routing.State.String(), s.Routing.Other, s.Routing.AllocationID
	out.DocsCount, out.DocsDeleted = e.SeenN+e.FluidDocs, max(0, int64(len(e.History))-e.LiveN)
	out.DocsBytes, out.StoreBytes, out.DataSetBytes = bytes, bytes, bytes
}

func (s *Shard) describe() ShardStats {
	out := s.figures()
	out.RetentionLeases = s.leaseStats()
	return out
}

func (s *Shard) figures() ShardStats {
	p, e, st := s.Process, s.Engine(), s.Store
	out := ShardStats{}
	s.sizes(&out)
	if s.Tracker != nil {
		s.Tracker.SyncLeases()
	}
	st.Settle()
	work := load.Of(st).Done()
	out.SegmentsCount, out.HistoryUUID, out.CommitGeneration = len(st.Segments), st.History, st.Commit.Generation
	out.MaxSeqNo, out.LocalCheckpoint, out.GlobalCheckpoint = e.Max, e.LocalCheckpoint(), st.Global
	out.RefreshTotal, out.FlushTotal = s.Counters.refreshTotal+work.Refreshes, s.Counters.FlushTotal+work.Flushes
	out.BufferBytes = load.Of(st).Buffered()
	out.RefreshTime = time.Duration(work.Refreshes) * p.Cluster.Calibration.RefreshOp
	out.Merges = work.Merges
	out.RecoveryAsSource = len(s.sources)
	if st.Grown.Bytes > 0 {
		out.SegmentsCount++
	}
	if s.Recovery != nil {
		out.ReservedBytes = s.Recovery.reserved()
		if !s.Recovery.Over {
			out.RecoveryAsTarget = 1
		}
	}
	out.Indexing = IndexingStats{
		Total: s.Counters.indexTotal + work.Indexed, Failed: s.Counters.indexFailed, DeleteTotal: s.Counters.deleteTotal,
		NoopUpdates: s.Counters.noops, Time: s.Counters.indexTime + work.IndexTime,
	}
	out.Get = GetStats{Total: s.Counters.GetTotal, Exists: s.Counters.GetTotal - s.Counters.GetMissing, Missing: s.Counters.GetMissing}
	out.Search = SearchStats{
		QueryTotal: s.Counters.QueryTotal + work.Searched, FetchTotal: s.Counters.FetchTotal + work.Searched,
		QueryTime: s.Counters.QueryTime + work.SearchTime,
	}
	if up := s.Now().Sub(s.created); up > 0 {
		// Threads kept busy with indexing since the copy was opened (IndexingStats: write_load).
		out.Indexing.WriteLoad = out.Indexing.Time.Seconds() / up.Seconds()
	}
	out.TranslogOps = max(0, e.TotalOps()-(st.Commit.Checkpoint+1))
	out.TranslogUncOps = out.TranslogOps
	out.TranslogBytes = 55 + st.Grown.Bytes
	out.TranslogUncBytes = out.TranslogBytes
	return out
}

func (s *Shard) leaseStats() LeaseStats {
	start := s.Process.Cluster.e.Wall().Add(-s.Process.Cluster.Now())
	out := LeaseStats{PrimaryTerm: s.term, Version: s.Store.Leases.Version()}
	for _, l := range s.Store.Leases.All() {
		out.Leases = append(out.Leases, LeaseInfo{
			ID: l.ID(), RetainingSeqNo: l.Retaining, AtMillis: start.Add(l.At).UnixMilli(), Source: "peer recovery",
		})
	}
	return out
}

// LocalRecoveries are the recoveries of the copies on this node: for each the one
// that is running or the last one.
func (n *Node) LocalRecoveries() []RecoveryInfo {
	if n.Proc == nil {
		return nil
	}
	return n.Recoveries(false, true)
}

// Recoveries is LocalRecoveries, only of those that run, or without the list of their
// files.
func (n *Node) Recoveries(activeOnly, detailed bool) []RecoveryInfo {
	if n.Proc == nil {
		return nil
	}
	var out []RecoveryInfo
	for _, s := range n.Proc.Hosted() {
		if r := s.Recovery; r != nil && (!activeOnly || !r.Over) {
			out = append(out, r.describe(detailed))
		}
	}
	return out
}

func (r *Recovery) describe(detailed bool) RecoveryInfo {
	s := r.Shard
	now := s.Now()
	end := now
	if r.Over {
		end = r.Begun.Add(r.stop.Sub(r.start))
	}
	out := RecoveryInfo{
		Index: s.Index, Shard: s.Key.Shard, Primary: s.Routing.Primary, Type: r.Kind.String(), Stage: r.Stage,
		Start: r.start, Stop: r.stop, Total: end.Sub(r.Begun), TargetNode: s.Process.Node.ID(),
		TranslogRecovered: r.OpsDone, TranslogTotal: r.OpsTotal, TranslogOnStart: r.OpsTotal,
		Files:     r.files(),
		IndexTime: r.span(StageIndex, StageVerifyIndex, end), VerifyTime: r.span(StageVerifyIndex, StageTranslog, end),
		TranslogTime: r.span(StageTranslog, StageFinalize, end),
	}
	if detailed {
		out.Details = r.details()
	}
	if r.Source != nil {
		out.SourceNode = r.Source.ID()
	}
	if r.Kind == state.Snapshot {
		out.Restored = s.Meta.Restored
	}
	return out
}

// span is the time between entering two stages, up to now while the second is ahead.
func (r *Recovery) span(from, to RecoveryStage, end sim.Time) time.Duration {
	a, b := r.entered[stageIndex[from]], r.entered[stageIndex[to]]
	switch {
	case stageIndex[r.Stage] < stageIndex[from] || a == 0:
		return 0
	case stageIndex[r.Stage] < stageIndex[to] || b < a:
		b = end
	}
	return b.Sub(a)
}

func (r *Recovery) files() RecoveryFiles {
	if r.Kind != state.Peer && r.Kind != state.Snapshot {
		n, b := recovery.Files(r.local)+1, recovery.Bytes(r.local)
		if len(r.local) == 0 {
			n = 0
		}
		return RecoveryFiles{Total: n, Reused: n, TotalBytes: b, ReusedBytes: b}
	}
	reuse, whole := recovery.Bytes(r.Plan.Reuse), recovery.Bytes(r.Plan.Copy)
	f := RecoveryFiles{
		Reused: recovery.Files(r.Plan.Reuse), TotalBytes: reuse + whole, ReusedBytes: reuse, RecoveredBytes: r.Progress(),
	}
	f.Total = f.Reused + recovery.Files(r.Plan.Copy)
	if r.Planned && !r.Plan.ByOperations {
		f.Total++ // segments_N
	}
	f.Recovered = f.Total - f.Reused
	if !r.Copied && whole > 0 {
		f.Recovered = int(int64(f.Recovered) * f.RecoveredBytes / whole)
	}
	return f
}

func (r *Recovery) details() []RecoveryFile {
	var out []RecoveryFile
	left := r.Progress()
	list := func(segs []recovery.Segment, reused bool) {
		for _, seg := range segs {
			f := RecoveryFile{Name: store.SegmentFile(seg.ID), Length: seg.Bytes, Reused: reused}
			if !reused {
				f.Recovered = min(left, seg.Bytes)
				left -= f.Recovered
			}
			out = append(out, f)
		}
	}
	list(r.local, true)
	list(r.Plan.Reuse, true)
	list(r.Plan.Copy, false)
	return out
}

// What a node's heap holds without shards, and for each: an idle node of 8.19.0 uses
// about 100 MiB, and a shard costs mappings, segments' metadata and buffers. Garbage is
// not modelled. The machine's memory is taken to be twice the heap.
const (
	heapIdle     = 100 << 20
	heapPerShard = 256 << 10
)

// LocalNodeStats are the node's own figures.
func (n *Node) LocalNodeStats() NodeStats {
	p := n.Proc
	if p == nil {
		return NodeStats{}
	}
	n.Account()
	u, sv := n.c.Utilisation(n.Name()), n.c.Fluid.Server(n.ordinal)
	carried := sv.Carried()
	uptime := p.Cluster.e.Now().Sub(p.started)
	out := NodeStats{
		AtMillis: p.Clock.Now().UnixMilli(), Uptime: uptime,
		DiskTotal: n.disk.Total(), DiskFree: n.disk.Free(), DiskAvailable: n.disk.Free(),
		CPUPercent: int(math.Round(100 * u.CPU)), CPUs: n.cfg.CPUs, LoadAverages: sv.Loads.Values(),
		CPUTime: sv.Processor(), MemTotal: 2 * n.cfg.HeapBytes, MemFree: n.cfg.HeapBytes / 2,
		HeapUsed: min(n.cfg.HeapBytes*9/10, heapIdle+heapPerShard*int64(len(p.Shards))+sv.Buffered(n.Sorted)), HeapMax: n.cfg.HeapBytes,
		TransportRxCount: p.traffic.rxCount + sv.Messages(), TransportTxCount: p.traffic.txCount + sv.Messages(),
		TransportRxBytes: p.traffic.rxBytes + carried.InBytes, TransportTxBytes: p.traffic.txBytes + carried.OutBytes,
		Pools: p.Pools.Stats(), IO: n.io(&carried),
		OpenTransport: 13 * (len(p.Applied.Nodes) - 1), Shards: len(p.Shards),
	}
	out.OpenTransport = max(0, out.OpenTransport)
	return out
}

// io is what the disk has done: for the load, and for recoveries.
func (n *Node) io(done *load.Carried) IOStats {
	out := IOStats{
		Writes: done.Writes, Reads: done.Reads, WriteBytes: done.WrittenBytes + n.copied.written, ReadBytes: done.ReadBytes + n.copied.read,
		Busy: done.DiskBusy,
	}
	if bps := n.cfg.DiskWriteBPS; bps > 0 {
		out.Busy += load.Seconds(float64(n.copied.written) / float64(bps))
	}
	if bps := n.cfg.DiskReadBPS; bps > 0 {
		out.Busy += load.Seconds(float64(n.copied.read) / float64(bps))
	}
	return out
}
