package restapi

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
)

// writeParams are the parameters that every write has.
type writeParams struct {
	opt elastic.BulkOptions
	// requireAlias and requireDataStream can never hold: there are neither.
	requireAlias, requireDataStream bool
}

func refreshPolicy(r *request) elastic.RefreshPolicy {
	v, ok := r.lookup("refresh")
	switch {
	case !ok, v == "false":
		return elastic.RefreshNone
	case v == "true", v == "":
		return elastic.RefreshImmediate
	case v == "wait_for":
		return elastic.RefreshWaitFor
	}
	raise(illegalArgument("Unknown value for refresh: [%s].", v))
	return 0
}

func readWriteParams(r *request) writeParams {
	p := writeParams{}
	p.opt.Timeout = r.timeParam("timeout", time.Minute)
	p.opt.Refresh = refreshPolicy(r)
	p.opt.WaitForActiveShards = r.param("wait_for_active_shards")
	checkActiveCount(p.opt.WaitForActiveShards)
	return p
}

// checkPipeline reads ?pipeline, which names one that does not exist unless it is _none.
func checkPipeline(r *request) {
	if p := r.param("pipeline"); p != "" && p != "_none" {
		raise(illegalArgument("pipeline with id [%s] does not exist", p))
	}
}

// readVersioning reads the parameters of optimistic concurrency control into an item.
func readVersioning(r *request, item *elastic.BulkItem) {
	item.IfSeqNo = r.longParam("if_seq_no", elastic.UnassignedSeqNo)
	item.IfPrimaryTerm = r.longParam("if_primary_term", elastic.UnassignedTerm)
	item.Version = elastic.MatchAnyVersion
	if r.has("version") {
		item.Version = r.longParam("version", 0)
	}
	external, bad := versionType(r.param("version_type"))
	if bad != nil {
		raise(bad)
	}
	item.External = external
	if r.has("if_seq_no") && item.IfSeqNo < 0 {
		raise(illegalArgument("sequence numbers must be non negative. got [%d].", item.IfSeqNo))
	}
}

