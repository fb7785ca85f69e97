package store

import (
	"slices"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
)

// Part is which part of stores a store gets: the Nth of Of that are alike. One of one is all.
type Part struct{ Nth, Of int64 }

// of is the part's share of a number; the shares of all parts add up to it.
func (p Part) of(n int64) int64 { return n*(p.Nth+1)/p.Of - n*p.Nth/p.Of }

// MakeFrom fills the store from those that it is made from, with the documents that belong here.
// Documents that have no content are dealt out evenly, as are the bytes of segments: what
// belongs elsewhere counts as merged away.
func (st *Store) MakeFrom(from []*Store, part Part, here func(id, routing string) bool, now sim.Time) {
	e := &st.Engine
	st.Segments = nil
	for _, src := range from {
		// Sequence numbers of several sources would meet: those of later ones move up.
		offset := e.Max + 1
		for _, d := range src.Engine.History {
			if src.Engine.Live[d.ID] == d && !d.Deleted && here(d.ID, d.Routing) {
				moved := *d
				moved.SeqNo += offset
				e.Process(&moved, now)
			}
		}
		e.Max = max(e.Max, offset+src.Engine.Max)
		e.FluidDocs += part.of(src.Engine.FluidDocs)
		for _, seg := range src.Segments {
			if part.Of > 1 {
				seg = recovery.Segment{ID: st.host.IDs().Uint64(), Bytes: part.of(seg.Bytes), Docs: part.of(seg.Docs)}
			}
			st.Segments = append(st.Segments, seg)
		}
	}
	st.Segments = slices.DeleteFunc(st.Segments, func(seg recovery.Segment) bool { return seg.Bytes == 0 })
	e.Refresh(now)
	st.Global = e.LocalCheckpoint()
	st.Commit = Commit{Checkpoint: st.Global, Docs: st.Docs(), Generation: st.Commit.Generation + 1, AtOps: e.TotalOps()}
	st.Committed = now
	st.host.Changed()
}
