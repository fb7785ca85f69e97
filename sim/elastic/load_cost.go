package elastic

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// What operations carry over the network and read from a disk beyond documents.
const (
	requestBytes = nominalBytes
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
func (f *FluidLoad) upkeepOf(g *FluidGroup, st *store.Store, docs int64) (u upkeep) {
	meta := g.primary.Meta
	every := settings.IndexRefreshInterval.Get(meta.Settings)
	if !settings.IndexRefreshInterval.IsSet(meta.Settings) && g.reads.offered.rate == 0 {
		every = 0
	}
	node := max(f.Servers[st.Machine].demand.docs, docs)
	full := float64(f.Servers[st.Machine].Node.indexBuffer()) / float64(node) // seconds until the buffer is full
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

// indexBuffer is the node's indices.memory.index_buffer_size in bytes.
func (n *Node) indexBuffer() int64 {
	size := settings.IndexBufferSize.Get(n.cfg.Settings)
	if !size.Ratio {
		return max(1, size.Bytes)
	}
	part := int64(float64(float64(n.cfg.HeapBytes)*size.Percent) / 100)
	return max(1, part, settings.MinIndexBufferSize.Get(n.cfg.Settings))
}

// missed is the part of what is read of the node's stores that is not in memory: what the
// heap leaves of it caches files.
func (n *Node) missed() float64 {
	if cache := n.cfg.HeapBytes; n.stored > cache {
		return 1 - float64(cache)/float64(n.stored)
	}
	return 0
}

// costOf is what a group asks of the node of its i-th member.
func (f *FluidLoad) costOf(g *FluidGroup, i int) (d Demand) {
	st, cal := g.Members[i], &f.c.Calibration
	if g.flowing {
		d.Ops[Indexing] = int64(g.writes.offered.rate)
	}
	if r := g.reader[i]; r >= 0 {
		d.Ops[Searching] = Part(int64(g.reads.offered.rate), r, g.readers)
	}
	missed := f.Servers[st.Machine].Node.missed()
	loadOf(st).work.upkeep = upkeep{}
	if d.Ops[Indexing] > 0 {
		d.docs = max(1, d.Ops[Indexing]*g.docBytes/1e6)
		u := f.upkeepOf(g, st, d.docs)
		loadOf(st).work.upkeep = u
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
	// held and at are the node's serverTally.held and the time when this was last counted.
	held [Kinds]float64
	at   int64
}

// mark begins to count from now.
func (w *copyWork) mark(sv *Queue) {
	sv.advance(sv.Node.c.e.Now())
	w.held, w.at = sv.tally.held, int64(sv.since)
}

// count adds operations that the copy has done since it was last counted.
func (w *copyWork) count(sv *Queue, done [Kinds]int64, docBytes int64) {
	cal := &sv.Node.c.Calibration
	sv.advance(sv.Node.c.e.Now())
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
