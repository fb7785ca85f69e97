package queries

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// aggregationNames are the aggregations that an Elasticsearch node knows.
var aggregationNames = strings.Fields(`adjacency_matrix avg avg_bucket auto_date_histogram bucket_script bucket_selector bucket_sort
	cardinality children composite cumulative_sum date_histogram date_range derivative diversified_sampler extended_stats
	extended_stats_bucket filter filters frequent_item_sets geo_bounds geo_centroid geo_distance geohash_grid geotile_grid global
	histogram ip_prefix ip_range matrix_stats max max_bucket median_absolute_deviation min min_bucket missing moving_fn nested
	percentile_ranks percentiles percentiles_bucket random_sampler range rare_terms reverse_nested sampler scripted_metric
	serial_diff significant_terms significant_text stats stats_bucket sum sum_bucket terms time_series top_hits value_count
	variable_width_histogram weighted_avg`)

// Aggregation is a named aggregation with those below it.
type Aggregation struct {
	name string
	kind string // as ?typed_keys names it is of the values
	meta []byte
	body aggregator
	subs []*Aggregation
}

// aggregator computes over documents and writes its result into the open object.
type aggregator interface {
	// write computes; typed is the prefix by which typed_keys names it.
	write(w *rest.Writer, docs []*Doc, a *Aggregation, typed bool)
	typed(docs []*Doc) string
	// field is what it looks at, "" nothing; whether words of texts serve is counts.
	field() (name string, counts bool)
}

// ParseAggregations reads "aggs" of a body.
func (p *Parser) ParseAggregations(v *rest.Value) []*Aggregation {
	var out []*Aggregation
	for i := range v.Members {
		out = append(out, p.aggregation(&v.Members[i]))
	}
	return out
}

func (p *Parser) aggregation(m *rest.Member) *Aggregation {
	a := &Aggregation{name: m.Name}
	if strings.ContainsAny(m.Name, "[]>") {
		rest.Raise(ParsingException(m.Line, m.Col, "Invalid aggregation name ["+m.Name+"]. Aggregation names can contain any character except '[', ']', and '>'"))
	}
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		switch f.Name {
		case "aggs", "aggregations":
			a.subs = p.ParseAggregations(&f.Value)
		case "meta":
			w := rest.NewWriter(false)
			w.Sep()
			w.Copy(&f.Value)
			a.meta = w.Bytes()
		default:
			if a.body != nil {
				rest.Raise(ParsingException(f.Value.Line, f.Value.Col, "Found two aggregation type definitions in ["+m.Name+"]: ["+a.kind+"] and ["+f.Name+"]"))
			}
			a.kind, a.body = f.Name, p.aggregator(f, m.Name)
		}
	}
	if a.body == nil {
		rest.Raise(ParsingException(m.Value.CloseLine, m.Value.CloseCol, "Missing definition for aggregation ["+m.Name+"]"))
	}
	return a
}

func (p *Parser) aggregator(m *rest.Member, name string) aggregator {
	switch m.Name {
	case "sum", "avg", "min", "max", "value_count", "cardinality", "stats":
		return parseMetric(m)
	case "percentiles":
		return parsePercentiles(m, name)
	case "terms":
		return parseTermsOf(m)
	case "date_histogram":
		return parseDateHistogram(m)
	case "histogram":
		return parseHistogram(m)
	case "filter":
		return &filterOf{p.Query(&m.Value)}
	case "filters":
		return p.parseFilters(m)
	case "missing":
		return &missingOf{fieldOf(m)}
	}
	if slices.Contains(aggregationNames, m.Name) {
		rest.Raise(rest.NotModelled("aggregation [" + m.Name + "]; it computes terms, date_histogram, histogram, filter, filters, missing, sum, avg, min, max, " +
			"stats, percentiles, cardinality and value_count"))
	}
	at := m.Value
	e := ParsingException(at.Line, at.Col, "Unknown aggregation type ["+m.Name+"]")
	e.CausedBy = &elastic.Error{
		Type: "named_object_not_found_exception", Reason: "[" + itoa(at.Line) + ":" + itoa(at.Col) + "] unknown field [" + m.Name + "]",
	}
	e.RootCause = []*elastic.Error{{Type: e.Type, Reason: e.Reason, Fields: e.Fields}}
	rest.Raise(e)
	return nil
}

// fieldOf is the field of an aggregation that needs nothing else.
func fieldOf(m *rest.Member) string {
	f := m.Value.Member("field")
	if f == nil {
		rest.Raise(rest.IllegalArgument("Required one of fields [field, script], but none were specified. "))
	}
	return f.Text
}

