package documents

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// bulkLine is an action of a bulk body.
type bulkLine struct {
	item   elastic.BulkItem
	update *updateBody
	err    *elastic.Error // refused before it reached a shard
	write  writeParams
	source *sourceFilter // what is told of an updated document; nil: nothing
}

func prepareBulk(r *rest.Request) rest.Action {
	index, routing := r.Param("index"), r.Param("routing")
	checkPipeline(r)
	r.BoolParam("list_executed_pipelines", false)
	p := readWriteParams(r)
	p.requireAlias = r.BoolParam("require_alias", false)
	p.requireDataStream = r.BoolParam("require_data_stream", false)
	r.BoolParam("include_source_on_error", true)
	source := askedSource(r)
	lines := parseBulk(r.Content(), index, routing, p)
	for i := range lines {
		if lines[i].source == nil {
			lines[i].source = source
		}
	}
	var bad []string
	for i := range lines {
		bad = append(bad, validateItem(&lines[i].item)...)
	}
	if len(lines) == 0 {
		bad = append(bad, "no requests added")
	}
	if len(bad) > 0 {
		rest.Raise(rest.ValidationFailed(bad...))
	}
	return func(c *rest.Call) *rest.Response { return runBulk(c, lines, p) }
}

// parseBulk reads the lines of a bulk body (BulkRequestParser).
func parseBulk(body []byte, index, routing string, p writeParams) []bulkLine {
	if body[len(body)-1] != '\n' {
		rest.Raise(rest.IllegalArgument(`The bulk request must be terminated by a newline [\n]`))
	}
	var out []bulkLine
	for line := 1; len(body) > 0; line++ {
		meta, after, _ := bytes.Cut(body, []byte("\n"))
		body = after
		if len(bytes.TrimSpace(meta)) == 0 {
			continue
		}
		b := parseAction(meta, line, index, routing, p)
		if b.item.Op == elastic.OpDelete {
			out = append(out, b)
			continue
		}
		if len(body) == 0 {
			break // an action without its source is left out
		}
		source, after, _ := bytes.Cut(body, []byte("\n"))
		body = after
		line++
		source = bytes.TrimSuffix(source, []byte("\r"))
		if b.item.Op == elastic.OpUpdate {
			v, err := rest.ParseJSON(source)
			if err != nil {
				rest.Raise(elastic.AsError(err))
			}
			b.update = parseUpdate(&v, source)
			if b.update.source != nil {
				b.source = b.update.source
			}
		} else {
			b.item.Source = source
		}
		out = append(out, b)
	}
	return out
}

func parseAction(meta []byte, line int, index, routing string, p writeParams) bulkLine {
	v, err := rest.ParseJSON(meta)
	if err != nil {
		rest.Raise(elastic.AsError(err))
	}
	malformed := func(format string, args ...any) {
		rest.Raise(rest.IllegalArgument("Malformed action/metadata line ["+strconv.Itoa(line)+"], "+format, args...))
	}
	if v.Kind != rest.ObjectValue {
		malformed("expected START_OBJECT but found [%s]", v.TokenName())
	}
	if len(v.Members) == 0 {
		malformed("expected FIELD_NAME but found [END_OBJECT]")
	}
	action := &v.Members[0]
	op := elastic.OpType(action.Name)
	if !slices.Contains([]elastic.OpType{elastic.OpCreate, elastic.OpDelete, elastic.OpIndex, elastic.OpUpdate}, op) {
		malformed("expected field [create], [delete], [index] or [update] but found [%s]", action.Name)
	}
	if action.Value.Kind != rest.ObjectValue {
		malformed("expected START_OBJECT or END_OBJECT but found [%s]", action.Value.TokenName())
	}
	b := bulkLine{write: p, item: elastic.BulkItem{
		Op: op, Index: index, Routing: routing, IfSeqNo: elastic.UnassignedSeqNo, IfPrimaryTerm: elastic.UnassignedTerm,
		Version: elastic.MatchAnyVersion,
	}}
	for i := range action.Value.Members {
		readMeta(&b, &action.Value.Members[i], line)
	}
	if len(v.Members) > 1 {
		rest.Raise(rest.IllegalArgument("Malformed action/metadata line [%d], expected END_OBJECT but found [FIELD_NAME]", line))
	}
	return b
}

