package figures

import (
	"cmp"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
)

// CopySegments are the segments of a shard copy.
type CopySegments struct {
	Index    string
	Shard    int
	Primary  bool
	State    string // of the copy in the routing table
	Segments []SegmentInfo
}

// SegmentInfo is a segment of a copy.
type SegmentInfo struct {
	Name        string
	Generation  int64
	Docs, Bytes int64
	Committed   bool
}

// Compare orders by index and shard, the primary first.
func (c *CopySegments) Compare(o *CopySegments) int {
	first := func(c *CopySegments) int {
		if c.Primary {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(c.Index, o.Index), cmp.Compare(c.Shard, o.Shard), cmp.Compare(first(c), first(o)))
}

// LocalSegments are the segments of the copies on this node. They are numbered in the order of
// their making, as generations are.
func LocalSegments(n *elastic.Node) []CopySegments {
	if n.Proc == nil {
		return nil
	}
	var out []CopySegments
	for _, s := range n.Proc.Sorted {
		if s.Phase == elastic.Recovering {
			continue
		}
		s.Store.Settle()
		c := CopySegments{Index: s.Index, Shard: s.Key.Shard, Primary: s.Routing.Primary, State: s.Routing.State.String()}
		for i, seg := range s.Store.Segments {
			c.Segments = append(c.Segments, segmentInfo(seg, i, true))
		}
		if s.Store.Grown.Bytes > 0 {
			c.Segments = append(c.Segments, segmentInfo(s.Store.Grown, len(s.Store.Segments), false))
		}
		out = append(out, c)
	}
	return out
}

func segmentInfo(s recovery.Segment, at int, committed bool) SegmentInfo {
	return SegmentInfo{Name: "_" + strconv.FormatInt(int64(at), 36), Generation: int64(at), Docs: s.Docs, Bytes: s.Bytes, Committed: committed}
}
