package consistency

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/controller"
)

const (
	// keepAlive is how long the cluster keeps a point in time for us between two pages.
	keepAlive = "2m"
	// maxSuspects limits the documents that are looked at again.
	maxSuspects = 10_000
	// shownIDs is how many ids a finding names.
	shownIDs = 5
)

// compareDigests reads all copies, and again where they differ.
func (c *Checker) compareDigests(ctx context.Context, index string, r *ShardReport, serving []controller.ShardInfo) error {
	digests := make([]digest, len(serving))
	for i, s := range serving {
		err := c.scan(ctx, index, r.Shard, s.Node, nil, func(d controller.ScannedDocument) { digests[i].add(d.ID, fingerprintOf(d)) })
		if err != nil {
			return fmt.Errorf("copy on %s: %w", s.Node, err)
		}
		for k := range r.Copies {
			if r.Copies[k].Node == s.Node {
				r.Copies[k].Compared, r.Copies[k].Digest = digests[i].count, digests[i].String()
			}
		}
	}
	for i, d := range digests {
		claimed := serving[i].Docs
		if d.count >= claimed || !complete(serving[i]) {
			continue
		}
		// Writes explain a few, and nested documents are counted but not read one by one. A
		// scan that sees nothing of what is counted has compared nothing.
		f := Finding{Kind: "content", Verdict: Consistent, Node: serving[i].Node, Text: fmt.Sprintf("read %d of the %d documents that the copy counts", d.count, claimed)}
		if d.count == 0 {
			f.Verdict = Unknown
		}
		r.add(f)
	}
	var differ [buckets]bool
	different := false
	for i := range digests[1:] {
		different = digests[i+1].differing(&digests[0], &differ) || different
	}
	if !different {
		return nil
	}
	suspects, err := c.suspects(ctx, index, r.Shard, serving, &differ)
	if err != nil {
		return err
	}
	return c.confirm(ctx, index, r, serving, suspects)
}

// states are the documents of one copy: what each looks like, by id.
type states map[string]seen

// seen is a document on one copy at one look.
type seen struct {
	seqNo int64
	print fingerprint
}

