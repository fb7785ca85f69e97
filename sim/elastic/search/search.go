package search

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Get reads a document by id; realtime sees writes that no refresh has made visible yet.
func Get(ctx context.Context, n *elastic.Node, index, id, routing string, realtime bool) (elastic.GetResult, error) {
	out := elastic.GetResult{Index: index, ID: id}
	p := n.Proc
	if p == nil {
		return out, elastic.ErrNodeGone
	}
	err := p.Await(ctx, func(done func(error)) {
		meta := p.Applied.Index(index)
		if meta == nil {
			done(elastic.IndexNotFound(index))
			return
		}
		if err, _ := indexmeta.GlobalBlock(p.Applied, "read"); err != nil {
			done(err)
			return
		}
		if err := indexmeta.IndexBlock(p.Applied, index, "read"); err != nil {
			done(err)
			return
		}
		num := indexmeta.ShardFor(meta, id, routing)
		t := p.Applied.Routing.Index(index).Shards[num]
		ask := &readCopy[*store.Doc]{getDoc{id, realtime}, store.Key{UUID: meta.UUID, Shard: num}}
		visit := &copyVisit[*store.Doc]{p: p, ask: ask, copies: order(p, t, "")}
		visit.answered = func(d *store.Doc) {
			if d != nil {
				out.Found, out.Source, out.Routing = true, d.Source, d.Routing
				out.Version, out.SeqNo, out.PrimaryTerm = d.Version, d.SeqNo, d.Term
			}
			done(nil)
		}
		visit.none = func(last *elastic.Error) { done(noShardAvailable(index, num, last)) }
		visit.next()
	})
	return out, err
}

func noShardAvailable(index string, shard int, last *elastic.Error) *elastic.Error {
	e := &elastic.Error{Status: 503, Type: "no_shard_available_action_exception", Reason: "No shard available for [get [" + index + "]]", CausedBy: last}
	e.Fields = []elastic.Field{{Name: "shard", Value: shard}, {Name: "index", Value: index}}
	return e
}

// order is in which order the active copies of a shard are asked.
func order(p *elastic.Process, t *state.ShardTable, preference string) []*state.Copy {
	var out []*state.Copy
	for _, c := range t.Copies {
		if c.Active() {
			out = append(out, c)
		}
	}
	local := slices.IndexFunc(out, func(c *state.Copy) bool { return p.Self(c.Node) })
	switch preference {
	case "":
		if len(out) > 1 {
			k := p.Cluster.Engine().Stream("elastic.copy", p.Node.Name()).IntN(len(out))
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
			return onNodes(p, out, nodes)
		}
		if nodes, ok := strings.CutPrefix(preference, "_prefer_nodes:"); ok {
			preferred := onNodes(p, out, nodes)
			return append(preferred, slices.DeleteFunc(out, func(c *state.Copy) bool { return slices.Contains(preferred, c) })...)
		}
		// The same text asks the same copy.
		if len(out) > 1 {
			k := indexmeta.FloorMod(int(indexmeta.RoutingHash(preference)), len(out))
			out = append(out[k:len(out):len(out)], out[:k]...)
		}
	}
	return out
}

// shardHits is one shard's part of a search.
type shardHits struct {
	total int64
	hits  []elastic.Hit
}

// shardPart is one shard's part of a search, or its failure.
type shardPart struct {
	shardHits
	failed *elastic.ShardFailure
}

// Search queries a copy of every shard.
func Search(ctx context.Context, n *elastic.Node, req elastic.SearchRequest) (elastic.SearchResult, error) {
	var out elastic.SearchResult
	p := n.Proc
	if p == nil {
		return out, elastic.ErrNodeGone
	}
	begun := p.Cluster.Now()
	p.Pools.Coordinate(1)
	var parts []shardPart
	err := p.Await(ctx, func(done func(error)) {
		var visits []*copyVisit[shardHits]
		for _, index := range req.Indices {
			meta := p.Applied.Index(index)
			if meta == nil {
				done(elastic.IndexNotFound(index))
				return
			}
			if err := indexmeta.IndexBlock(p.Applied, index, "read"); err != nil {
				done(err)
				return
			}
			visits = append(visits, searchVisits(p, meta, &req)...)
		}
		if err, _ := indexmeta.GlobalBlock(p.Applied, "read"); err != nil {
			done(err)
			return
		}
		parts = make([]shardPart, len(visits))
		report := elastic.Gather(len(visits), func() { done(nil) })
		for i, v := range visits {
			part := &parts[i]
			v.answered = func(found shardHits) { part.shardHits = found; report() }
			v.none = func(last *elastic.Error) { part.failed = v.failure(last); report() }
			v.next()
		}
	})
	if err != nil {
		return out, err
	}
	out.Took = p.Cluster.Now() - begun
	return mergeHits(&out, req, parts)
}

