package queries

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Order is one key of a sort.
type Order struct {
	Field      string
	Descending bool
	first      bool // documents without the field come first
	mode       string
	unmapped   string
}

// ByPlace reports whether the order is that in which documents come anyway.
func (o *Order) ByPlace() bool { return o.Field == "_doc" || o.Field == "_shard_doc" }

// ParseOrder reads "sort" of a body.
func ParseOrder(v *rest.Value) []Order {
	keys := []rest.Value{*v}
	if v.Kind == rest.ArrayValue {
		keys = v.Elements
	}
	var out []Order
	for i := range keys {
		k := &keys[i]
		switch k.Kind {
		case rest.StringValue:
			out = append(out, Order{Field: k.Text, Descending: k.Text == "_score"})
		case rest.ObjectValue:
			for j := range k.Members {
				out = append(out, orderOf(&k.Members[j]))
			}
		default:
			rest.Raise(rest.IllegalArgument("malformed sort format, within the sort array, an object, or an actual string are allowed"))
		}
	}
	return out
}

func orderOf(m *rest.Member) Order {
	o := Order{Field: m.Name, Descending: m.Name == "_score"}
	if m.Value.Kind == rest.StringValue {
		o.Descending = direction(m.Value.Text)
		return o
	}
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		switch f.Name {
		case "order":
			o.Descending = direction(f.Value.Text)
		case "missing":
			if f.Value.Text != "_last" && f.Value.Text != "_first" {
				rest.Raise(rest.NotModelled("[missing] of a sort but as _first or _last"))
			}
			o.first = f.Value.Text == "_first"
		case "mode":
			o.mode = f.Value.Text
		case "unmapped_type":
			o.unmapped = f.Value.Text
		case "format", "numeric_type":
		default:
			rest.Raise(rest.NotModelled("[" + f.Name + "] of a sort"))
		}
	}
	return o
}

func direction(text string) bool {
	switch text {
	case "asc":
		return false
	case "desc":
		return true
	}
	rest.Raise(rest.IllegalArgument("Unknown SortOrder [%s]", text))
	return false
}

// Check refuses to sort by what has no values.
func (o *Order) Check(fields []*Fields) *elastic.Error {
	if o.ByPlace() || o.Field == "_score" || o.Field == "_id" || o.Field == "_index" {
		return nil
	}
	for _, f := range fields {
		switch kind := f.Kind(o.Field); {
		case kind == "" && o.unmapped == "":
			return queryShard("No mapping found for ["+o.Field+"] in order to sort on", nil)
		case isText(kind) && !f.inMemory(o.Field):
			return noFielddata(o.Field, f.Index)
		}
	}
	return nil
}

// noFielddata is the refusal to order or count the words of texts.
func noFielddata(field, index string) *elastic.Error {
	return rest.IllegalArgument("Fielddata is disabled on [%s] in [%s]. Text fields are not optimised for operations that require per-document field data "+
		"like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true "+
		"on [%s] in order to load field data by uninverting the inverted index. Note that this can use significant memory.", field, index, field)
}

// Sorted is a document with what it is sorted by.
type Sorted struct {
	Doc    *Doc
	Hit    *elastic.Hit
	Place  int64
	values []sortValue
}

type sortValue struct {
	key     key
	kind    string
	missing bool
}

// Sort puts hits in order; equal ones stay as they come.
func Sort(hits []*Sorted, by []Order) {
	for _, h := range hits {
		h.values = make([]sortValue, len(by))
		for i := range by {
			h.values[i] = by[i].value(h)
		}
	}
	slices.SortStableFunc(hits, func(a, b *Sorted) int { return compareSorted(a.values, b.values, by) })
}

func compareSorted(a, b []sortValue, by []Order) int {
	for i := range by {
		if c := by[i].compare(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

func (o *Order) value(h *Sorted) sortValue {
	switch {
	case o.ByPlace():
		return sortValue{key: key{n: float64(h.Place), numeric: true}, kind: "long"}
	case o.Field == "_score":
		return sortValue{key: key{n: 1, numeric: true}, kind: "float"}
	}
	kind := h.Doc.kindAt(o.Field)
	if kind == "" {
		kind = o.unmapped
	}
	var keys []key
	for _, v := range h.Doc.Terms(o.Field) {
		if k, ok := keyOf(kind, &v); ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return sortValue{kind: kind, missing: true}
	}
	slices.SortStableFunc(keys, key.compare)
	k := keys[0]
	if o.mode == "max" || o.mode == "" && o.Descending {
		k = keys[len(keys)-1]
	}
	return sortValue{key: k, kind: kind}
}

func (o *Order) compare(a, b sortValue) int {
	if a.missing || b.missing {
		c := cmp.Compare(boolInt(a.missing), boolInt(b.missing))
		if o.first {
			c = -c
		}
		return c
	}
	c := a.key.compare(b.key)
	if o.Descending {
		c = -c
	}
	return c
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// After reports whether a sorted hit stands behind the values of search_after.
func After(h *Sorted, by []Order, after []rest.Value) bool {
	at := make([]sortValue, len(by))
	for i := range by {
		at[i] = sortValue{kind: h.values[i].kind}
		v := &after[i]
		if v.Kind == rest.NullValue {
			at[i].missing = true
			continue
		}
		k, ok := keyOf(at[i].kind, v)
		if !ok {
			k = key{s: v.Text}
		}
		at[i].key = k
		at[i].missing = k.numeric && math.Abs(k.n) >= math.MaxInt64
	}
	return compareSorted(h.values, at, by) > 0
}

// WriteSort writes what a hit was sorted by.
func (h *Sorted) WriteSort(w *rest.Writer, by []Order) {
	w.Array("sort")
	for i, v := range h.values {
		w.Sep()
		switch {
		case v.missing && (isNumber(v.kind) && !isWhole(v.kind)):
			w.Buf = append(w.Buf, `"Infinity"`...)
		case v.missing && isWhole(v.kind):
			edge := int64(math.MaxInt64)
			if by[i].first != by[i].Descending {
				edge = math.MinInt64
			}
			w.Buf = strconv.AppendInt(w.Buf, edge, 10)
		case v.missing:
			w.Buf = append(w.Buf, "null"...)
		case v.key.numeric && isWhole(v.kind):
			w.Buf = strconv.AppendInt(w.Buf, int64(v.key.n), 10)
		case v.key.numeric:
			w.Buf = rest.AppendFloat(w.Buf, v.key.n)
		default:
			w.Buf = rest.AppendString(w.Buf, v.key.s)
		}
	}
	w.End()
}
