package elastic

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Get reads a document by id; realtime sees writes that no refresh has made visible yet.
func (n *Node) Get(ctx context.Context, index, id, routing string, realtime bool) (GetResult, error) {
	out := GetResult{Index: index, ID: id}
	p := n.Proc
	if p == nil {
		return out, errNodeGone
	}
	err := p.await(ctx, func(done func(error)) {
		meta := p.Applied.Index(index)
		if meta == nil {
			done(IndexNotFound(index))
			return
		}
		if err, _ := GlobalBlock(p.Applied, "read"); err != nil {
			done(err)
			return
		}
		if err := IndexBlock(p.Applied, index, "read"); err != nil {
			done(err)
			return
		}
		num := ShardFor(meta, id, routing)
		t := p.Applied.Routing.Index(index).Shards[num]
		visit := &copyVisit{p: p, pool: getPool, name: "get[s]", key: store.Key{UUID: meta.UUID, Shard: num}, copies: p.order(t, "")}
		visit.on = func(s *Shard) func() {
			if !realtime {
				s.catchUpRefresh(true)
			}
			d := s.Engine().Get(id, realtime)
			s.stats.getTotal++
			if d == nil {
				s.stats.getMissing++
			}
			return func() {
				if d != nil {
					out.Found, out.Source, out.Routing = true, d.Source, d.Routing
					out.Version, out.SeqNo, out.PrimaryTerm = d.Version, d.SeqNo, d.Term
				}
				done(nil)
			}
		}
		visit.none = func(last *Error) { done(noShardAvailable(index, num, last)) }
		visit.next()
	})
	return out, err
}

func noShardAvailable(index string, shard int, last *Error) *Error {
	e := &Error{Status: 503, Type: "no_shard_available_action_exception", Reason: "No shard available for [get [" + index + "]]", CausedBy: last}
	e.Fields = []Field{{Name: "shard", Value: shard}, {Name: "index", Value: index}}
	return e
}

// copyVisit asks the copies of a shard one after another until one answers.
type copyVisit struct {
	p      *Process
	pool   int
	name   string
	key    store.Key
	copies []*state.Copy
	// on runs on the copy's node; what it returns runs on the asking node.
	on   func(s *Shard) func()
	none func(last *Error)
	last *Error
	from *state.Copy // the copy that answered or was asked last
}

func (v *copyVisit) next() {
	if len(v.copies) == 0 {
		v.none(v.last)
		return
	}
	c := v.copies[0]
	v.copies, v.from = v.copies[1:], c
	p := v.p
	p.request(p.node(c.Node), rpc{
		name: v.name, bytes: 256,
		handle: func(q *Process, reply func(int64, func())) {
			s := q.shards[v.key]
			if s == nil || s.Phase == recovering || s.Phase == closed {
				reply(0, func() {
					v.last = &Error{Status: 404, Type: "shard_not_found_exception", Reason: "no such shard"}
					v.next()
				})
				return
			}
			q.execute(v.pool, task{
				name: v.name, cost: p.c.Calibration.SearchOp,
				run: func(held time.Duration) {
					if v.pool == searchPool {
						s.stats.queryTime += held
					}
					reply(answerBytes, v.on(s))
				},
				refused: func(err *Error) {
					reply(0, func() {
						v.last = err
						v.next()
					})
				},
			})
		},
		failed: func(err error) {
			v.last = &Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()}
			v.next()
		},
	})
}

// order is in which order the active copies of a shard are asked.
func (p *Process) order(t *state.ShardTable, preference string) []*state.Copy {
	var out []*state.Copy
	for _, c := range t.Copies {
		if c.Active() {
			out = append(out, c)
		}
	}
	local := slices.IndexFunc(out, func(c *state.Copy) bool { return p.self(c.Node) })
	switch preference {
	case "":
		if len(out) > 1 {
			k := p.c.e.Stream("elastic.copy", p.Node.Name()).IntN(len(out))
			out = append(out[k:len(out):len(out)], out[:k]...)
		}
	case "_local":
		if local > 0 {
			out[0], out[local] = out[local], out[0]
		}
	case "_only_local":
		if local < 0 {
			return nil
		}
		return out[local : local+1]
	default:
		if nodes, ok := strings.CutPrefix(preference, "_only_nodes:"); ok {
			return p.onNodes(out, nodes)
		}
		if nodes, ok := strings.CutPrefix(preference, "_prefer_nodes:"); ok {
			preferred := p.onNodes(out, nodes)
			return append(preferred, slices.DeleteFunc(out, func(c *state.Copy) bool { return slices.Contains(preferred, c) })...)
		}
		// The same text asks the same copy.
		if len(out) > 1 {
			k := floorMod(int(RoutingHash(preference)), len(out))
			out = append(out[k:len(out):len(out)], out[:k]...)
		}
	}
	return out
}

