package documents

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/mapping"
	"github.com/shardquake/shardquake/sim/elastic/oncopies"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/search"
)

// writeParams are the parameters that every write has.
type writeParams struct {
	opt                             elastic.BulkOptions
	requireAlias, requireDataStream bool
}

func refreshPolicy(r *rest.Request) elastic.RefreshPolicy {
	v, ok := r.Lookup("refresh")
	switch {
	case !ok, v == "false":
		return elastic.RefreshNone
	case v == "true", v == "":
		return elastic.RefreshImmediate
	case v == "wait_for":
		return elastic.RefreshWaitFor
	}
	rest.Raise(rest.IllegalArgument("Unknown value for refresh: [%s].", v))
	return 0
}

func readWriteParams(r *rest.Request) writeParams {
	p := writeParams{}
	p.opt.Timeout = r.TimeParam("timeout", time.Minute)
	p.opt.Refresh = refreshPolicy(r)
	p.opt.WaitForActiveShards = r.Param("wait_for_active_shards")
	rest.CheckActiveCount(p.opt.WaitForActiveShards)
	return p
}

// checkPipeline reads ?pipeline, which names one that does not exist unless it is _none.
func checkPipeline(r *rest.Request) {
	if p := r.Param("pipeline"); p != "" && p != "_none" {
		rest.Raise(rest.IllegalArgument("pipeline with id [%s] does not exist", p))
	}
}

// readVersioning reads the parameters of optimistic concurrency control into an item.
func readVersioning(r *rest.Request, item *elastic.BulkItem) {
	item.IfSeqNo = r.LongParam("if_seq_no", elastic.UnassignedSeqNo)
	item.IfPrimaryTerm = r.LongParam("if_primary_term", elastic.UnassignedTerm)
	item.Version = elastic.MatchAnyVersion
	if r.Has("version") {
		item.Version = r.LongParam("version", 0)
	}
	var bad *elastic.Error
	item.External, item.OrEqual, bad = versionType(r.Param("version_type"))
	if bad != nil {
		rest.Raise(bad)
	}
	if r.Has("if_seq_no") && item.IfSeqNo < 0 {
		rest.Raise(rest.IllegalArgument("sequence numbers must be non negative. got [%d].", item.IfSeqNo))
	}
}

// versionType reads a version's type: one that counts outside, and whether the same will do.
func versionType(name string) (external, orEqual bool, bad *elastic.Error) {
	switch strings.ToLower(name) {
	case "", "internal":
		return false, false, nil
	case "external", "external_gt":
		return true, false, nil
	case "external_gte":
		return true, true, nil
	}
	return false, false, rest.IllegalArgument("No version type match [%s]", name)
}

// validateItem is DocWriteRequest's validation.
func validateItem(item *elastic.BulkItem) []string {
	var bad []string
	switch {
	case item.Index == "":
		bad = append(bad, "index is missing")
	case item.Op == elastic.OpDelete && item.ID == "":
		bad = append(bad, "id is missing")
	}
	if item.Op == elastic.OpCreate && item.External {
		return append(bad, "create operations only support internal versioning. use index instead")
	}
	if item.Version != elastic.MatchAnyVersion && !item.External {
		bad = append(bad, "internal versioning can not be used for optimistic concurrency control. Please use `if_seq_no` and `if_primary_term` instead")
	}
	if n := len(item.ID); n > 512 {
		bad = append(bad, "id ["+item.ID+"] is too long, must be no longer than 512 bytes but was: "+strconv.Itoa(n))
	}
	switch {
	case item.IfSeqNo != elastic.UnassignedSeqNo && item.IfPrimaryTerm == elastic.UnassignedTerm:
		bad = append(bad, "ifSeqNo is set, but primary term is [0]")
	case item.IfSeqNo == elastic.UnassignedSeqNo && item.IfPrimaryTerm != elastic.UnassignedTerm:
		bad = append(bad, "ifSeqNo is unassigned, but primary term is ["+strconv.FormatInt(item.IfPrimaryTerm, 10)+"]")
	}
	return bad
}

