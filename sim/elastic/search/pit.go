package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// reader is a shard copy as one moment's searches saw it (ReaderContext). It lives in
// the process that holds the copy and expires when it is not used.
type reader struct {
	index   string
	docs    []*store.Doc  // by sequence number
	keptFor time.Duration // after every use
	expires sim.Time
}

// readers are a process's readers by number.
type readers struct {
	last int64
	open map[int64]*reader
}

func readersOf(p *elastic.Process) *readers { return elastic.Kept[readers](p, "points in time") }

// find is an open reader that has not expired, or nil. It counts as a use.
func (r *readers) find(id int64, now sim.Time, keepFor time.Duration) *reader {
	c := r.open[id]
	if c == nil {
		return nil
	}
	if c.expires < now {
		delete(r.open, id)
		return nil
	}
	c.keptFor = max(c.keptFor, keepFor)
	c.expires = now.Add(c.keptFor)
	return c
}

// openReader fixes what searches of the copy see now.
func openReader(s *elastic.Shard, keepFor time.Duration) int64 {
	s.CatchUpRefresh(true)
	r := readersOf(s.Process)
	if r.open == nil {
		r.open = make(map[int64]*reader)
	}
	c := &reader{index: s.Index, keptFor: keepFor, expires: s.Now().Add(keepFor)}
	for _, d := range s.Engine().Visible {
		if !d.Deleted {
			c.docs = append(c.docs, d)
		}
	}
	slices.SortFunc(c.docs, func(a, b *store.Doc) int { return cmp.Compare(a.SeqNo, b.SeqNo) }) //determinism:allow sort-ties sequence numbers are unique
	r.last++
	r.open[r.last] = c
	return r.last
}

// PointInTimeShard is one shard of a point in time: a copy as one node held it.
type PointInTimeShard struct {
	Index, IndexUUID string
	Shard            int
	// Node and Incarnation are the process that keeps Reader.
	Node        string
	Incarnation int
	Reader      int64
}

// OpenPointInTime fixes what searches of the indices see, one copy per shard, chosen by
// the preference ("_shards:0,2", "_only_nodes:n1,n2", both joined by "|", or as for a
// search), of the shards that are in routed by index, or all of an index that isn't there. It
// is kept for keepFor after every use.
func OpenPointInTime(ctx context.Context, n *elastic.Node, indices []string, routed map[string][]int, preference string, keepFor time.Duration) ([]PointInTimeShard, elastic.ShardsResult, error) {
	var out elastic.ShardsResult
	var shards []PointInTimeShard
	p := n.Proc
	if p == nil {
		return nil, out, elastic.ErrNodeGone
	}
	only, rest := splitPreference(preference)
	err := p.Await(ctx, func(done func(error)) {
		var visits []*copyVisit[opened]
		for _, index := range indices {
			meta := p.Applied.Index(index)
			if meta == nil {
				done(elastic.IndexNotFound(index))
				return
			}
			for _, t := range p.Applied.Routing.Index(index).Shards {
				some, narrowed := routed[index]
				if only != nil && !slices.Contains(only, t.Shard) || narrowed && !slices.Contains(some, t.Shard) {
					continue
				}
				copies := order(p, t, rest)
				if nodes, ok := strings.CutPrefix(rest, "_only_nodes:"); ok && len(copies) == 0 {
					done(&elastic.Error{
						Status: 400, Type: "illegal_argument_exception",
						Reason: fmt.Sprintf("no data nodes with criteria [%s] found for shard: [%s][%d]", nodes, index, t.Shard),
					})
					return
				}
				ask := &readCopy[opened]{openReaderOn{keepFor}, store.Key{UUID: meta.UUID, Shard: t.Shard}}
				visits = append(visits, &copyVisit[opened]{p: p, ask: ask, copies: copies, from: t.Primary()})
				shards = append(shards, PointInTimeShard{Index: index, IndexUUID: meta.UUID, Shard: t.Shard})
			}
		}
		report := elastic.Gather(len(visits), func() { done(nil) })
		for i, v := range visits {
			v.answered = func(r opened) {
				shards[i].Node, shards[i].Incarnation, shards[i].Reader = r.node, r.incarnation, r.reader
				report()
			}
			v.none = func(last *elastic.Error) {
				out.Failures = append(out.Failures, *v.failure(last))
				report()
			}
			v.next()
		}
	})
	if err != nil {
		return nil, out, err
	}
	out.Total, out.Failed = len(shards), len(out.Failures)
	out.Successful = out.Total - out.Failed
	if out.Failed > 0 {
		return nil, out, &elastic.Error{
			Status: 503, Type: "search_phase_execution_exception", Reason: "all shards failed",
			Fields: []elastic.Field{{Name: "phase", Value: "open_search_context"}, {Name: "grouped", Value: true}}, RootCause: []*elastic.Error{},
		}
	}
	return shards, out, nil
}