// shardHits is one shard's part of a search.
type shardHits struct {
	total  int64
	hits   []Hit
	failed *ShardFailure
}

// Search queries a copy of every shard.
func (n *Node) Search(ctx context.Context, req SearchRequest) (SearchResult, error) {
	var out SearchResult
	p := n.Proc
	if p == nil {
		return out, errNodeGone
	}
	begun := p.c.Now()
	p.coordinate(1)
	var parts []*shardHits
	err := p.await(ctx, func(done func(error)) {
		var visits []*copyVisit
		for _, index := range req.Indices {
			meta := p.Applied.Index(index)
			if meta == nil {
				done(IndexNotFound(index))
				return
			}
			if err := IndexBlock(p.Applied, index, "read"); err != nil {
				done(err)
				return
			}
			visits = append(visits, p.searchVisits(meta, req, &parts)...)
		}
		if err, _ := GlobalBlock(p.Applied, "read"); err != nil {
			done(err)
			return
		}
		report := gather(len(visits), func() { done(nil) })
		for i, v := range visits {
			part := parts[i]
			inner := v.on
			v.on = func(s *Shard) func() {
				got := inner(s)
				return func() { got(); report() }
			}
			v.none = func(last *Error) { part.failed = searchFailure(v, last); report() }
			v.next()
		}
	})
	if err != nil {
		return out, err
	}
	out.Took = p.c.Now() - begun
	return mergeHits(&out, req, parts)
}

// searchVisits prepares the queries of an index's shards.
func (p *Process) searchVisits(meta *state.Index, req SearchRequest, parts *[]*shardHits) []*copyVisit {
	var visits []*copyVisit
	only, preference := splitPreference(req.Preference)
	for _, t := range p.Applied.Routing.Index(meta.Name).Shards {
		if only != nil && !slices.Contains(only, t.Shard) {
			continue
		}
		part := &shardHits{}
		*parts = append(*parts, part)
		v := &copyVisit{p: p, pool: searchPool, name: "search[phase/query]", key: store.Key{UUID: meta.UUID, Shard: t.Shard}, copies: p.order(t, preference)}
		v.from = t.Primary()
		v.on = func(s *Shard) func() {
			total, hits := s.query(req)
			return func() { part.total, part.hits = total, hits }
		}
		visits = append(visits, v)
	}
	return visits
}

func searchFailure(v *copyVisit, last *Error) *ShardFailure {
	f := &ShardFailure{Index: v.from.Index, Shard: v.from.Shard, Node: v.from.Node, Status: "SERVICE_UNAVAILABLE", Reason: last}
	if last != nil && last.Status == 429 {
		f.Status = "TOO_MANY_REQUESTS"
	}
	if last == nil {
		f.Reason = &Error{Status: 503, Type: "no_shard_available_action_exception"}
	}
	return f
}

// query finds documents on a copy: how many match in all, and the first of them.
func (s *Shard) query(req SearchRequest) (total int64, hits []Hit) {
	s.catchUpRefresh(true)
	s.stats.queryTotal++
	s.stats.queryTime += s.Process.c.Calibration.SearchOp
	e := s.Engine()
	want := req.From + req.Size
	if req.Match == nil {
		s.Process.c.Fluid.settle(s.Store)
		total = e.SeenN + e.FluidDocs
		if want == 0 {
			return total, nil
		}
	}
	docs := make([]*store.Doc, 0, len(e.Visible))
	for _, d := range e.Visible {
		if !d.Deleted {
			docs = append(docs, d)
		}
	}
	slices.SortFunc(docs, func(a, b *store.Doc) int { return cmp.Compare(a.SeqNo, b.SeqNo) }) //determinism:allow sort-ties sequence numbers are unique
	if req.Match != nil {
		docs = slices.DeleteFunc(docs, func(d *store.Doc) bool { return !req.Match(d.ID, d.Source) })
		total = int64(len(docs))
	}
	for _, d := range docs[:min(want, len(docs))] {
		hits = append(hits, Hit{
			Index: s.Index, ID: d.ID, Routing: d.Routing, Version: d.Version, SeqNo: d.SeqNo, PrimaryTerm: d.Term, Source: d.Source,
		})
	}
	if len(hits) > 0 {
		s.stats.fetchTotal++
	}
	return total, hits
}