// readMeta reads a field of an action's line.
func readMeta(b *bulkLine, m *rest.Member, line int) {
	if m.Name == "_source" {
		b.source = sourceOf(&m.Value)
		return
	}
	switch m.Value.Kind {
	case rest.ArrayValue, rest.ObjectValue:
		rest.Raise(rest.IllegalArgument("Malformed action/metadata line [%d], expected a simple value for field [%s] but found [%s]",
			line, m.Name, m.Value.TokenName()))
	case rest.NullValue:
		return
	}
	number := func() int64 {
		n, err := strconv.ParseInt(m.Value.Text, 10, 64)
		if err != nil {
			rest.Raise(rest.NumberFormat(m.Value.Text))
		}
		return n
	}
	item := &b.item
	switch m.Name {
	case "_index":
		item.Index = m.Value.Text
	case "_id":
		item.ID = m.Value.Text
		if item.ID == "" {
			b.err = rest.IllegalArgument("if _id is specified it must not be empty")
		}
	case "routing":
		item.Routing = m.Value.Text
	case "op_type":
		if m.Value.Text == "create" && item.Op == elastic.OpIndex {
			item.Op = elastic.OpCreate
		}
	case "version":
		item.Version = number()
	case "version_type":
		var bad *elastic.Error
		if item.External, item.OrEqual, bad = versionType(m.Value.Text); bad != nil {
			rest.Raise(bad)
		}
	case "if_seq_no":
		item.IfSeqNo = number()
	case "if_primary_term":
		item.IfPrimaryTerm = number()
	case "retry_on_conflict":
		item.RetryOnConflict = int(number())
	case "require_alias":
		b.write.requireAlias = m.Value.Text == "true"
	case "require_data_stream":
		b.write.requireDataStream = m.Value.Text == "true"
	case "pipeline":
		if m.Value.Text != "_none" {
			b.err = rest.IllegalArgument("pipeline with id [%s] does not exist", m.Value.Text)
		}
	case "dynamic_templates", "list_executed_pipelines":
	default:
		rest.Raise(rest.IllegalArgument("Action/metadata line [%d] contains an unknown parameter [%s]", line, m.Name))
	}
}

// runBulk creates missing indices, runs what is well-formed and answers in order.
func runBulk(c *rest.Call, lines []bulkLine, p writeParams) *rest.Response {
	began := c.Now()
	var names []string
	for i := range lines {
		b := &lines[i]
		b.item.Index = rest.DateMath(b.item.Index, c.Wall())
		if b.err == nil {
			b.err = b.write.refused(c, &b.item)
		}
		if b.err == nil && b.item.Op != elastic.OpDelete {
			names = append(names, lines[i].item.Index)
		}
	}
	uncreated := autoCreate(c, names)
	var items []elastic.BulkItem
	var at []int
	results := make([]elastic.BulkResult, len(lines))
	var fresh []*elastic.BulkItem
	parts := make([][]*elastic.BulkItem, len(lines)) // of updates
	for i := range lines {
		b := &lines[i]
		if b.err == nil {
			b.err = acceptable(c, b, uncreated)
		}
		if b.err == nil && b.update == nil && b.item.Op != elastic.OpDelete {
			fresh = append(fresh, &b.item)
		}
		if b.err == nil && b.update != nil {
			parts[i] = b.update.parts(b.item.Index)
			fresh = append(fresh, parts[i]...)
		}
	}
	misfit := grow(c, fresh)
	for i := range lines {
		b := &lines[i]
		if b.err == nil {
			b.err = misfit[&b.item]
			for _, part := range parts[i] {
				if b.err == nil {
					b.err = misfit[part]
				}
			}
		}
		if b.err != nil {
			results[i] = elastic.BulkResult{Op: b.item.Op, Index: b.item.Index, ID: b.item.ID, Status: b.err.Status, Err: b.err}
			continue
		}
		if b.update != nil {
			b.update.into(&b.item)
		}
		items, at = append(items, b.item), append(at, i)
	}
	if len(items) > 0 {
		for k, r := range c.Node.Bulk(c.Ctx, items, p.opt) {
			results[at[k]] = r
		}
		if err := c.Ctx.Err(); err != nil {
			panic(rest.Gone{Err: err})
		}
	}
	return bulkAnswer(results, lines, (c.Now() - began).Milliseconds())
}

// sourceOf reads "_source" of an update; nil: nothing is to be told.
func sourceOf(v *rest.Value) *sourceFilter {
	q := searchBody{}
	q.parseSource(v)
	if q.source.off {
		return nil
	}
	return &q.source
}

// acceptable says why an item can't go to its shard.
func acceptable(c *rest.Call, b *bulkLine, uncreated map[string]*elastic.Error) *elastic.Error {
	if bad := uncreated[b.item.Index]; bad != nil {
		return bad
	}
	if bad := b.write.direct(c, &b.item); bad != nil {
		return bad
	}
	if st := c.Node.Applied(); b.item.Op == elastic.OpDelete && st.Master != "" && st.Index(b.item.Index) == nil {
		return elastic.IndexNotFound(b.item.Index)
	}
	if b.update == nil && b.item.Op != elastic.OpDelete {
		_, bad := checkSource(c, &b.item)
		return bad
	}
	return nil
}

