package restapi

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
)

// bulkLine is an action of a bulk body.
type bulkLine struct {
	item   elastic.BulkItem
	update *updateBody
	err    *elastic.Error // refused before it reached a shard
	write  writeParams
}

func prepareBulk(r *request) action {
	index, routing := r.param("index"), r.param("routing")
	checkPipeline(r)
	r.boolParam("list_executed_pipelines", false)
	p := readWriteParams(r)
	p.requireAlias = r.boolParam("require_alias", false)
	p.requireDataStream = r.boolParam("require_data_stream", false)
	r.boolParam("include_source_on_error", true)
	sourceParams(r)
	lines := parseBulk(r.content(), index, routing, p)
	var bad []string
	for i := range lines {
		bad = append(bad, validateItem(&lines[i].item)...)
	}
	if len(lines) == 0 {
		bad = append(bad, "no requests added")
	}
	if len(bad) > 0 {
		raise(validationFailed(bad...))
	}
	return func(c *call) *response { return runBulk(c, lines, p) }
}

// parseBulk reads the lines of a bulk body (BulkRequestParser).
func parseBulk(body []byte, index, routing string, p writeParams) []bulkLine {
	if body[len(body)-1] != '\n' {
		raise(illegalArgument(`The bulk request must be terminated by a newline [\n]`))
	}
	var out []bulkLine
	for line := 1; len(body) > 0; line++ {
		meta, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		if len(bytes.TrimSpace(meta)) == 0 {
			continue
		}
		b := parseAction(meta, line, index, routing)
		b.write = p
		if b.item.Op == elastic.OpDelete {
			out = append(out, b)
			continue
		}
		if len(body) == 0 {
			break // an action without its source is left out
		}
		source, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		line++
		source = bytes.TrimSuffix(source, []byte("\r"))
		if b.item.Op == elastic.OpUpdate {
			v, err := parseJSON(source)
			if err != nil {
				raise(elastic.AsError(err))
			}
			b.update = parseUpdate(&v, source)
		} else {
			b.item.Source = source
		}
		out = append(out, b)
	}
	return out
}

func parseAction(meta []byte, line int, index, routing string) bulkLine {
	v, err := parseJSON(meta)
	if err != nil {
		raise(elastic.AsError(err))
	}
	malformed := func(format string, args ...any) {
		raise(illegalArgument("Malformed action/metadata line ["+strconv.Itoa(line)+"], "+format, args...))
	}
	if v.kind != objectValue {
		malformed("expected START_OBJECT but found [%s]", v.tokenName())
	}
	if len(v.members) == 0 {
		malformed("expected FIELD_NAME but found [END_OBJECT]")
	}
	action := &v.members[0]
	op := elastic.OpType(action.name)
	if !slices.Contains([]elastic.OpType{elastic.OpCreate, elastic.OpDelete, elastic.OpIndex, elastic.OpUpdate}, op) {
		malformed("expected field [create], [delete], [index] or [update] but found [%s]", action.name)
	}
	if action.value.kind != objectValue {
		malformed("expected START_OBJECT or END_OBJECT but found [%s]", action.value.tokenName())
	}
	b := bulkLine{item: elastic.BulkItem{
		Op: op, Index: index, Routing: routing, IfSeqNo: elastic.UnassignedSeqNo, IfPrimaryTerm: elastic.UnassignedTerm,
		Version: elastic.MatchAnyVersion,
	}}
	for i := range action.value.members {
		readMeta(&b, &action.value.members[i], line)
	}
	if len(v.members) > 1 {
		raise(illegalArgument("Malformed action/metadata line [%d], expected END_OBJECT but found [FIELD_NAME]", line))
	}
	return b
}