// prepareIndex serves _doc and _create; create forbids an existing document.
func prepareIndex(create bool) func(r *rest.Request) rest.Action {
	return func(r *rest.Request) rest.Action {
		item := elastic.BulkItem{Op: elastic.OpIndex, Index: r.Param("index"), ID: r.Param("id"), Routing: r.Param("routing")}
		checkPipeline(r)
		item.Source = r.Content()
		p := readWriteParams(r)
		readVersioning(r, &item)
		op := r.Param("op_type")
		switch {
		case create:
			if op != "" && !strings.EqualFold(op, "create") {
				rest.Raise(rest.IllegalArgument("opType must be 'create', found: [%s]", op))
			}
			item.Op = elastic.OpCreate
		case strings.EqualFold(op, "create"):
			item.Op = elastic.OpCreate
		case op != "" && !strings.EqualFold(op, "index"):
			rest.Raise(rest.IllegalArgument("opType must be 'create' or 'index', found: [%s]", op))
		}
		p.requireAlias = r.BoolParam("require_alias", false)
		p.requireDataStream = r.BoolParam("require_data_stream", false)
		r.BoolParam("include_source_on_error", true)
		if bad := validateItem(&item); len(bad) > 0 {
			rest.Raise(rest.ValidationFailed(bad...))
		}
		return func(c *rest.Call) *rest.Response { return writeOne(c, item, p) }
	}
}

func prepareDelete(r *rest.Request) rest.Action {
	item := elastic.BulkItem{Op: elastic.OpDelete, Index: r.Param("index"), ID: r.Param("id"), Routing: r.Param("routing")}
	p := readWriteParams(r)
	readVersioning(r, &item)
	if bad := validateItem(&item); len(bad) > 0 {
		rest.Raise(rest.ValidationFailed(bad...))
	}
	return func(c *rest.Call) *rest.Response {
		if st := c.Node.Applied(); st.Index(item.Index) == nil && st.Aliased(item.Index) == nil && st.Master != "" && !item.External {
			rest.Raise(elastic.IndexNotFound(item.Index))
		}
		return writeOne(c, item, p)
	}
}

// writeOne runs a single write, which Elasticsearch treats as a bulk of one.
func writeOne(c *rest.Call, item elastic.BulkItem, p writeParams) *rest.Response {
	p.ready(c, &item)
	if item.Op != elastic.OpDelete {
		doc, bad := checkSource(c, &item)
		if bad != nil {
			rest.Raise(bad)
		}
		if bad := growOne(c, &item, doc); bad != nil {
			rest.Raise(bad)
		}
	}
	return runOne(c, item, p, nil)
}

// ready creates the index that the item needs, and turns an alias or a data stream into the
// index that the write goes to.
func (p *writeParams) ready(c *rest.Call, item *elastic.BulkItem) {
	if bad := p.refused(c, item); bad != nil {
		rest.Raise(bad)
	}
	if item.Op != elastic.OpDelete || item.External {
		if bad := autoCreate(c, []string{item.Index})[item.Index]; bad != nil {
			rest.Raise(bad)
		}
	}
	if bad := p.direct(c, item); bad != nil {
		rest.Raise(bad)
	}
}

// runOne runs a bulk of one item that has been checked, and answers as for a document.
// With source it tells, too, what the document holds then.
func runOne(c *rest.Call, item elastic.BulkItem, p writeParams, source *sourceFilter) *rest.Response {
	result := c.Node.Bulk(c.Ctx, []elastic.BulkItem{item}, p.opt)[0]
	if result.Err != nil {
		if c.Ctx.Err() != nil {
			panic(rest.Gone{Err: c.Ctx.Err()})
		}
		rest.Raise(result.Err)
	}
	w := rest.NewWriter(false)
	w.Obj()
	writeResult(w, &result)
	writeUpdated(w, &result, source)
	w.End()
	return &rest.Response{Status: result.Status, JSON: w.Bytes(), Headers: locationOf(c.Req, &result, item.Routing)}
}