// mergeHits puts the shards' parts together.
func mergeHits(out *SearchResult, req SearchRequest, parts []*shardHits) (SearchResult, error) {
	var all []Hit
	for _, part := range parts {
		out.Shards.Total++
		if part.failed != nil {
			out.Shards.Failed++
			out.Shards.Failures = append(out.Shards.Failures, *part.failed)
			continue
		}
		out.Shards.Successful++
		out.Total += part.total
		all = append(all, part.hits...)
	}
	if out.Shards.Failed > 0 && (out.Shards.Successful == 0 || !req.AllowPartial) {
		reason := "all shards failed"
		if out.Shards.Successful > 0 {
			reason = "Partial shards failure"
		}
		status := 503
		if !slices.ContainsFunc(out.Shards.Failures, func(f ShardFailure) bool { return f.Status != "TOO_MANY_REQUESTS" }) {
			status = 429
		}
		return *out, &Error{Status: status, Type: "search_phase_execution_exception", Reason: reason, Fields: []Field{{Name: "phase", Value: "query"}, {Name: "grouped", Value: true}}, RootCause: []*Error{}}
	}
	if req.From < len(all) {
		out.Hits = all[req.From:min(len(all), req.From+req.Size)]
	}
	return *out, nil
}

// Count is Search without hits.
func (n *Node) Count(ctx context.Context, req SearchRequest) (CountResult, error) {
	req.From, req.Size = 0, 0
	req.AllowPartial = true
	r, err := n.Search(ctx, req)
	return CountResult{Count: r.Total, Shards: r.Shards}, err
}

// Refresh makes everything written visible to searches, on every active copy.
func (n *Node) Refresh(ctx context.Context, indices []string) (ShardsResult, error) {
	return n.broadcast(ctx, "refresh", indices, func(s *Shard) { s.refreshNow() })
}

// Flush commits every copy.
func (n *Node) Flush(ctx context.Context, indices []string) (ShardsResult, error) {
	return n.broadcast(ctx, "flush", indices, func(s *Shard) {
		s.Store.Flush()
		s.Store.Committed = s.now()
		s.stats.flushTotal++
	})
}

// broadcast does something on every copy of the indices (TransportBroadcastReplicationAction):
// copies without a node count in the total only.
func (n *Node) broadcast(ctx context.Context, name string, indices []string, do func(s *Shard)) (ShardsResult, error) {
	return n.broadcastSlow(ctx, name, indices, time.Minute, func(s *Shard, done func(*Error)) {
		do(s)
		done(nil)
	})
}

// broadcastSlow is broadcast of something that takes its time on a copy.
func (n *Node) broadcastSlow(ctx context.Context, name string, indices []string, timeout time.Duration,
	do func(s *Shard, done func(*Error))) (ShardsResult, error) {
	var out ShardsResult
	p := n.Proc
	if p == nil {
		return out, errNodeGone
	}
	err := p.await(ctx, func(done func(error)) {
		var copies []*state.Copy
		var keys []store.Key
		for _, index := range indices {
			meta := p.Applied.Index(index)
			if meta == nil {
				done(IndexNotFound(index))
				return
			}
			for _, t := range p.Applied.Routing.Index(index).Shards {
				for _, c := range t.Copies {
					out.Total++
					if c.Active() {
						copies, keys = append(copies, c), append(keys, store.Key{UUID: meta.UUID, Shard: t.Shard})
					}
				}
			}
		}
		report := gather(len(copies), func() { done(nil) })
		for i, c := range copies {
			p.request(p.node(c.Node), rpc{
				name: name, bytes: 128, timeout: timeout,
				handle: func(q *Process, reply func(int64, func())) {
					answer := func(err *Error) {
						reply(0, func() {
							if err != nil {
								failCopy(&out, c, err)
							} else {
								out.Successful++
							}
							report()
						})
					}
					s := q.shards[keys[i]]
					if s == nil || s.Phase == closed {
						answer(nil)
						return
					}
					do(s, answer)
				},
				failed: func(err error) {
					failCopy(&out, c, &Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()})
					report()
				},
			})
		}
	})
	return out, err
}

// failCopy counts a copy that failed.
func failCopy(out *ShardsResult, c *state.Copy, why *Error) {
	out.Failed++
	out.Failures = append(out.Failures, ShardFailure{
		Index: c.Index, Shard: c.Shard, Node: c.Node, Status: "INTERNAL_SERVER_ERROR", Reason: why,
	})
}

// ClearCaches asks every copy to clear its caches; the model has none, so that it answers at once.
func (n *Node) ClearCaches(ctx context.Context, indices []string) (ShardsResult, error) {
	return n.broadcast(ctx, "clear_cache", indices, func(*Shard) {})
}
