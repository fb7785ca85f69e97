package consistency

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardquake/shardquake/controller"
)

// checkShard compares the copies of one shard. With an error the report is of what
// was found until then.
func (c *Checker) checkShard(ctx context.Context, index string, shard int, copies []controller.ShardInfo) (ShardReport, error) {
	r := ShardReport{Shard: shard, Verdict: Consistent, Copies: []CopyReport{}, Findings: []Finding{}}
	settled, err := c.compareCounts(ctx, index, &r, copies)
	if len(settled) > 0 {
		copies = settled
	}
	for _, s := range copies {
		r.Copies = append(r.Copies, CopyReport{
			Node: s.Node, Primary: s.Primary, State: s.State, Docs: s.Docs, StoreBytes: s.StoreBytes,
			MaxSeqNo: s.MaxSeqNo, LocalCheckpoint: s.LocalCheckpoint, GlobalCheckpoint: s.GlobalCheckpoint, Compared: -1,
		})
	}
	if err != nil {
		return r, err
	}
	for _, s := range copies {
		if !s.Active() {
			r.add(Finding{Kind: "copies", Verdict: Unknown, Node: s.Node, Text: fmt.Sprintf("a copy is %s: not compared", s.State)})
		}
	}
	serving := active(copies)
	if len(serving) == 0 || !serving[0].Primary {
		return r, nil // said above
	}
	c.compareSizes(&r, serving)
	if len(serving) < 2 {
		if len(copies) == 1 {
			r.add(Finding{Kind: "copies", Verdict: Consistent, Node: serving[0].Node, Text: "the shard's only copy: there is nothing to compare it with"})
		}
		return r, nil
	}
	return r, c.compareContent(ctx, index, &r, serving)
}

// active are the copies that serve, the primary first.
func active(copies []controller.ShardInfo) []controller.ShardInfo {
	var out []controller.ShardInfo
	for _, s := range copies {
		if s.Active() {
			out = append(out, s)
		}
	}
	return out
}

// compareCounts compares sequence numbers, checkpoints and numbers of documents. What
// differs is looked at again until it agrees, stays the same twice, or the attempts are
// used up. It returns the copies as last seen.
func (c *Checker) compareCounts(ctx context.Context, index string, r *ShardReport, copies []controller.ShardInfo) ([]controller.ShardInfo, error) {
	before := differences(copies, nil)
	for attempt := 1; len(before) > 0; attempt++ {
		again, err := c.lookAgain(ctx, index, r.Shard)
		if err != nil {
			return copies, err
		}
		now := differences(again, copies)
		copies = again
		for _, d := range now {
			if d.proven && contains(before, d) {
				r.add(d.finding(Inconsistent, ""))
			}
		}
		if r.Verdict == Inconsistent || len(now) == 0 {
			r.blameCounts(copies)
			break
		}
		if attempt == c.cfg.Attempts {
			for _, d := range now {
				r.add(d.finding(Unknown, "; the index is being written, and this was not still long enough to tell"))
			}
			break
		}
		before = now
	}
	return copies, nil
}

// blameCounts names the primary where all replicas have as many documents as each other
// and it alone has not.
func (r *ShardReport) blameCounts(copies []controller.ShardInfo) {
	serving := active(copies)
	if len(serving) < 3 {
		return
	}
	agree := true
	for _, s := range serving[2:] {
		agree = agree && s.Docs == serving[1].Docs
	}
	r.blame("documents", serving[0].Node, len(serving)-1, agree,
		fmt.Sprintf("%d documents, all replicas have %d after the same %d operations", serving[0].Docs, serving[1].Docs, serving[0].MaxSeqNo+1))
}

// difference is one between a replica and its primary.
type difference struct {
	kind string
	node string
	text string
	// proven says that writes in flight can't explain it, if it stays.
	proven bool
}

func (d difference) finding(v Verdict, why string) Finding {
	return Finding{Kind: d.kind, Verdict: v, Node: d.node, Text: d.text + why}
}

// contains reports whether the same difference was seen before.
func contains(list []difference, d difference) bool {
	for _, x := range list {
		if x == d {
			return true
		}
	}
	return false
}