// readMeta reads a field of an action's line.
func readMeta(b *bulkLine, m *jsonMember, line int) {
	switch m.value.kind {
	case arrayValue, objectValue:
		raise(illegalArgument("Malformed action/metadata line [%d], expected a simple value for field [%s] but found [%s]",
			line, m.name, m.value.tokenName()))
	case nullValue:
		return
	}
	number := func() int64 {
		n, err := strconv.ParseInt(m.value.text, 10, 64)
		if err != nil {
			raise(numberFormat(m.value.text))
		}
		return n
	}
	item := &b.item
	switch m.name {
	case "_index":
		item.Index = m.value.text
	case "_id":
		item.ID = m.value.text
		if item.ID == "" {
			b.err = illegalArgument("if _id is specified it must not be empty")
		}
	case "routing":
		item.Routing = m.value.text
	case "op_type":
		if m.value.text == "create" && item.Op == elastic.OpIndex {
			item.Op = elastic.OpCreate
		}
	case "version":
		item.Version = number()
	case "version_type":
		external, bad := versionType(m.value.text)
		if bad != nil {
			raise(bad)
		}
		item.External = external
	case "if_seq_no":
		item.IfSeqNo = number()
	case "if_primary_term":
		item.IfPrimaryTerm = number()
	case "retry_on_conflict":
		item.RetryOnConflict = int(number())
	case "require_alias":
		b.write.requireAlias = m.value.text == "true"
	case "require_data_stream":
		b.write.requireDataStream = m.value.text == "true"
	case "pipeline":
		if m.value.text != "_none" {
			b.err = illegalArgument("pipeline with id [%s] does not exist", m.value.text)
		}
	case "dynamic_templates", "list_executed_pipelines", "_source":
	default:
		raise(illegalArgument("Action/metadata line [%d] contains an unknown parameter [%s]", line, m.name))
	}
}