func versionType(name string) (external bool, bad *elastic.Error) {
	switch strings.ToLower(name) {
	case "", "internal":
		return false, nil
	case "external", "external_gt":
		return true, nil
	case "external_gte":
		return false, notModelled("version_type [external_gte]")
	}
	return false, illegalArgument("No version type match [%s]", name)
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
func prepareIndex(create bool) func(r *request) action {
	return func(r *request) action {
		item := elastic.BulkItem{Op: elastic.OpIndex, Index: r.param("index"), ID: r.param("id"), Routing: r.param("routing")}
		checkPipeline(r)
		item.Source = r.content()
		p := readWriteParams(r)
		readVersioning(r, &item)
		op := r.param("op_type")
		switch {
		case create:
			if op != "" && !strings.EqualFold(op, "create") {
				raise(illegalArgument("opType must be 'create', found: [%s]", op))
			}
			item.Op = elastic.OpCreate
		case strings.EqualFold(op, "create"):
			item.Op = elastic.OpCreate
		case op != "" && !strings.EqualFold(op, "index"):
			raise(illegalArgument("opType must be 'create' or 'index', found: [%s]", op))
		}
		p.requireAlias = r.boolParam("require_alias", false)
		p.requireDataStream = r.boolParam("require_data_stream", false)
		r.boolParam("include_source_on_error", true)
		if bad := validateItem(&item); len(bad) > 0 {
			raise(validationFailed(bad...))
		}
		return func(c *call) *response { return writeOne(c, item, p) }
	}
}

func prepareDelete(r *request) action {
	item := elastic.BulkItem{Op: elastic.OpDelete, Index: r.param("index"), ID: r.param("id"), Routing: r.param("routing")}
	p := readWriteParams(r)
	readVersioning(r, &item)
	if bad := validateItem(&item); len(bad) > 0 {
		raise(validationFailed(bad...))
	}
	return func(c *call) *response {
		if st := c.node.Applied(); st.Index(item.Index) == nil && st.Master != "" && !item.External {
			raise(elastic.IndexNotFound(item.Index))
		}
		return writeOne(c, item, p)
	}
}

// writeOne runs a single write, which Elasticsearch treats as a bulk of one.
func writeOne(c *call, item elastic.BulkItem, p writeParams) *response {
	if bad := p.check(item.Index); bad != nil {
		raise(bad)
	}
	if item.Op != elastic.OpDelete {
		if bad := checkSource(c, &item); bad != nil {
			raise(bad)
		}
	}
	return runOne(c, item, p)
}

// runOne runs a bulk of one item that has been checked, and answers as for a document.
func runOne(c *call, item elastic.BulkItem, p writeParams) *response {
	if bad := autoCreate(c, []string{item.Index})[item.Index]; bad != nil {
		raise(bad)
	}
	result := c.node.Bulk(c.ctx, []elastic.BulkItem{item}, p.opt)[0]
	if result.Err != nil {
		if c.ctx.Err() != nil {
			panic(gone{c.ctx.Err()})
		}
		raise(result.Err)
	}
	w := newJSON(false)
	w.obj()
	writeResult(w, &result)
	w.end()
	return &response{status: result.Status, json: w.bytes(), headers: locationOf(&result, item.Routing)}
}

// locationOf is the header that tells where a new document stands.
func locationOf(b *elastic.BulkResult, routing string) []elastic.Field {
	if b.Status != 201 {
		return nil
	}
	location := "/" + url.PathEscape(b.Index) + "/_doc/" + url.PathEscape(b.ID)
	if routing != "" {
		location += "?routing=" + url.QueryEscape(routing)
	}
	return []elastic.Field{{Name: "Location", Value: location}}
}

// check refuses what only an alias or a data stream could satisfy.
func (p *writeParams) check(index string) *elastic.Error {
	if p.requireAlias {
		return &elastic.Error{
			Status: 404, Type: "index_not_found_exception",
			Reason: "no such index [" + index + "] and [require_alias] request flag is [true] and [" + index + "] is not an alias",
			Fields: []elastic.Field{{Name: "index_uuid", Value: "_na_"}, {Name: "index", Value: index}},
		}
	}
	if p.requireDataStream {
		return &elastic.Error{
			Status: 404, Type: "index_not_found_exception",
			Reason: "no such index [" + index + "] and the index abstraction is not a data stream",
			Fields: []elastic.Field{{Name: "index_uuid", Value: "_na_"}, {Name: "index", Value: index}},
		}
	}
	return nil
}

// writeResult writes DocWriteResponse.
func writeResult(w *jsonWriter, b *elastic.BulkResult) {
	w.str("_index", b.Index)
	w.str("_id", b.ID)
	w.int64("_version", b.Version)
	w.str("result", b.Result)
	if b.ForcedRefresh {
		w.bool("forced_refresh", true)
	}
	w.object("_shards")
	w.int("total", b.Shards.Total)
	w.int("successful", b.Shards.Successful)
	w.int("failed", b.Shards.Failed)
	if len(b.Shards.Failures) > 0 {
		w.array("failures")
		for i := range b.Shards.Failures {
			f := &b.Shards.Failures[i]
			w.obj()
			w.str("_index", f.Index)
			w.int("_shard", f.Shard)
			w.strOrNull("_node", f.Node)
			writeCause(w, f.Reason)
			w.str("status", f.Status)
			w.bool("primary", f.Primary)
			w.end()
		}
		w.end()
	}
	w.end()
	if b.SeqNo >= 0 {
		w.int64("_seq_no", b.SeqNo)
		w.int64("_primary_term", b.PrimaryTerm)
	}
}

func prepareGet(r *request) action {
	index, id := r.param("index"), r.param("id")
	routing := r.param("routing")
	refresh := r.boolParam("refresh", false)
	r.param("preference")
	realtime := r.boolParam("realtime", true)
	if r.has("fields") {
		raise(illegalArgument("the parameter [fields] is no longer supported, please use [stored_fields] to retrieve stored fields or " +
			"[_source] to load the field from _source"))
	}
	if r.has("stored_fields") {
		raise(notModelled("stored_fields"))
	}
	version := r.longParam("version", elastic.MatchAnyVersion)
	if _, bad := versionType(r.param("version_type")); bad != nil {
		raise(bad)
	}
	r.boolParam("force_synthetic_source", false)
	source := sourceParams(r)
	return func(c *call) *response {
		got := getDocument(c, index, id, routing, realtime, refresh)
		if got.Found && version != elastic.MatchAnyVersion && got.Version != version {
			raise(&elastic.Error{
				Status: 409, Type: "version_conflict_engine_exception",
				Reason: "[" + id + "]: version conflict, current version [" + strconv.FormatInt(got.Version, 10) + "] is different than the one provided [" + strconv.FormatInt(version, 10) + "]",
			})
		}
		w := newJSON(false)
		w.obj()
		w.str("_index", index)
		w.str("_id", id)
		if got.Found {
			w.int64("_version", got.Version)
			w.int64("_seq_no", got.SeqNo)
			w.int64("_primary_term", got.PrimaryTerm)
			if got.Routing != "" {
				w.str("_routing", got.Routing)
			}
		}
		w.bool("found", got.Found)
		if got.Found {
			source.write(w, got.Source)
		}
		w.end()
		resp := &response{json: w.bytes()}
		if !got.Found {
			resp.status = 404
		}
		return resp
	}
}

func getDocument(c *call, index, id, routing string, realtime, refresh bool) elastic.GetResult {
	st := c.node.Applied()
	checkReadable(c, st)
	if st.Index(index) == nil {
		raise(elastic.IndexNotFound(index))
	}
	if refresh {
		_, err := c.node.Refresh(c.ctx, []string{index})
		c.check(err)
	}
	got, err := c.node.Get(c.ctx, index, id, routing, realtime)
	c.check(err)
	return got
}

func prepareGetSource(r *request) action {
	index, id, routing := r.param("index"), r.param("id"), r.param("routing")
	refresh := r.boolParam("refresh", false)
	r.param("preference")
	realtime := r.boolParam("realtime", true)
	source := sourceParams(r)
	return func(c *call) *response {
		got := getDocument(c, index, id, routing, realtime, refresh)
		if !got.Found {
			raise(&elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "Document not found [" + index + "]/[" + id + "]"})
		}
		return &response{json: source.filter(got.Source)}
	}
}

// sourceFilter is what _source and its companions select of a document.
type sourceFilter struct {
	off                bool
	includes, excludes []string
}

func sourceParams(r *request) sourceFilter {
	var f sourceFilter
	switch v, ok := r.lookup("_source"); {
	case !ok:
	case v == "true", v == "":
	case v == "false":
		f.off = true
	default:
		f.includes = strings.Split(v, ",")
	}
	f.includes = append(f.includes, r.listParam("_source_includes")...)
	f.excludes = append(f.excludes, r.listParam("_source_excludes")...)
	return f
}

func (f *sourceFilter) write(w *jsonWriter, source []byte) {
	if f.off || source == nil {
		return
	}
	w.raw("_source", f.filter(source))
}

func (f *sourceFilter) filter(source []byte) []byte {
	expression := strings.Join(f.includes, ",")
	for _, e := range f.excludes {
		expression += ",-" + e
	}
	if strings.Trim(expression, ",") == "" {
		return source
	}
	out, err := filterPath(source, expression)
	if err != nil {
		return source // it was valid when it was written
	}
	return out
}
