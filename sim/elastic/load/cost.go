package load

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/api"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// What operations carry over the network and read from a disk beyond documents.
const (
	requestBytes = 256
	AnswerBytes  = 1024
	// searchBytes are the blocks that a query reads of a shard that is not in memory.
	searchBytes = 16 << 10
)

// upkeep is what indexing makes a copy do besides: refreshes turn what is in the
// indexing buffer into a segment, merges write segments anew.
type upkeep struct {
	refreshes float64 // per second
	levels    int     // how often a byte is written anew by merges
	merges    float64 // per refresh
}

// upkeepOf follows Elasticsearch's rules. A shard refreshes every
// index.refresh_interval, unless that is not set and nobody has searched it for
// index.search.idle.after; earlier when the node's indexing buffer is full
// (IndexingMemoryController: indices.memory.index_buffer_size, shared in proportion to
// what is indexed). A tiered merge policy joins as many segments of about one size as a tier
// may have, so that each byte is written again once for every time by which the
// segments of a refresh grow tenfold (index.merge.policy.segments_per_tier) up to the
// largest or to the size of the shard.
func (f *Fluid) upkeepOf(g *Group, st *store.Store, docs int64) (u upkeep) {
	meta := g.primary.IndexMetadata()
	every := settings.IndexRefreshInterval.Get(meta.Settings)
	if !settings.IndexRefreshInterval.IsSet(meta.Settings) && g.reads.offered.rate == 0 {
		every = 0
	}
	node := max(f.Queues[st.Machine].demand.docs, docs)
	full := float64(f.Queues[st.Machine].IndexBuffer()) / float64(node) // seconds until the buffer is full
	seconds := every.Seconds()
	if every <= 0 || full < seconds {
		seconds = full
	}
	u.refreshes = min(1/seconds, PerSecond(g.writes.offered.rate))
	tier := settings.IndexSegmentsPerTier.Get(meta.Settings)
	top := float64(min(st.Bytes(), store.MaxSegmentBytes))
	share := 1.0
	for size := float64(float64(docs) / u.refreshes * tier); size <= top; size = float64(size * tier) {
		u.levels++
		share /= tier
		u.merges += share
	}
	return u
}

// IndexBuffer is the node's indices.memory.index_buffer_size in bytes.
func (sv *Queue) IndexBuffer() int64 {
	size := settings.IndexBufferSize.Get(sv.Settings)
	if !size.Ratio {
		return max(1, size.Bytes)
	}
	part := int64(float64(float64(sv.HeapBytes)*size.Percent) / 100)
	return max(1, part, settings.MinIndexBufferSize.Get(sv.Settings))
}

// missed is the part of what is read of the node's stores that is not in memory: what the
// heap leaves of it caches files.
func (sv *Queue) missed() float64 {
	if cache, stored := sv.HeapBytes, sv.Node.Stored(); stored > cache {
		return 1 - float64(cache)/float64(stored)
	}
	return 0
}

// costOf is what a group asks of the node of its i-th member.
func (f *Fluid) costOf(g *Group, i int) (d Demand) {
	st, cal := g.Members[i], f.cal
	if g.flowing {
		d.Ops[Indexing] = int64(g.writes.offered.rate)
	}
	if r := g.reader[i]; r >= 0 {
		d.Ops[Searching] = Part(int64(g.reads.offered.rate), r, g.readers)
	}
	missed := f.Queues[st.Machine].missed()
	Of(st).work.upkeep = upkeep{}
	if d.Ops[Indexing] > 0 {
		d.docs = max(1, d.Ops[Indexing]*g.docBytes/1e6)
		u := f.upkeepOf(g, st, d.docs)
		Of(st).work.upkeep = u
		merged := d.docs * int64(u.levels)
		d.work = int64(float64(u.refreshes*float64(cal.RefreshOp))) + merged*int64(time.Second)/max(1, cal.MergeBPS)
		// Once into the translog, once into a segment.
		d.written = 2*d.docs + merged
		d.read = int64(float64(float64(merged) * missed))
		d.in = d.docs
		if i == 0 {
			d.lead = d.Ops[Indexing]
			d.out = d.docs * int64(len(g.Members)-1)
		}
	}
	if d.Ops[Searching] > 0 {
		d.read += int64(float64(PerSecond(d.Ops[Searching]) * missed * searchBytes))
		d.in += d.Ops[Searching] * requestBytes / 1e6
		d.out += d.Ops[Searching] * AnswerBytes / 1e6
	}
	return d
}

// copyWork is what a copy has done for the background load in its process.
type copyWork struct {
	upkeep
	ops       [Kinds]int64
	time      [Kinds]float64 // seconds that threads held operations
	refreshes float64
	mergeOps  float64 // documents merged
	merged    float64 // bytes
	mergeRuns float64
	// held and at are the node's tally.held and the time when this was last counted.
	held [Kinds]float64
	at   int64
}

// mark begins to count from now.
func (w *copyWork) mark(sv *Queue) {
	sv.advance(sv.f.engine.Now())
	w.held, w.at = sv.tally.held, int64(sv.since)
}

// count adds operations that the copy has done since it was last counted.
func (w *copyWork) count(sv *Queue, done [Kinds]int64, docBytes int64) {
	cal := sv.f.cal
	sv.advance(sv.f.engine.Now())
	d := float64(int64(sv.since)-w.at) / 1e9
	if d <= 0 {
		return
	}
	for k := range Kinds {
		held := (sv.tally.held[k] - w.held[k]) / d
		w.ops[k] += done[k]
		w.time[k] += float64(float64(done[k]) * (held + service(cal, k)))
	}
	if done[Indexing] > 0 {
		w.refreshes += float64(w.upkeep.refreshes * d)
		w.mergeRuns += float64(w.upkeep.refreshes * w.upkeep.merges * d)
		again := float64(done[Indexing] * int64(w.upkeep.levels))
		w.mergeOps += again
		w.merged += float64(again * float64(docBytes))
	}
	w.held, w.at = sv.tally.held, int64(sv.since)
}

// Done is what a copy has done for the background load in its process.
type Done struct {
	Indexed, Searched     int64
	IndexTime, SearchTime time.Duration // that threads held operations
	Refreshes, Flushes    int64
	Merges                api.MergeStats
}

// Done is what the copy has done by now.
func (c *Copy) Done() Done {
	w := &c.work
	return Done{
		Indexed: w.ops[Indexing], Searched: w.ops[Searching], IndexTime: Seconds(w.time[Indexing]), SearchTime: Seconds(w.time[Searching]),
		Refreshes: int64(w.refreshes), Flushes: c.flushes,
		Merges: api.MergeStats{
			Total: int64(w.mergeRuns), Docs: int64(w.mergeOps), Bytes: int64(w.merged), Time: Seconds(w.merged / float64(max(1, c.f.cal.MergeBPS))),
		},
	}
}

// Merged counts a merge that was asked for.
func (c *Copy) Merged(bytes int64) {
	c.work.mergeRuns++
	c.work.merged += float64(bytes)
}