// locationOf is the header that tells where a new document stands.
func locationOf(r *rest.Request, b *elastic.BulkResult, routing string) []elastic.Field {
	if b.Status != 201 || r.Bare {
		return nil
	}
	location := "/" + url.PathEscape(b.Index) + "/_doc/" + url.PathEscape(b.ID)
	if routing != "" {
		location += "?routing=" + url.QueryEscape(routing)
	}
	return []elastic.Field{{Name: "Location", Value: location}}
}

// refused is the refusal of what only an alias or a data stream could satisfy.
func (p *writeParams) refused(c *rest.Call, item *elastic.BulkItem) *elastic.Error {
	st, index := c.Node.Applied(), item.Index
	if p.requireAlias && st.Aliased(index) == nil {
		return &elastic.Error{
			Status: 404, Type: "index_not_found_exception",
			Reason: "no such index [" + index + "] and [require_alias] request flag is [true] and [" + index + "] is not an alias",
			Fields: []elastic.Field{{Name: "index_uuid", Value: "_na_"}, {Name: "index", Value: index}},
		}
	}
	if p.requireDataStream && st.DataStream(index) == nil {
		return &elastic.Error{
			Status: 404, Type: "index_not_found_exception",
			Reason: "no such index [" + index + "] and the index abstraction is not a data stream",
			Fields: []elastic.Field{{Name: "index_uuid", Value: "_na_"}, {Name: "index", Value: index}},
		}
	}
	return nil
}

// direct turns an alias or a data stream into the index that the write goes to.
func (p *writeParams) direct(c *rest.Call, item *elastic.BulkItem) *elastic.Error {
	st := c.Node.Applied()
	if st.DataStream(item.Index) != nil && item.Op == elastic.OpIndex {
		return rest.IllegalArgument("only write ops with an op_type of create are allowed in data streams")
	}
	index, bad := rest.WriteIndex(st, item.Index)
	if bad == nil {
		item.Routing, bad = rest.IndexRouting(st, item.Index, item.Routing)
	}
	item.Index = index
	return bad
}

// writeResult writes DocWriteResponse.
func writeResult(w *rest.Writer, b *elastic.BulkResult) {
	w.Str("_index", b.Index)
	w.Str("_id", b.ID)
	w.Int64("_version", b.Version)
	w.Str("result", b.Result)
	if b.ForcedRefresh {
		w.Bool("forced_refresh", true)
	}
	w.Object("_shards")
	w.Int("total", b.Shards.Total)
	w.Int("successful", b.Shards.Successful)
	w.Int("failed", b.Shards.Failed)
	if len(b.Shards.Failures) > 0 {
		w.Array("failures")
		for i := range b.Shards.Failures {
			f := &b.Shards.Failures[i]
			w.Obj()
			w.Str("_index", f.Index)
			w.Int("_shard", f.Shard)
			w.StrOrNull("_node", f.Node)
			rest.WriteCause(w, f.Reason)
			w.Str("status", f.Status)
			w.Bool("primary", f.Primary)
			w.End()
		}
		w.End()
	}
	w.End()
	if b.SeqNo >= 0 {
		w.Int64("_seq_no", b.SeqNo)
		w.Int64("_primary_term", b.PrimaryTerm)
	}
}

func prepareGet(r *rest.Request) rest.Action {
	index, id := r.Param("index"), r.Param("id")
	routing := r.Param("routing")
	refresh := r.BoolParam("refresh", false)
	r.Param("preference")
	realtime := r.BoolParam("realtime", true)
	if r.Has("fields") {
		rest.Raise(rest.IllegalArgument("the parameter [fields] is no longer supported, please use [stored_fields] to retrieve stored fields or " +
			"[_source] to load the field from _source"))
	}
	stored := storedParam(r)
	version := r.LongParam("version", elastic.MatchAnyVersion)
	if _, _, bad := versionType(r.Param("version_type")); bad != nil {
		rest.Raise(bad)
	}
	r.BoolParam("force_synthetic_source", false)
	source := stored.narrow(sourceParams(r))
	return func(c *rest.Call) *rest.Response {
		got := getDocument(c, index, id, routing, realtime, refresh)
		if got.Found && version != elastic.MatchAnyVersion && got.Version != version {
			rest.Raise(&elastic.Error{
				Status: 409, Type: "version_conflict_engine_exception",
				Reason: "[" + id + "]: version conflict, current version [" + strconv.FormatInt(got.Version, 10) + "] is different than the one provided [" + strconv.FormatInt(version, 10) + "]",
			})
		}
		w := rest.NewWriter(false)
		w.Obj()
		writeGot(c, w, &got, id, source, stored)
		w.End()
		resp := &rest.Response{JSON: w.Bytes()}
		if !got.Found {
			resp.Status = 404
		}
		return resp
	}
}

