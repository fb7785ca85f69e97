package store

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/recovery"
)

// Mergeable are the smallest committed segments, so many that one in their place leaves the
// wanted number; none where there is nothing to merge.
func (st *Store) Mergeable(most int) []recovery.Segment {
	if most <= 0 || len(st.Segments) <= most {
		return nil
	}
	list := slices.Clone(st.Segments)
	slices.SortStableFunc(list, func(a, b recovery.Segment) int { return cmp.Compare(a.Bytes, b.Bytes) })
	return list[:len(list)-most+1]
}

// ReplaceSegments puts one segment in the place of those that were merged.
func (st *Store) ReplaceSegments(old []recovery.Segment) {
	merged := recovery.Segment{ID: st.host.IDs().Uint64()}
	st.Segments = slices.DeleteFunc(slices.Clone(st.Segments), func(s recovery.Segment) bool {
		if slices.ContainsFunc(old, func(o recovery.Segment) bool { return o.ID == s.ID }) {
			merged.Bytes += s.Bytes
			merged.Docs += s.Docs
			return true
		}
		return false
	})
	st.Segments = append(st.Segments, merged)
	st.host.Changed()
}