func bulkAnswer(results []elastic.BulkResult, lines []bulkLine, took int64) *rest.Response {
	failed := slices.ContainsFunc(results, func(r elastic.BulkResult) bool { return r.Err != nil })
	w := rest.NewWriter(false)
	w.Obj()
	w.Bool("errors", failed)
	w.Int64("took", took)
	w.Array("items")
	for i := range results {
		r := &results[i]
		w.Obj()
		w.Object(string(r.Op))
		if r.Err != nil {
			w.Str("_index", r.Index)
			w.StrOrNull("_id", r.ID)
			w.Int("status", r.Status)
			w.Object("error")
			rest.WriteException(w, r.Err, false, true)
			w.End()
		} else {
			writeResult(w, r)
			writeUpdated(w, r, lines[i].source)
			w.Int("status", r.Status)
		}
		w.End()
		w.End()
	}
	w.End()
	w.End()
	return &rest.Response{JSON: w.Bytes()}
}

// updateBody is the body of an update: a partial document, perhaps to be inserted
// when there is none.
type updateBody struct {
	doc, upsert  *rest.Value
	src          []byte
	docAsUpsert  bool
	detectNoop   bool
	upsertSource []byte
	source       *sourceFilter // what is told of the document afterwards; nil: nothing
}

var updateFields = []string{
	"_source", "detect_noop", "doc", "doc_as_upsert", "if_primary_term", "if_seq_no", "script", "scripted_upsert", "upsert",
}

func parseUpdate(v *rest.Value, src []byte) *updateBody {
	if v.Kind != rest.ObjectValue {
		rest.Raise(rest.ContentParse(v.Line, v.Col, "[UpdateRequest] Expected START_OBJECT but was: %s", v.TokenName()))
	}
	u := &updateBody{src: src, detectNoop: true}
	for i := range v.Members {
		m := &v.Members[i]
		switch m.Name {
		case "doc":
			u.doc = &m.Value
		case "upsert":
			u.upsert = &m.Value
			u.upsertSource = src[m.Value.Start:m.Value.End]
		case "doc_as_upsert":
			u.docAsUpsert = m.Value.Text == "true"
		case "detect_noop":
			u.detectNoop = m.Value.Text != "false"
		case "script", "scripted_upsert":
			rest.Raise(rest.NotModelled("scripts"))
		case "_source":
			u.source = sourceOf(&m.Value)
		case "if_seq_no", "if_primary_term":
		default:
			rest.Raise(rest.UnknownField(m, "UpdateRequest", updateFields))
		}
	}
	if u.doc == nil {
		rest.Raise(rest.ValidationFailed("script or doc is missing"))
	}
	return u
}

// parts are what the update may write, as documents of an index.
func (u *updateBody) parts(index string) []*elastic.BulkItem {
	out := []*elastic.BulkItem{{Index: index, Source: u.src[u.doc.Start:u.doc.End]}}
	if u.upsertSource != nil {
		out = append(out, &elastic.BulkItem{Index: index, Source: u.upsertSource})
	}
	return out
}

// into has the item lay the update over the document that is on the primary.
func (u *updateBody) into(item *elastic.BulkItem) {
	docSource := u.src[u.doc.Start:u.doc.End]
	if u.docAsUpsert {
		u.upsertSource = docSource
	}
	item.RequireExisting = u.upsertSource == nil
	item.Update = &elastic.Partial{Doc: docSource, Upsert: u.upsertSource, DetectNoop: u.detectNoop}
}

func prepareUpdate(r *rest.Request) rest.Action {
	item := elastic.BulkItem{Op: elastic.OpUpdate, Index: r.Param("index"), ID: r.Param("id"), Routing: r.Param("routing")}
	p := readWriteParams(r)
	asUpsert := r.BoolParam("doc_as_upsert", false)
	source := askedSource(r)
	item.RetryOnConflict = r.IntParam("retry_on_conflict", 0)
	if r.Has("version") || r.Has("version_type") {
		rest.Raise(rest.ValidationFailed("internal versioning can not be used for optimistic concurrency control. " +
			"Please use `if_seq_no` and `if_primary_term` instead"))
	}
	readVersioning(r, &item)
	p.requireAlias = r.BoolParam("require_alias", false)
	r.BoolParam("include_source_on_error", true)
	if len(r.Body) == 0 {
		rest.Raise(rest.ValidationFailed("script or doc is missing"))
	}
	body := r.JSON()
	u := parseUpdate(&body, r.Body)
	u.docAsUpsert = u.docAsUpsert || asUpsert
	if u.source == nil {
		u.source = source
	}
	if bad := validateItem(&item); len(bad) > 0 {
		rest.Raise(rest.ValidationFailed(bad...))
	}
	return func(c *rest.Call) *rest.Response {
		u.into(&item)
		return writeUpdate(c, item, p, u)
	}
}

func writeUpdate(c *rest.Call, item elastic.BulkItem, p writeParams, u *updateBody) *rest.Response {
	p.ready(c, &item)
	parts := u.parts(item.Index)
	misfit := grow(c, parts)
	for _, part := range parts {
		if bad := misfit[part]; bad != nil {
			rest.Raise(bad)
		}
	}
	return runOne(c, item, p, u.source)
}