// searchVisits prepares the queries of an index's shards.
func searchVisits(p *elastic.Process, meta *state.Index, req *elastic.SearchRequest) []*copyVisit[shardHits] {
	var visits []*copyVisit[shardHits]
	only, preference := splitPreference(req.Preference)
	routed, narrowed := req.Only[meta.Name]
	for _, t := range p.Applied.Routing.Index(meta.Name).Shards {
		if only != nil && !slices.Contains(only, t.Shard) || narrowed && !slices.Contains(routed, t.Shard) {
			continue
		}
		ask := &readCopy[shardHits]{queryCopy{req}, store.Key{UUID: meta.UUID, Shard: t.Shard}}
		visits = append(visits, &copyVisit[shardHits]{p: p, ask: ask, copies: order(p, t, preference), from: t.Primary()})
	}
	return visits
}

// query finds documents on a copy: how many match in all, and the first of them.
func query(s *elastic.Shard, req *elastic.SearchRequest) (total int64, hits []elastic.Hit) {
	s.CatchUpRefresh(true)
	s.Counters.QueryTotal++
	s.Counters.QueryTime += s.Process.Cluster.Calibration.SearchOp
	defer func() { countGroups(s, req.Groups, len(hits) > 0) }()
	if req.Aggregations != nil {
		countAggregations(s, req.Aggregations[s.Index])
	}
	e, match := s.Engine(), req.Selects(s.Index)
	want := req.From + req.Size
	if match == nil {
		s.Store.Settle()
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
	if req.Loads != nil {
		bringIn(s, docs, req.Loads)
	}
	if match != nil {
		docs = slices.DeleteFunc(docs, func(d *store.Doc) bool { return !match.Selects(s.Index, d.ID, d.Routing, d.Source) })
		total = int64(len(docs))
	}
	for _, d := range docs[:min(want, len(docs))] {
		hits = append(hits, elastic.Hit{
			Index: s.Index, ID: d.ID, Routing: d.Routing, Version: d.Version, SeqNo: d.SeqNo, PrimaryTerm: d.Term, Source: d.Source,
		})
	}
	if len(hits) > 0 {
		s.Counters.FetchTotal++
	}
	return total, hits
}

// countGroups counts a search of the copy in the groups that it names.
func countGroups(s *elastic.Shard, names []string, fetched bool) {
	for _, name := range names {
		if s.Counters.Groups == nil {
			s.Counters.Groups = map[string]elastic.SearchGroup{}
		}
		g := s.Counters.Groups[name]
		g.QueryTotal++
		g.QueryTime += s.Process.Cluster.Calibration.SearchOp
		if fetched {
			g.FetchTotal++
		}
		s.Counters.Groups[name] = g
	}
}

// Aggregated is how often a node's process has computed aggregations, by "terms/keyword".
type Aggregated struct{ Times map[string]int64 }

// AggregatedOn is what a process has computed.
func AggregatedOn(p *elastic.Process) *Aggregated { return elastic.Kept[Aggregated](p, "aggregations") }

// countAggregations counts those that are computed of a copy.
func countAggregations(s *elastic.Shard, names []string) {
	on := AggregatedOn(s.Process)
	if on.Times == nil && len(names) > 0 {
		on.Times = map[string]int64{}
	}
	for _, name := range names {
		on.Times[name]++
	}
}

// bringIn brings into memory what the search needs of all the copy's documents.
func bringIn(s *elastic.Shard, docs []*store.Doc, loading elastic.Loading) {
	sources := make([][]byte, len(docs))
	for i, d := range docs {
		sources[i] = d.Source
	}
	loaded := loading.Bytes(s.Index, sources)
	if s.Counters.Fielddata == nil && len(loaded) > 0 {
		s.Counters.Fielddata = map[string]int64{}
	}
	maps.Copy(s.Counters.Fielddata, loaded)
}

// mergeHits puts the shards' parts together.
func mergeHits(out *elastic.SearchResult, req elastic.SearchRequest, parts []shardPart) (elastic.SearchResult, error) {
	var all []elastic.Hit
	for i := range parts {
		part := &parts[i]
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
		if !slices.ContainsFunc(out.Shards.Failures, func(f elastic.ShardFailure) bool { return f.Status != "TOO_MANY_REQUESTS" }) {
			status = 429
		}
		return *out, &elastic.Error{Status: status, Type: "search_phase_execution_exception", Reason: reason, Fields: []elastic.Field{{Name: "phase", Value: "query"}, {Name: "grouped", Value: true}}, RootCause: []*elastic.Error{}}
	}
	if req.From < len(all) {
		out.Hits = all[req.From:min(len(all), req.From+req.Size)]
	}
	return *out, nil
}

// Count is Search without hits.
func Count(ctx context.Context, n *elastic.Node, req elastic.SearchRequest) (elastic.CountResult, error) {
	req.From, req.Size = 0, 0
	req.AllowPartial = true
	r, err := Search(ctx, n, req)
	return elastic.CountResult{Count: r.Total, Shards: r.Shards}, err
}
