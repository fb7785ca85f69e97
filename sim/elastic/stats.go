package elastic

import (
	"math"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// LocalShardStats are the shard copies on this node, by index and shard.
func (n *Node) LocalShardStats() []ShardStats {
	if n.proc == nil {
		return nil
	}
	out := make([]ShardStats, 0, len(n.proc.sorted))
	for _, s := range n.proc.sorted {
		if s.phase != recovering {
			out = append(out, s.describe())
		}
	}
	return out
}

// Copies counts the shard copies on this node.
func (n *Node) Copies() int {
	if n.proc == nil {
		return 0
	}
	return len(n.proc.sorted)
}

// EachShardStats is LocalShardStats one at a time and without retention leases, for
// whoever sums: the value is overwritten by the next.
func (n *Node) EachShardStats(f func(*ShardStats)) {
	if n.proc == nil {
		return
	}
	var figures ShardStats
	for _, s := range n.proc.sorted {
		if s.phase != recovering {
			figures = s.figures()
			f(&figures)
		}
	}
}

// EachShardSize is EachShardStats with no more than which copy it is, its documents
// and its bytes, which costs a third.
func (n *Node) EachShardSize(f func(*ShardStats)) {
	if n.proc == nil {
		return
	}
	var sizes ShardStats
	for _, s := range n.proc.sorted {
		if s.phase != recovering {
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
	if n.proc == nil {
		return nil
	}
	if n.byIndex != nil && !n.c.fluid.writesTo(n) {
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
	if n.proc.settled() {
		n.byIndex = out
	}
	return out
}

// settled reports whether sizes and documents stay as they are until [Node.changed]: no
// recovery is under way and nothing waits for a refresh.
func (p *process) settled() bool {
	return len(p.running) == 0 && !slices.ContainsFunc(p.sorted, func(s *shard) bool { return len(s.engine().Unseen) > 0 })
}

// sizes sets which copy it is, its documents and its bytes.
func (s *shard) sizes(out *ShardStats) {
	bytes := s.store.Bytes() // settles the fluid load
	s.catchUpRefresh(false)
	e := s.engine()
	out.Index, out.IndexUUID, out.Shard, out.Primary = s.index, s.key.UUID, s.key.Shard, s.routing.Primary
	out.State, out.RelocatingNode, out.AllocationID = s.routing.State.String(), s.routing.Other, s.routing.AllocationID
	out.DocsCount, out.DocsDeleted = e.SeenN+e.FluidDocs, max(0, int64(len(e.History))-e.LiveN)
	out.DocsBytes, out.StoreBytes, out.DataSetBytes = bytes, bytes, bytes
}

func (s *shard) describe() ShardStats {
	out := s.figures()
	out.RetentionLeases = s.leaseStats()
	return out
}

func (s *shard) figures() ShardStats {
	p, e, st := s.p, s.engine(), s.store
	out := ShardStats{}
	s.sizes(&out)
	if s.tracker != nil {
		s.tracker.syncLeases()
	}
	p.c.fluid.settle(st)
	load := loadOf(st)
	work := &load.work
	writes, reads := work.ops[indexing], work.ops[searching]
	out.SegmentsCount, out.HistoryUUID, out.CommitGeneration = len(st.Segments), st.History, st.Commit.Generation
	out.MaxSeqNo, out.LocalCheckpoint, out.GlobalCheckpoint = e.Max, e.LocalCheckpoint(), st.Global
	out.RefreshTotal, out.FlushTotal = s.stats.refreshTotal+int64(work.refreshes), s.stats.flushTotal+load.flushes
	out.BufferBytes = p.c.fluid.buffered(st)
	out.RefreshTime = time.Duration(int64(work.refreshes)) * p.c.cal.RefreshOp
	out.Merges = MergeStats{
		Total: int64(work.mergeRuns), Docs: int64(work.mergeOps), Bytes: int64(work.merged), Time: seconds(work.merged / float64(max(1, p.c.cal.MergeBPS))),
	}
	out.RecoveryAsSource = len(s.sources)
	if st.Grown.Bytes > 0 {
		out.SegmentsCount++
	}
	if s.recovery != nil {
		out.ReservedBytes = s.recovery.reserved()
		if !s.recovery.over {
			out.RecoveryAsTarget = 1
		}
	}
	out.Indexing = IndexingStats{
		Total: s.stats.indexTotal + writes, Failed: s.stats.indexFailed, DeleteTotal: s.stats.deleteTotal,
		NoopUpdates: s.stats.noops, Time: s.stats.indexTime + seconds(work.time[indexing]),
	}
	out.Get = GetStats{Total: s.stats.getTotal, Exists: s.stats.getTotal - s.stats.getMissing, Missing: s.stats.getMissing}
	out.Search = SearchStats{
		QueryTotal: s.stats.queryTotal + reads, FetchTotal: s.stats.fetchTotal + reads,
		QueryTime: s.stats.queryTime + seconds(work.time[searching]),
	}
	if up := s.now().Sub(s.created); up > 0 {
		// Threads kept busy with indexing since the copy was opened (IndexingStats: write_load).
		out.Indexing.WriteLoad = out.Indexing.Time.Seconds() / up.Seconds()
	}
	out.TranslogOps = max(0, e.TotalOps()-(st.Commit.Checkpoint+1))
	out.TranslogUncOps = out.TranslogOps
	out.TranslogBytes = 55 + st.Grown.Bytes
	out.TranslogUncBytes = out.TranslogBytes
	return out
}

func (s *shard) leaseStats() LeaseStats {
	start := s.p.c.e.Wall().Add(-s.p.c.now())
	out := LeaseStats{PrimaryTerm: s.term, Version: s.store.Leases.Version()}
	for _, l := range s.store.Leases.All() {
		out.Leases = append(out.Leases, LeaseInfo{
			ID: l.ID(), RetainingSeqNo: l.Retaining, AtMillis: start.Add(l.At).UnixMilli(), Source: "peer recovery",
		})
	}
	return out
}

// LocalRecoveries are the recoveries of the copies on this node: for each the one
// that is running or the last one.
func (n *Node) LocalRecoveries() []RecoveryInfo {
	if n.proc == nil {
		return nil
	}
	return n.Recoveries(false, true)
}

// Recoveries is LocalRecoveries, only of those that run, or without the list of their
// files.
func (n *Node) Recoveries(activeOnly, detailed bool) []RecoveryInfo {
	if n.proc == nil {
		return nil
	}
	var out []RecoveryInfo
	for _, s := range n.proc.hosted() {
		if r := s.recovery; r != nil && (!activeOnly || !r.over) {
			out = append(out, r.describe(detailed))
		}
	}
	return out
}

func (r *recoveryRun) describe(detailed bool) RecoveryInfo {
	s := r.s
	now := s.now()
	end := now
	if r.over {
		end = r.begun.Add(r.stop.Sub(r.start))
	}
	out := RecoveryInfo{
		Index: s.index, Shard: s.key.Shard, Primary: s.routing.Primary, Type: r.kind.String(), Stage: r.stage,
		Start: r.start, Stop: r.stop, Total: end.Sub(r.begun), TargetNode: s.p.n.ID(),
		TranslogRecovered: r.opsDone, TranslogTotal: r.opsTotal, TranslogOnStart: r.opsTotal,
		Files:     r.files(),
		IndexTime: r.span(StageIndex, StageVerifyIndex, end), VerifyTime: r.span(StageVerifyIndex, StageTranslog, end),
		TranslogTime: r.span(StageTranslog, StageFinalize, end),
	}
	if detailed {
		out.Details = r.details()
	}
	if r.source != nil {
		out.SourceNode = r.source.ID()
	}
	if r.kind == state.Snapshot {
		out.Restored = s.meta.Restored
	}
	return out
}

// span is the time between entering two stages, up to now while the second is ahead.
func (r *recoveryRun) span(from, to RecoveryStage, end sim.Time) time.Duration {
	a, b := r.entered[stageIndex[from]], r.entered[stageIndex[to]]
	switch {
	case stageIndex[r.stage] < stageIndex[from] || a == 0:
		return 0
	case stageIndex[r.stage] < stageIndex[to] || b < a:
		b = end
	}
	return b.Sub(a)
}

func (r *recoveryRun) files() RecoveryFiles {
	if r.kind != state.Peer && r.kind != state.Snapshot {
		n, b := recovery.Files(r.local)+1, recovery.Bytes(r.local)
		if len(r.local) == 0 {
			n = 0
		}
		return RecoveryFiles{Total: n, Reused: n, TotalBytes: b, ReusedBytes: b}
	}
	reuse, whole := recovery.Bytes(r.plan.Reuse), recovery.Bytes(r.plan.Copy)
	f := RecoveryFiles{
		Reused: recovery.Files(r.plan.Reuse), TotalBytes: reuse + whole, ReusedBytes: reuse, RecoveredBytes: r.progress(),
	}
	f.Total = f.Reused + recovery.Files(r.plan.Copy)
	if r.planned && !r.plan.ByOperations {
		f.Total++ // segments_N
	}
	f.Recovered = f.Total - f.Reused
	if !r.copied && whole > 0 {
		f.Recovered = int(int64(f.Recovered) * f.RecoveredBytes / whole)
	}
	return f
}

func (r *recoveryRun) details() []RecoveryFile {
	var out []RecoveryFile
	left := r.progress()
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
	list(r.plan.Reuse, true)
	list(r.plan.Copy, false)
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
	p := n.proc
	if p == nil {
		return NodeStats{}
	}
	n.account()
	u, sv := n.c.Utilisation(n.Name()), n.c.fluid.server(n)
	uptime := p.c.e.Now().Sub(p.started)
	out := NodeStats{
		AtMillis: p.clock.Now().UnixMilli(), Uptime: uptime,
		DiskTotal: n.disk.Total(), DiskFree: n.disk.Free(), DiskAvailable: n.disk.Free(),
		CPUPercent: int(math.Round(100 * u.CPU)), CPUs: n.cfg.CPUs, LoadAverages: sv.loads.values(),
		CPUTime: seconds(sv.tally.processor) + sv.api.total, MemTotal: 2 * n.cfg.HeapBytes, MemFree: n.cfg.HeapBytes / 2,
		HeapUsed: min(n.cfg.HeapBytes*9/10, heapIdle+heapPerShard*int64(len(p.shards))+n.buffered()), HeapMax: n.cfg.HeapBytes,
		TransportRxCount: p.traffic.rxCount + sv.messages(), TransportTxCount: p.traffic.txCount + sv.messages(),
		TransportRxBytes: p.traffic.rxBytes + int64(sv.tally.in), TransportTxBytes: p.traffic.txBytes + int64(sv.tally.out),
		Pools: p.poolStats(sv), IO: sv.io(),
		OpenTransport: 13 * (len(p.applied.Nodes) - 1), Shards: len(p.shards),
	}
	out.OpenTransport = max(0, out.OpenTransport)
	return out
}