func getDocument(c *rest.Call, index, id, routing string, realtime, refresh bool) elastic.GetResult {
	st := c.Node.Applied()
	rest.CheckReadable(c, st)
	alias := index
	index, bad := rest.OneIndex(st, index)
	if bad != nil {
		rest.Raise(bad)
	}
	routing, bad = rest.IndexRouting(st, alias, routing)
	if bad != nil {
		rest.Raise(bad)
	}
	if refresh {
		_, err := oncopies.Broadcast(c.Node, c.Ctx, []string{index}, oncopies.Refresh{})
		c.Check(err)
	}
	got, err := search.Get(c.Ctx, c.Node, index, id, routing, realtime)
	c.Check(err)
	if m := st.Index(index); m != nil && !mapping.KeepsSource(m.Mapping) {
		got.Source = nil
	}
	return got
}

func prepareGetSource(r *rest.Request) rest.Action {
	index, id, routing := r.Param("index"), r.Param("id"), r.Param("routing")
	refresh := r.BoolParam("refresh", false)
	r.Param("preference")
	realtime := r.BoolParam("realtime", true)
	source := sourceParams(r)
	return func(c *rest.Call) *rest.Response {
		got := getDocument(c, index, id, routing, realtime, refresh)
		if !got.Found {
			rest.Raise(&elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "Document not found [" + index + "]/[" + id + "]"})
		}
		if got.Source == nil {
			rest.Raise(&elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "Source not found [" + index + "]/[" + id + "]"})
		}
		return &rest.Response{JSON: source.filter(got.Source)}
	}
}

// writeUpdated writes what an update left, where that was asked for.
func writeUpdated(w *rest.Writer, b *elastic.BulkResult, source *sourceFilter) {
	if source == nil || b.Source == nil {
		return
	}
	w.Object("get")
	w.Int64("_seq_no", b.SeqNo)
	w.Int64("_primary_term", b.PrimaryTerm)
	w.Bool("found", true)
	source.write(w, b.Source)
	w.End()
}

// askedSource is what the parameters want to be told of a document, or nil where they want
// nothing.
func askedSource(r *rest.Request) *sourceFilter {
	asked := r.Has("_source") || r.Has("_source_includes") || r.Has("_source_excludes")
	if f := sourceParams(r); asked && !f.off {
		return &f
	}
	return nil
}

// sourceFilter is what _source and its companions select of a document.
type sourceFilter struct {
	off                bool
	includes, excludes []string
}

func sourceParams(r *rest.Request) sourceFilter {
	var f sourceFilter
	switch v, ok := r.Lookup("_source"); {
	case !ok:
	case v == "true", v == "":
	case v == "false":
		f.off = true
	default:
		f.includes = strings.Split(v, ",")
	}
	f.includes = append(f.includes, r.ListParam("_source_includes")...)
	f.excludes = append(f.excludes, r.ListParam("_source_excludes")...)
	return f
}

func (f *sourceFilter) write(w *rest.Writer, source []byte) {
	if f.off || source == nil {
		return
	}
	w.Raw("_source", f.filter(source))
}

func (f *sourceFilter) filter(source []byte) []byte {
	expression := strings.Join(f.includes, ",")
	for _, e := range f.excludes {
		expression += ",-" + e
	}
	if strings.Trim(expression, ",") == "" {
		return source
	}
	out, err := rest.FilterPath(source, expression)
	if err != nil {
		return source // it was valid when it was written
	}
	return out
}