// runBulk creates missing indices, runs what is well-formed and answers in order.
func runBulk(c *call, lines []bulkLine, p writeParams) *response {
	began := c.now()
	var names []string
	for i := range lines {
		if lines[i].err == nil && lines[i].item.Op != elastic.OpDelete {
			names = append(names, lines[i].item.Index)
		}
	}
	uncreated := autoCreate(c, names)
	var items []elastic.BulkItem
	var at []int
	results := make([]elastic.BulkResult, len(lines))
	for i := range lines {
		b := &lines[i]
		if b.err == nil {
			b.err = acceptable(c, b, uncreated)
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
		for k, r := range c.node.Bulk(c.ctx, items, p.opt) {
			results[at[k]] = r
		}
		if err := c.ctx.Err(); err != nil {
			panic(gone{err})
		}
	}
	return bulkAnswer(results, (c.now() - began).Milliseconds())
}

// acceptable says why an item can't go to its shard.
func acceptable(c *call, b *bulkLine, uncreated map[string]*elastic.Error) *elastic.Error {
	if bad := b.write.check(b.item.Index); bad != nil {
		return bad
	}
	if bad := uncreated[b.item.Index]; bad != nil {
		return bad
	}
	if st := c.node.Applied(); b.item.Op == elastic.OpDelete && st.Master != "" && st.Index(b.item.Index) == nil {
		return elastic.IndexNotFound(b.item.Index)
	}
	if b.update == nil && b.item.Op != elastic.OpDelete {
		return checkSource(c, &b.item)
	}
	return nil
}

func bulkAnswer(results []elastic.BulkResult, took int64) *response {
	failed := slices.ContainsFunc(results, func(r elastic.BulkResult) bool { return r.Err != nil })
	w := newJSON(false)
	w.obj()
	w.bool("errors", failed)
	w.int64("took", took)
	w.array("items")
	for i := range results {
		r := &results[i]
		w.obj()
		w.object(string(r.Op))
		if r.Err != nil {
			w.str("_index", r.Index)
			w.strOrNull("_id", r.ID)
			w.int("status", r.Status)
			w.object("error")
			writeException(w, r.Err, false, true)
			w.end()
		} else {
			writeResult(w, r)
			w.int("status", r.Status)
		}
		w.end()
		w.end()
	}
	w.end()
	w.end()
	return &response{json: w.bytes()}
}

// updateBody is the body of an update: a partial document, perhaps to be inserted
// when there is none.
type updateBody struct {
	doc, upsert  *jsonValue
	src          []byte
	docAsUpsert  bool
	detectNoop   bool
	upsertSource []byte
}

var updateFields = []string{
	"_source", "detect_noop", "doc", "doc_as_upsert", "if_primary_term", "if_seq_no", "script", "scripted_upsert", "upsert",
}

func parseUpdate(v *jsonValue, src []byte) *updateBody {
	if v.kind != objectValue {
		raise(contentParse(v.line, v.col, "[UpdateRequest] Expected START_OBJECT but was: %s", v.tokenName()))
	}
	u := &updateBody{src: src, detectNoop: true}
	for i := range v.members {
		m := &v.members[i]
		switch m.name {
		case "doc":
			u.doc = &m.value
		case "upsert":
			u.upsert = &m.value
			u.upsertSource = src[m.value.start:m.value.end]
		case "doc_as_upsert":
			u.docAsUpsert = m.value.text == "true"
		case "detect_noop":
			u.detectNoop = m.value.text != "false"
		case "script", "scripted_upsert":
			raise(notModelled("scripts"))
		case "_source", "if_seq_no", "if_primary_term":
		default:
			raise(unknownField(m, "UpdateRequest", updateFields))
		}
	}
	if u.doc == nil {
		raise(validationFailed("script or doc is missing"))
	}
	return u
}

// into makes the item compute its new source on the primary.
func (u *updateBody) into(item *elastic.BulkItem) {
	docSource := u.src[u.doc.start:u.doc.end]
	if u.docAsUpsert {
		u.upsertSource = docSource
	}
	item.RequireExisting = u.upsertSource == nil
	item.Update = func(old []byte) ([]byte, bool, error) {
		if old == nil {
			return u.upsertSource, false, nil
		}
		was, err := parseJSON(old)
		if err != nil {
			return nil, false, err
		}
		w := newJSON(false)
		changed := mergeObjects(w, &was, old, u.doc, u.src)
		return w.bytes(), u.detectNoop && !changed, nil
	}
}

// mergeObjects writes the old object with the new one laid over it
// (XContentHelper.update) and reports whether they differ.
func mergeObjects(w *jsonWriter, old *jsonValue, oldSrc []byte, doc *jsonValue, docSrc []byte) (changed bool) {
	w.begin('{', '}')
	for i := range old.members {
		m := &old.members[i]
		over := doc.member(m.name)
		w.key(m.name)
		switch {
		case over == nil:
			w.buf = append(w.buf, oldSrc[m.value.start:m.value.end]...)
		case over.kind == objectValue && m.value.kind == objectValue:
			changed = mergeObjects(w, &m.value, oldSrc, over, docSrc) || changed
		default:
			before, after := oldSrc[m.value.start:m.value.end], docSrc[over.start:over.end]
			changed = changed || !bytes.Equal(before, after)
			w.buf = append(w.buf, after...)
		}
	}
	for i := range doc.members {
		m := &doc.members[i]
		if old.member(m.name) == nil {
			w.key(m.name)
			w.buf = append(w.buf, docSrc[m.value.start:m.value.end]...)
			changed = true
		}
	}
	w.end()
	return changed
}

func prepareUpdate(r *request) action {
	item := elastic.BulkItem{Op: elastic.OpUpdate, Index: r.param("index"), ID: r.param("id"), Routing: r.param("routing")}
	p := readWriteParams(r)
	asUpsert := r.boolParam("doc_as_upsert", false)
	sourceParams(r)
	item.RetryOnConflict = r.intParam("retry_on_conflict", 0)
	if r.has("version") || r.has("version_type") {
		raise(validationFailed("internal versioning can not be used for optimistic concurrency control. " +
			"Please use `if_seq_no` and `if_primary_term` instead"))
	}
	readVersioning(r, &item)
	p.requireAlias = r.boolParam("require_alias", false)
	r.boolParam("include_source_on_error", true)
	body := r.json()
	u := parseUpdate(&body, r.body)
	u.docAsUpsert = u.docAsUpsert || asUpsert
	if bad := validateItem(&item); len(bad) > 0 {
		raise(validationFailed(bad...))
	}
	return func(c *call) *response {
		u.into(&item)
		return writeUpdate(c, item, p)
	}
}

func writeUpdate(c *call, item elastic.BulkItem, p writeParams) *response {
	if bad := p.check(item.Index); bad != nil {
		raise(bad)
	}
	return runOne(c, item, p)
}
