package figures

import (
	"math"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/peer"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// LocalShardStats are the shard copies on this node, by index and shard.
func LocalShardStats(n *elastic.Node) []elastic.ShardStats {
	if n.Proc == nil {
		return nil
	}
	out := make([]elastic.ShardStats, 0, len(n.Proc.Sorted))
	for _, s := range n.Proc.Sorted {
		if s.Phase != elastic.Recovering {
			out = append(out, shardStats(s))
		}
	}
	return out
}

// Copies counts the shard copies on this node.
func Copies(n *elastic.Node) int {
	if n.Proc == nil {
		return 0
	}
	return len(n.Proc.Sorted)
}

// EachShardStats is LocalShardStats one at a time and without retention leases, for
// whoever sums: the value is overwritten by the next.
func EachShardStats(n *elastic.Node, f func(*elastic.ShardStats)) {
	if n.Proc == nil {
		return
	}
	var figures elastic.ShardStats
	for _, s := range n.Proc.Sorted {
		if s.Phase != elastic.Recovering {
			figures = counted(s)
			f(&figures)
		}
	}
}

// EachShardSize is EachShardStats with no more than which copy it is, its documents
// and its bytes, which costs a third.
func EachShardSize(n *elastic.Node, f func(*elastic.ShardStats)) {
	if n.Proc == nil {
		return
	}
	var sizes elastic.ShardStats
	for _, s := range n.Proc.Sorted {
		if s.Phase != elastic.Recovering {
			sizesOf(s, &sizes)
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

func (c *CopySizes) add(s *elastic.ShardStats) {
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
func IndexSizes(n *elastic.Node) []IndexSize {
	if n.Proc == nil {
		return nil
	}
	last := elastic.Kept[lastSizes](n.Proc, "figures")
	if last.list != nil && last.at == n.Changes && !n.Indexing() {
		return last.list
	}
	out := make([]IndexSize, 0, len(last.list)+8)
	EachShardSize(n, func(s *elastic.ShardStats) {
		if len(out) == 0 || out[len(out)-1].Index != s.Index {
			out = append(out, IndexSize{Index: s.Index})
		}
		last := &out[len(out)-1]
		last.All.add(s)
		if s.Primary {
			last.Primaries.add(s)
		}
	})
	if settled(n.Proc) {
		last.list, last.at = out, n.Changes
	}
	return out
}

// lastSizes are documents and bytes by index as last summed up.
type lastSizes struct {
	list []IndexSize
	at   uint64 // [Node.Changes] then
}

// settled reports whether sizes and documents stay as they are until [Node.Changes] grows: no
// recovery is under way and nothing waits for a refresh.
func settled(p *elastic.Process) bool {
	return len(p.Running) == 0 && !slices.ContainsFunc(p.Sorted, func(s *elastic.Shard) bool { return len(s.Engine().Unseen) > 0 })
}

// sizes sets which copy it is, its documents and its bytes.
func sizesOf(s *elastic.Shard, out *elastic.ShardStats) {
	bytes := s.Store.Bytes() // settles the fluid load
	s.CatchUpRefresh(false)
	e := s.Engine()
	out.Index, out.IndexUUID, out.Shard, out.Primary = s.Index, s.Key.UUID, s.Key.Shard, s.Routing.Primary
	out.State, out.RelocatingNode, out.AllocationID = s.Routing.State.String(), s.Routing.Other, s.Routing.AllocationID
	out.DocsCount, out.DocsDeleted = e.SeenN+e.FluidDocs, max(0, int64(len(e.History))-e.LiveN)
	out.DocsBytes, out.StoreBytes, out.DataSetBytes = bytes, bytes, bytes
}

func shardStats(s *elastic.Shard) elastic.ShardStats {
	out := counted(s)
	out.RetentionLeases = leaseStats(s)
	return out
}

func counted(s *elastic.Shard) elastic.ShardStats {
	p, e, st := s.Process, s.Engine(), s.Store
	out := elastic.ShardStats{}
	sizesOf(s, &out)
	if s.Tracker != nil {
		s.Tracker.SyncLeases()
	}
	st.Settle()
	work := load.Of(st).Done()
	out.SegmentsCount, out.HistoryUUID, out.CommitGeneration = len(st.Segments), st.History, st.Commit.Generation
	out.MaxSeqNo, out.LocalCheckpoint, out.GlobalCheckpoint = e.Max, e.LocalCheckpoint(), st.Global
	out.RefreshTotal, out.FlushTotal = s.Counters.RefreshTotal+work.Refreshes, s.Counters.FlushTotal+work.Flushes
	out.BufferBytes = load.Of(st).Buffered()
	out.RefreshTime = time.Duration(work.Refreshes) * p.Cluster.Calibration.RefreshOp
	out.Merges = work.Merges
	out.RecoveryAsSource = len(s.Sources)
	if st.Grown.Bytes > 0 {
		out.SegmentsCount++
	}
	if s.Recovery != nil {
		out.ReservedBytes = s.Recovery.Reserved()
		if !s.Recovery.Over {
			out.RecoveryAsTarget = 1
		}
	}
	out.Indexing = elastic.IndexingStats{
		Total: s.Counters.IndexTotal + work.Indexed, Failed: s.Counters.IndexFailed, DeleteTotal: s.Counters.DeleteTotal,
		NoopUpdates: s.Counters.Noops, Time: s.Counters.IndexTime + work.IndexTime,
	}
	out.Get = elastic.GetStats{Total: s.Counters.GetTotal, Exists: s.Counters.GetTotal - s.Counters.GetMissing, Missing: s.Counters.GetMissing}
	out.Search = elastic.SearchStats{
		QueryTotal: s.Counters.QueryTotal + work.Searched, FetchTotal: s.Counters.FetchTotal + work.Searched,
		QueryTime: s.Counters.QueryTime + work.SearchTime, Groups: s.Counters.Groups,
	}
	out.Fielddata = s.Counters.Fielddata
	if up := s.Now().Sub(s.Created); up > 0 {
		// Threads kept busy with indexing since the copy was opened (IndexingStats: write_load).
		out.Indexing.WriteLoad = out.Indexing.Time.Seconds() / up.Seconds()
	}
	out.TranslogOps = max(0, e.TotalOps()-(st.Commit.Checkpoint+1))
	out.TranslogUncOps = out.TranslogOps
	out.TranslogBytes = 55 + st.Grown.Bytes
	out.TranslogUncBytes = out.TranslogBytes
	return out
}

func leaseStats(s *elastic.Shard) elastic.LeaseStats {
	start := s.Process.Cluster.Engine().Wall().Add(-s.Process.Cluster.Now())
	out := elastic.LeaseStats{PrimaryTerm: s.Term, Version: s.Store.Leases.Version()}
	for _, l := range s.Store.Leases.All() {
		out.Leases = append(out.Leases, elastic.LeaseInfo{
			ID: l.ID(), RetainingSeqNo: l.Retaining, AtMillis: start.Add(l.At).UnixMilli(), Source: "peer recovery",
		})
	}
	return out
}

// LocalRecoveries are the recoveries of the copies on this node: for each the one
// that is running or the last one.
func LocalRecoveries(n *elastic.Node) []elastic.RecoveryInfo {
	if n.Proc == nil {
		return nil
	}
	return Recoveries(n, false, true)
}

// Recoveries is LocalRecoveries, only of those that run, or without the list of their
// files.
func Recoveries(n *elastic.Node, activeOnly, detailed bool) []elastic.RecoveryInfo {
	if n.Proc == nil {
		return nil
	}
	var out []elastic.RecoveryInfo
	for _, s := range n.Proc.Hosted() {
		if r := s.Recovery; r != nil && (!activeOnly || !r.Over) {
			out = append(out, recoveryInfo(r, detailed))
		}
	}
	return out
}

func recoveryInfo(r *elastic.Recovery, detailed bool) elastic.RecoveryInfo {
	s := r.Shard
	now := s.Now()
	end := now
	if r.Over {
		end = r.Begun.Add(r.Stop.Sub(r.Start))
	}
	out := elastic.RecoveryInfo{
		Index: s.Index, Shard: s.Key.Shard, Primary: s.Routing.Primary, Type: r.Kind.String(), Stage: r.Stage,
		Start: r.Start, Stop: r.Stop, Total: end.Sub(r.Begun), TargetNode: s.Process.Node.ID(),
		TranslogRecovered: r.OpsDone, TranslogTotal: r.OpsTotal, TranslogOnStart: r.OpsTotal,
		Files:     filesOf(r),
		IndexTime: span(r, elastic.StageIndex, elastic.StageVerifyIndex, end), VerifyTime: span(r, elastic.StageVerifyIndex, elastic.StageTranslog, end),
		TranslogTime: span(r, elastic.StageTranslog, elastic.StageFinalize, end),
	}
	if detailed {
		out.Details = fileDetails(r)
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
func span(r *elastic.Recovery, from, to elastic.RecoveryStage, end sim.Time) time.Duration {
	a, b := r.Entered[peer.Stages[from]], r.Entered[peer.Stages[to]]
	switch {
	case peer.Stages[r.Stage] < peer.Stages[from] || a == 0:
		return 0
	case peer.Stages[r.Stage] < peer.Stages[to] || b < a:
		b = end
	}
	return b.Sub(a)
}

func filesOf(r *elastic.Recovery) elastic.RecoveryFiles {
	if r.Kind != state.Peer && r.Kind != state.Snapshot {
		n, b := recovery.Files(r.Local)+1, recovery.Bytes(r.Local)
		if len(r.Local) == 0 {
			n = 0
		}
		return elastic.RecoveryFiles{Total: n, Reused: n, TotalBytes: b, ReusedBytes: b}
	}
	reuse, missing := recovery.Bytes(r.Plan.Reuse), recovery.Bytes(r.Plan.Copy)
	f := elastic.RecoveryFiles{
		Reused: recovery.Files(r.Plan.Reuse), TotalBytes: reuse + missing, ReusedBytes: reuse, RecoveredBytes: r.Progress(),
	}
	f.Total = f.Reused + recovery.Files(r.Plan.Copy)
	if r.Planned && !r.Plan.ByOperations {
		f.Total++ // segments_N
	}
	f.Recovered = f.Total - f.Reused
	if !r.Copied && missing > 0 {
		f.Recovered = int(int64(f.Recovered) * f.RecoveredBytes / missing)
	}
	return f
}

func fileDetails(r *elastic.Recovery) []elastic.RecoveryFile {
	var out []elastic.RecoveryFile
	left := r.Progress()
	list := func(segs []recovery.Segment, reused bool) {
		for _, seg := range segs {
			f := elastic.RecoveryFile{Name: store.SegmentFile(seg.ID), Length: seg.Bytes, Reused: reused}
			if !reused {
				f.Recovered = min(left, seg.Bytes)
				left -= f.Recovered
			}
			out = append(out, f)
		}
	}
	list(r.Local, true)
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
func LocalNodeStats(n *elastic.Node) elastic.NodeStats {
	p := n.Proc
	if p == nil {
		return elastic.NodeStats{}
	}
	n.Account()
	u, sv := n.Cluster().Utilisation(n.Name()), n.Load()
	carried := sv.Carried()
	uptime := p.Cluster.Engine().Now().Sub(p.Started)
	out := elastic.NodeStats{
		AtMillis: p.Clock.Now().UnixMilli(), Uptime: uptime,
		DiskTotal: n.Disk().Total(), DiskFree: n.Disk().Free(), DiskAvailable: n.Disk().Free(),
		CPUPercent: int(math.Round(100 * u.CPU)), CPUs: n.Config().CPUs, LoadAverages: sv.Loads.Values(),
		CPUTime: sv.Processor(), MemTotal: 2 * n.Config().HeapBytes, MemFree: n.Config().HeapBytes / 2,
		HeapUsed: min(n.Config().HeapBytes*9/10, heapIdle+heapPerShard*int64(len(p.Shards))+sv.Buffered(n.Sorted)), HeapMax: n.Config().HeapBytes,
		TransportRxCount: p.Traffic.RxCount + sv.Messages(), TransportTxCount: p.Traffic.TxCount + sv.Messages(),
		TransportRxBytes: p.Traffic.RxBytes + carried.InBytes, TransportTxBytes: p.Traffic.TxBytes + carried.OutBytes,
		Pools: p.Pools.Stats(), IO: ioOf(n, &carried),
		OpenTransport: 13 * (len(p.Applied.Nodes) - 1), Shards: len(p.Shards),
	}
	out.OpenTransport = max(0, out.OpenTransport)
	return out
}

// ioOf is what the disk has done: for the load, and for recoveries.
func ioOf(n *elastic.Node, done *load.Carried) elastic.IOStats {
	out := elastic.IOStats{
		Writes: done.Writes, Reads: done.Reads, WriteBytes: done.WrittenBytes + n.Copied.Written, ReadBytes: done.ReadBytes + n.Copied.Read,
		Busy: done.DiskBusy,
	}
	if bps := n.Config().DiskWriteBPS; bps > 0 {
		out.Busy += load.Seconds(float64(n.Copied.Written) / float64(bps))
	}
	if bps := n.Config().DiskReadBPS; bps > 0 {
		out.Busy += load.Seconds(float64(n.Copied.Read) / float64(bps))
	}
	return out
}