// PointInTimeSearch reads a page from a point in time.
type PointInTimeSearch struct {
	Shards []PointInTimeShard
	// Keep prolongs it; 0 leaves it as it was opened.
	Keep  time.Duration
	Match elastic.Selection // nil: all
	// Within are, by index, the documents that can be seen at all; nil: all.
	Within map[string]elastic.Selection
	// After is the position behind which to begin, -1 for the beginning. The position of a
	// hit is its shard's place in Shards, times 2^32, plus its own.
	After int64
	Size  int
}

// PointInTimeHit is a document with its position.
type PointInTimeHit struct {
	elastic.Hit
	Position int64
}

// readerPage is one shard's part of a page.
type readerPage struct {
	total  int64
	hits   []PointInTimeHit
	failed *elastic.ShardFailure
}

// SearchPointInTime reads a page. A shard whose reader is gone is among the failures of
// the result, with the reason search_context_missing_exception.
func SearchPointInTime(ctx context.Context, n *elastic.Node, req PointInTimeSearch) (hits []PointInTimeHit, total int64, shards elastic.ShardsResult, err error) {
	p := n.Proc
	if p == nil {
		return nil, 0, shards, elastic.ErrNodeGone
	}
	pages := make([]readerPage, len(req.Shards))
	err = p.Await(ctx, func(done func(error)) {
		report := elastic.Gather(len(req.Shards), func() { done(nil) })
		for i, ref := range req.Shards {
			readPage(p, i, ref, &req, &pages[i], report)
		}
	})
	if err != nil {
		return nil, 0, shards, err
	}
	for i := range pages {
		shards.Total++
		if f := pages[i].failed; f != nil {
			shards.Failed++
			shards.Failures = append(shards.Failures, *f)
			continue
		}
		shards.Successful++
		total += pages[i].total
		hits = append(hits, pages[i].hits...)
	}
	return hits[:min(len(hits), req.Size)], total, shards, nil
}

// readPage asks the node that keeps a reader.
func readPage(p *elastic.Process, place int, ref PointInTimeShard, req *PointInTimeSearch, page *readerPage, report func()) {
	fail := func(e *elastic.Error) {
		page.failed = &elastic.ShardFailure{Index: ref.Index, Shard: ref.Shard, Node: ref.Node, Reason: e}
		report()
	}
	node := p.Cluster.ByID[ref.Node]
	if node == nil {
		fail(missingReader(ref))
		return
	}
	elastic.Send(p, node, readReader{place, ref.Incarnation, ref.Reader, req}, 0, func(a pageAnswer) {
		if a.missing {
			fail(missingReader(ref))
			return
		}
		page.total, page.hits = a.total, a.hits
		report()
	}, func(err error) {
		fail(&elastic.Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()})
	})
}

// readReader asks the node that keeps a reader for a page; place is that of its shard among
// those of the point in time.
type readReader struct {
	place       int
	incarnation int
	reader      int64
	req         *PointInTimeSearch
}

// pageAnswer is a page of a reader, or that it is gone.
type pageAnswer struct {
	total   int64
	hits    []PointInTimeHit
	missing bool
}