// differences compares every replica with the primary. earlier is the look before, nil
// at the first: what the primary had made sure then, every replica must have now.
func differences(copies, earlier []controller.ShardInfo) []difference {
	serving := active(copies)
	if len(serving) < 2 || !serving[0].Primary {
		return nil
	}
	primary := serving[0]
	var out []difference
	for _, replica := range serving[1:] {
		out = append(out, compare(primary, replica, checkpointOf(earlier))...)
	}
	return out
}

// checkpointOf is the global checkpoint that the primary of an earlier look knew.
func checkpointOf(copies []controller.ShardInfo) int64 {
	for _, s := range copies {
		if s.Primary && s.Active() {
			return s.GlobalCheckpoint
		}
	}
	return noSeqNo
}

// noSeqNo is less than any sequence number.
const noSeqNo = -2

func compare(primary, replica controller.ShardInfo, sure int64) []difference {
	var out []difference
	if replica.LocalCheckpoint < sure {
		out = append(out, difference{"checkpoint", replica.Node, fmt.Sprintf("has processed operations up to %d, though the primary had made sure that every copy has those up to %d",
			replica.LocalCheckpoint, sure), true})
	}
	same := primary.MaxSeqNo == replica.MaxSeqNo
	still := complete(primary) && complete(replica)
	// Operations below the global checkpoint are on every copy in sync. Those above it
	// may be on their way, however long that takes.
	missing := replica.MaxSeqNo < primary.MaxSeqNo && primary.GlobalCheckpoint >= primary.MaxSeqNo
	switch {
	case !same && still && (missing || replica.MaxSeqNo > primary.MaxSeqNo):
		out = append(out, difference{"sequence-numbers", replica.Node, fmt.Sprintf("operations up to %d, the primary has them up to %d", replica.MaxSeqNo, primary.MaxSeqNo), true})
	case !same || !still:
		out = append(out, difference{"sequence-numbers", replica.Node, fmt.Sprintf("operations up to %d (all up to %d), the primary has them up to %d (all up to %d)",
			replica.MaxSeqNo, replica.LocalCheckpoint, primary.MaxSeqNo, primary.LocalCheckpoint), false})
	case primary.Docs != replica.Docs:
		out = append(out, difference{"documents", replica.Node, fmt.Sprintf("%d documents, the primary has %d after the same %d operations", replica.Docs, primary.Docs, primary.MaxSeqNo+1), true})
	}
	return out
}

// complete reports whether a copy has processed every operation that it knows of.
func complete(s controller.ShardInfo) bool { return s.MaxSeqNo == s.LocalCheckpoint }

// compareSizes notes store sizes that are far apart. It proves nothing: copies merge
// their segments independently.
func (c *Checker) compareSizes(r *ShardReport, serving []controller.ShardInfo) {
	const small = 1 << 20
	primary := serving[0].StoreBytes
	for _, s := range serving[1:] {
		gap := s.StoreBytes - primary
		if s.StoreBytes < 0 || primary < 0 || max(gap, -gap) < small {
			continue
		}
		if share := float64(max(gap, -gap)) / float64(max(primary, 1)); share > c.cfg.SizeTolerance {
			r.add(Finding{Kind: "store-size", Verdict: Consistent, Node: s.Node, Text: fmt.Sprintf("%d bytes, the primary has %d", s.StoreBytes, primary)})
		}
	}
}

// compareContent compares what the documents of the copies contain.
func (c *Checker) compareContent(ctx context.Context, index string, r *ShardReport, serving []controller.ShardInfo) error {
	if c.cfg.MaxDocs < 0 {
		return nil
	}
	if serving[0].Docs > c.cfg.MaxDocs {
		r.add(Finding{Kind: "content", Verdict: Unknown, Text: fmt.Sprintf("%d documents are more than the %d whose content is read", serving[0].Docs, c.cfg.MaxDocs)})
		return nil
	}
	err := c.compareDigests(ctx, index, r, serving)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, controller.ErrNoPointInTime):
		r.add(Finding{Kind: "content", Verdict: Unknown, Text: "not read: the cluster offers no search at a point in time"})
		return nil
	case err != nil:
		r.add(Finding{Kind: "content", Verdict: Unknown, Text: "not read to the end: " + err.Error()})
	}
	return nil
}
