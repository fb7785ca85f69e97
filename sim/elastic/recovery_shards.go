package elastic

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// recoverFromShards fills a primary from the primaries of the index that its own was shrunk,
// split or cloned from, which stand on the same node (StoreRecovery.recoverFromLocalShards).
// Files are linked, not copied: how large they are takes no time.
func (r *Recovery) recoverFromShards() {
	s, p := r.Shard, r.Shard.Process
	r.Later(p.Cluster.Calibration.LocalRecovery, func() {
		from, why := s.resizeSources()
		if why != "" {
			r.FailLocally(why)
			return
		}
		p.Cluster.Fluid.Detach(s.Store)
		s.Store.Reset()
		r.Enter(StageIndex)
		files := 0
		for _, st := range from {
			st.Settle()
			st.Flush()
			files += recovery.Files(st.Segments) + 1
		}
		r.Later(time.Duration(files)*(p.Cluster.Calibration.PerFile+p.Node.Disk().Delay()), func() {
			s.Store.MakeFrom(from, s.partOfSource(len(from)), func(id, routing string) bool { return indexmeta.ShardFor(s.Meta, id, routing) == s.Key.Shard }, s.Now())
			s.Store.History = state.NewID(p.Cluster.IDs)
			r.Local, r.Planned, r.Copied = s.Store.Segments, true, true
			r.Enter(StageVerifyIndex)
			r.Enter(StageTranslog)
			r.OpsTotal = 0
			r.Enter(StageFinalize)
			r.Finish()
		})
	})
}

// resizeSources are the stores that the copy is made from, or why they can't be had.
func (s *Shard) resizeSources() ([]*store.Store, string) {
	name := settings.IndexResizeSource.Get(s.Meta.Settings)
	source := s.Process.Applied.Index(name)
	if source == nil || source.UUID != settings.IndexResizeSourceUUID.Get(s.Meta.Settings) {
		return nil, "IndexNotFoundException: no such index [" + name + "]"
	}
	var out []*store.Store
	for n := range source.Shards {
		if !feeds(n, source.Shards, s.Key.Shard, s.Meta.Shards) {
			continue
		}
		from := s.Process.Shards[store.Key{UUID: source.UUID, Shard: n}]
		if from == nil || from.Phase == Recovering || from.Phase == Closed {
			return nil, "IndexShardRecoveryException: failed to recover from local shards; the shard [" + name + "] is not on this node"
		}
		out = append(out, from.Store)
	}
	return out, ""
}

// partOfSource is which part of its source the copy gets: a whole one unless it was split.
func (s *Shard) partOfSource(sources int) store.Part {
	of := s.Process.Applied.Index(settings.IndexResizeSource.Get(s.Meta.Settings))
	if sources > 1 || of == nil || of.Shards >= s.Meta.Shards {
		return store.Part{Of: 1}
	}
	parts := s.Meta.Shards / of.Shards
	return store.Part{Nth: int64(s.Key.Shard % parts), Of: int64(parts)}
}

// feeds reports whether a shard of an index goes into a shard of one that is made from it.
func feeds(source, sources, target, targets int) bool {
	if sources > targets {
		return source/(sources/targets) == target
	}
	return target/(targets/sources) == source
}