func (readReader) Action() string { return "search[pit]" }
func (readReader) Bytes() int64   { return 256 }

func (m readReader) Serve(q *elastic.Process, answer func(int64, pageAnswer)) {
	var c *reader
	if q.Node.Incarnation() == m.incarnation {
		c = readersOf(q).find(m.reader, q.Cluster.Engine().Now(), m.req.Keep)
	}
	if c == nil {
		answer(0, pageAnswer{missing: true})
		return
	}
	total, hits, bytes := c.page(m.place, m.req)
	q.After(q.Cluster.Calibration.SearchOp, "search[pit]", func() {
		answer(bytes, pageAnswer{total: total, hits: hits})
	})
}

func missingReader(ref PointInTimeShard) *elastic.Error {
	return &elastic.Error{
		Status: 404, Type: "search_context_missing_exception", Reason: "No search context found for id [" + strconv.FormatInt(ref.Reader, 10) + "]",
	}
}

// page is the reader's documents behind the position.
func (c *reader) page(place int, req *PointInTimeSearch) (total int64, hits []PointInTimeHit, bytes int64) {
	of := elastic.SearchRequest{Match: req.Match, Within: req.Within}
	match := of.Selects(c.index)
	for i, d := range c.docs {
		if match != nil && !match.Selects(c.index, d.ID, d.Routing, d.Source) {
			continue
		}
		total++
		at := int64(place)<<32 | int64(i)
		if at <= req.After || len(hits) >= req.Size {
			continue
		}
		hits = append(hits, PointInTimeHit{elastic.Hit{
			Index: c.index, ID: d.ID, Routing: d.Routing, Version: d.Version, SeqNo: d.SeqNo, PrimaryTerm: d.Term, Source: d.Source,
		}, at})
		bytes += d.Bytes()
	}
	return total, hits, bytes
}

// ClosePointInTime gives the readers back and returns how many were still open.
func ClosePointInTime(ctx context.Context, n *elastic.Node, shards []PointInTimeShard) (freed int, err error) {
	p := n.Proc
	if p == nil {
		return 0, elastic.ErrNodeGone
	}
	err = p.Await(ctx, func(done func(error)) {
		report := elastic.Gather(len(shards), func() { done(nil) })
		for _, ref := range shards {
			node := p.Cluster.ByID[ref.Node]
			if node == nil {
				report()
				continue
			}
			elastic.Send(p, node, freeReader{ref.Incarnation, ref.Reader}, 0, func(was bool) {
				if was {
					freed++
				}
				report()
			}, func(error) { report() })
		}
	})
	return freed, err
}

// freeReader has a node give a reader back; it answers whether that was open.
type freeReader struct {
	incarnation int
	reader      int64
}

func (freeReader) Action() string { return "free_context" }
func (freeReader) Bytes() int64   { return 64 }

func (m freeReader) Serve(q *elastic.Process, answer func(int64, bool)) {
	was := q.Node.Incarnation() == m.incarnation && readersOf(q).find(m.reader, q.Cluster.Engine().Now(), 0) != nil
	if was {
		delete(readersOf(q).open, m.reader)
	}
	answer(0, was)
}

// splitPreference takes "_shards:0,2|" off a preference; only is nil without it.
func splitPreference(preference string) (only []int, rest string) {
	list, ok := strings.CutPrefix(preference, "_shards:")
	if !ok {
		return nil, preference
	}
	list, rest, _ = strings.Cut(list, "|")
	only = []int{}
	for s := range strings.SplitSeq(list, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(s)); err == nil {
			only = append(only, n)
		}
	}
	return only, rest
}

// onNodes keeps the copies on the nodes named, by id or name.
func onNodes(p *elastic.Process, copies []*state.Copy, list string) []*state.Copy {
	named := strings.Split(list, ",")
	return slices.DeleteFunc(slices.Clone(copies), func(c *state.Copy) bool {
		n := p.Applied.Node(c.Node)
		return !slices.Contains(named, c.Node) && (n == nil || !slices.Contains(named, n.Name))
	})
}