// CheckAggregations refuses what the fields can't be asked.
func CheckAggregations(list []*Aggregation, fields []*Fields) *elastic.Error {
	for _, a := range list {
		if name, counts := a.body.field(); name != "" {
			for _, f := range fields {
				kind := f.Kind(name)
				if isText(kind) && !counts && !f.inMemory(name) {
					return noFielddata(name, f.Index)
				}
				_, metric := a.body.(*metric)
				_, spread := a.body.(*percentiles)
				if (metric || spread) && !counts && kind != "" && !isNumber(kind) && !isDate(kind) && kind != "boolean" {
					return rest.IllegalArgument("Field [%s] of type [%s] is not supported for aggregation [%s]", name, kind, a.kind)
				}
			}
		}
		if bad := CheckAggregations(a.subs, fields); bad != nil {
			return bad
		}
	}
	return nil
}

// AggregationNames are how a node counts aggregations of an index's documents: by what they
// are and the type of what they look at, "terms/keyword".
func AggregationNames(list []*Aggregation, f *Fields) []string {
	var out []string
	for _, a := range list {
		of := "other"
		if name, _ := a.body.field(); name != "" {
			of = valuesOf(f.Kind(name))
		}
		out = append(out, a.kind+"/"+of)
		out = append(out, AggregationNames(a.subs, f)...)
	}
	return out
}

// valuesOf is the type of a field's values (CoreValuesSourceType).
func valuesOf(kind string) string {
	switch {
	case isNumber(kind):
		return "numeric"
	case isDate(kind):
		return "date"
	case kind == "boolean" || kind == "ip":
		return kind
	}
	return "keyword"
}

// WriteAggregations computes and writes all of them into the open object.
func WriteAggregations(w *rest.Writer, list []*Aggregation, docs []*Doc, typed bool) {
	for _, a := range list {
		name := a.name
		if typed {
			name = a.body.typed(docs) + "#" + name
		}
		w.Object(name)
		if a.meta != nil {
			w.Raw("meta", a.meta)
		}
		a.body.write(w, docs, a, typed)
		w.End()
	}
}

// kindOf is the type that the documents' indices give a field; "" where none maps it.
func kindOf(docs []*Doc, name string) string {
	for _, d := range docs {
		if k := d.kindAt(name); k != "" {
			return k
		}
	}
	return ""
}

// keysOf are a document's values at a field.
func keysOf(d *Doc, name string) []key {
	kind := d.kindAt(name)
	if kind == "" {
		return nil
	}
	var out []key
	for _, v := range d.Terms(name) {
		if k, ok := keyOf(kind, &v); ok {
			out = append(out, k)
		}
	}
	return out
}

type filterOf struct{ q Query }

func (f *filterOf) field() (string, bool) { return "", false }
func (f *filterOf) typed(_ []*Doc) string { return "filter" }

func (f *filterOf) write(w *rest.Writer, docs []*Doc, a *Aggregation, typed bool) {
	in := slices.DeleteFunc(slices.Clone(docs), func(d *Doc) bool { return !Holds(f.q, d) })
	w.Int("doc_count", len(in))
	WriteAggregations(w, a.subs, in, typed)
}

type filtersOf struct {
	names []string
	q     []Query
}

func (p *Parser) parseFilters(m *rest.Member) aggregator {
	v := m.Value.Member("filters")
	if v == nil || v.Kind != rest.ObjectValue {
		rest.Raise(rest.NotModelled("filters without names"))
	}
	f := &filtersOf{}
	for i := range v.Members {
		f.names = append(f.names, v.Members[i].Name)
		f.q = append(f.q, p.Query(&v.Members[i].Value))
	}
	return f
}

func (f *filtersOf) field() (string, bool) { return "", false }
func (f *filtersOf) typed(_ []*Doc) string { return "filters" }

func (f *filtersOf) write(w *rest.Writer, docs []*Doc, a *Aggregation, typed bool) {
	w.Object("buckets")
	for i, name := range f.names {
		w.Object(name)
		(&filterOf{f.q[i]}).write(w, docs, a, typed)
		w.End()
	}
	w.End()
}

type missingOf struct{ name string }

func (f *missingOf) field() (string, bool) { return f.name, true }
func (f *missingOf) typed(_ []*Doc) string { return "missing" }

func (f *missingOf) write(w *rest.Writer, docs []*Doc, a *Aggregation, typed bool) {
	in := slices.DeleteFunc(slices.Clone(docs), func(d *Doc) bool { return len(d.Values(f.name)) > 0 })
	w.Int("doc_count", len(in))
	WriteAggregations(w, a.subs, in, typed)
}