// suspects reads the buckets that differ and returns the ids that do.
func (c *Checker) suspects(ctx context.Context, index string, shard int, serving []controller.ShardInfo, differ *[buckets]bool) ([]string, error) {
	per := make([]states, len(serving))
	for i, s := range serving {
		per[i] = states{}
		err := c.scan(ctx, index, shard, s.Node, nil, func(d controller.ScannedDocument) {
			if differ[bucketOf(d.ID)] {
				per[i][d.ID] = seen{d.SeqNo, fingerprintOf(d)}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("copy on %s: %w", s.Node, err)
		}
	}
	ids := unequal(per)
	if len(ids) > maxSuspects {
		return nil, fmt.Errorf("%d documents differ at the first look, more than the %d that are looked at again", len(ids), maxSuspects)
	}
	return ids, nil
}

// unequal are the ids that don't look the same on all copies, sorted.
func unequal(per []states) []string {
	all := map[string]bool{}
	for _, s := range per {
		for id := range s {
			all[id] = true
		}
	}
	var out []string
	for _, id := range slices.Sorted(maps.Keys(all)) {
		first, ok := per[0][id]
		for _, s := range per[1:] {
			if other, has := s[id]; has != ok || other != first {
				out = append(out, id)
				break
			}
		}
	}
	return out
}

// confirm looks at the suspects until they agree or are proven to differ.
func (c *Checker) confirm(ctx context.Context, index string, r *ShardReport, serving []controller.ShardInfo, ids []string) error {
	var before, now []states
	var proven, open []string
	for attempt := 0; attempt < c.cfg.Attempts; attempt++ {
		copies, err := c.lookAgain(ctx, index, r.Shard)
		if err != nil {
			return err
		}
		before = now
		if now, err = c.lookAt(ctx, index, r.Shard, serving, ids); err != nil {
			return err
		}
		proven, open = judge(unequal(now), before, now, active(copies))
		if len(open) == 0 {
			break
		}
		ids = append(slices.Clone(open), proven...)
		slices.Sort(ids)
	}
	c.report(r, serving, now, proven)
	if len(open) > 0 {
		r.add(Finding{Kind: "content", Verdict: Unknown, IDs: open[:min(shownIDs, len(open))], Count: len(open),
			Text: fmt.Sprintf("%d documents differ, but are being written", len(open))})
	}
	return nil
}

// lookAt reads some documents from every copy.
func (c *Checker) lookAt(ctx context.Context, index string, shard int, serving []controller.ShardInfo, ids []string) ([]states, error) {
	out := make([]states, len(serving))
	for i, s := range serving {
		out[i] = states{}
		for part := range slices.Chunk(ids, c.cfg.PageSize) {
			err := c.scan(ctx, index, shard, s.Node, part, func(d controller.ScannedDocument) { out[i][d.ID] = seen{d.SeqNo, fingerprintOf(d)} })
			if err != nil {
				return nil, fmt.Errorf("copy on %s: %w", s.Node, err)
			}
		}
	}
	return out, nil
}

// judge sorts documents that differ into those that writes in flight can't explain,
// and those that may agree later. copies are as they were before this look.
func judge(ids []string, before, now []states, copies []controller.ShardInfo) (proven, open []string) {
	sure, still := checkpointOf(copies), len(copies) > 0
	for _, s := range copies {
		still = still && complete(s) && s.MaxSeqNo == copies[0].MaxSeqNo
	}
	for _, id := range ids {
		same, everywhere := before != nil, true
		last := int64(noSeqNo)
		for i := range now {
			state, has := now[i][id]
			everywhere = everywhere && has
			last = max(last, state.seqNo)
			if same {
				old, had := before[i][id]
				same = had == has && old == state
			}
		}
		// A document that a copy lacks may have been deleted by an operation that is on its
		// way to the others, unless nothing is on its way.
		if same && last <= sure && (everywhere || still) {
			proven = append(proven, id)
		} else {
			open = append(open, id)
		}
	}
	return proven, open
}

// report notes the proven differences, by replica.
func (c *Checker) report(r *ShardReport, serving []controller.ShardInfo, now []states, ids []string) {
	for i := 1; i < len(serving); i++ {
		bad := unequalTo(now[0], now[i], ids)
		if len(bad) == 0 {
			continue
		}
		r.add(Finding{Kind: "content", Verdict: Inconsistent, Node: serving[i].Node, IDs: bad[:min(shownIDs, len(bad))], Count: len(bad),
			Text: fmt.Sprintf("%d documents differ from the primary's on %s", len(bad), serving[0].Node)})
	}
	agree := true
	for i := 2; i < len(serving); i++ {
		agree = agree && len(unequalTo(now[1], now[i], ids)) == 0
	}
	r.blame("content", serving[0].Node, len(serving)-1, agree, fmt.Sprintf("%d documents of the primary differ from those of all its replicas, which agree", len(ids)))
}

func unequalTo(primary, replica states, ids []string) []string {
	var out []string
	for _, id := range ids {
		a, hasA := primary[id]
		if b, hasB := replica[id]; a != b || hasA != hasB {
			out = append(out, id)
		}
	}
	return out
}

// scan visits the documents of one copy at a point in time; with ids only those.
func (c *Checker) scan(ctx context.Context, index string, shard int, node string, ids []string, visit func(controller.ScannedDocument)) (err error) {
	client := c.cfg.Client
	pit, err := client.OpenPointInTime(ctx, index, shard, node, keepAlive)
	if err != nil {
		return err
	}
	defer func() {
		// One that isn't closed expires by itself; a reading that succeeded stays one.
		_ = client.ClosePointInTime(ctx, pit)
	}()
	next := controller.Scan{PointInTime: pit, KeepAlive: keepAlive, Size: c.cfg.PageSize, IDs: ids}
	for {
		page, err := client.ScanNext(ctx, next)
		if err != nil {
			return err
		}
		for _, d := range page.Documents {
			visit(d)
		}
		if err := c.cfg.Clock.Sleep(ctx, time.Duration(len(page.Documents))*time.Second/time.Duration(c.cfg.Rate)); err != nil {
			return err
		}
		if page.After == nil {
			return nil
		}
		next.PointInTime, next.After = page.PointInTime, page.After
		pit = page.PointInTime
	}
}
