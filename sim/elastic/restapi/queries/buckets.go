package queries

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// bucket is the documents of one value.
type bucket struct {
	key  key
	docs []*Doc
}

// termsOf counts documents by the values of a field.
type termsOf struct {
	name        string
	size, least int
	by          []termOrder
}

type termOrder struct {
	what       string // _count, _key, or the name of an aggregation below
	descending bool
}

func parseTermsOf(m *rest.Member) aggregator {
	t := &termsOf{name: fieldOf(m), size: 10, least: 1}
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		switch f.Name {
		case "field", "shard_size", "execution_hint", "collect_mode", "show_term_doc_count_error":
		case "size":
			t.size = intOf(f)
			if t.size <= 0 {
				rest.Raise(rest.IllegalArgument("[size] must be greater than 0. Found [%d] in [%s]", t.size, m.Name))
			}
		case "min_doc_count":
			t.least = intOf(f)
		case "order":
			t.by = parseTermOrder(&f.Value)
		default:
			rest.Raise(rest.NotModelled("[" + f.Name + "] of the aggregation [terms]"))
		}
	}
	return t
}

func intOf(m *rest.Member) int {
	n, err := strconv.Atoi(m.Value.Text)
	if err != nil {
		rest.Raise(rest.NumberFormat(m.Value.Text))
	}
	return n
}

func parseTermOrder(v *rest.Value) []termOrder {
	list := []rest.Value{*v}
	if v.Kind == rest.ArrayValue {
		list = v.Elements
	}
	var out []termOrder
	for i := range list {
		for k := range list[i].Members {
			m := &list[i].Members[k]
			out = append(out, termOrder{m.Name, direction(m.Value.Text)})
		}
	}
	return out
}

func (t *termsOf) field() (string, bool) { return t.name, false }

// letter is by what typed_keys and answers tell the kind of a field's terms.
func letter(kind string) string {
	switch {
	case isWhole(kind):
		return "l"
	case isNumber(kind):
		return "d"
	}
	return "s"
}

func (t *termsOf) typed(docs []*Doc) string {
	kind := kindOf(docs, t.name)
	if kind == "" {
		return "umterms"
	}
	return letter(kind) + "terms"
}

// gatherBuckets puts documents into buckets by the keys that f gives for each, in order of keys.
func gatherBuckets(docs []*Doc, f func(d *Doc) []key) []bucket {
	at := map[key]int{}
	var out []bucket
	for _, d := range docs {
		seen := map[key]bool{}
		for _, k := range f(d) {
			if seen[k] {
				continue
			}
			seen[k] = true
			i, ok := at[k]
			if !ok {
				i = len(out)
				at[k] = i
				out = append(out, bucket{key: k})
			}
			out[i].docs = append(out[i].docs, d)
		}
	}
	slices.SortStableFunc(out, func(a, b bucket) int { return a.key.compare(b.key) })
	return out
}

func (t *termsOf) write(w *rest.Writer, docs []*Doc, a *Aggregation, typed bool) {
	buckets := gatherBuckets(docs, func(d *Doc) []key { return keysOf(d, t.name) })
	by := t.by
	if by == nil {
		by = []termOrder{{"_count", true}}
	}
	slices.SortStableFunc(buckets, func(x, y bucket) int {
		for _, o := range by {
			c := o.compare(a, x, y)
			if o.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0 // by key, as they come
	})
	buckets = slices.DeleteFunc(buckets, func(b bucket) bool { return len(b.docs) < t.least })
	other := 0
	for _, b := range buckets[min(len(buckets), t.size):] {
		other += len(b.docs)
	}
	kind := kindOf(docs, t.name)
	w.Int("doc_count_error_upper_bound", 0)
	w.Int("sum_other_doc_count", other)
	w.Array("buckets")
	for _, b := range buckets[:min(len(buckets), t.size)] {
		w.Obj()
		writeKey(w, kind, b.key)
		w.Int("doc_count", len(b.docs))
		WriteAggregations(w, a.subs, b.docs, typed)
		w.End()
	}
	w.End()
}

// compare orders two buckets by their size, their key or a figure of an aggregation below.
func (o termOrder) compare(a *Aggregation, x, y bucket) int {
	switch o.what {
	case "_count":
		return cmp.Compare(len(x.docs), len(y.docs))
	case "_key", "_term":
		return x.key.compare(y.key)
	}
	for _, s := range a.subs {
		if m, ok := s.body.(*metric); ok && s.name == o.what {
			return cmp.Compare(m.value(x.docs), m.value(y.docs))
		}
	}
	rest.Raise(rest.IllegalArgument("Invalid aggregation order path [%s]. The provided aggregation [%s] either does not exist, or is a pipeline aggregation "+
		"and cannot be used to sort the buckets.", o.what, o.what))
	return 0
}

func (m *metric) value(docs []*Doc) float64 {
	f := m.figures(docs)
	switch m.what {
	case "value_count":
		return float64(f.n)
	case "cardinality":
		return float64(len(f.distinct))
	case "avg":
		return f.sum / float64(max(1, f.n))
	case "min":
		return f.min
	case "max":
		return f.max
	}
	return f.sum
}

func writeKey(w *rest.Writer, kind string, k key) {
	switch {
	case kind == "boolean":
		w.Int64("key", int64(k.n))
		w.Str("key_as_string", strconv.FormatBool(k.n == 1))
	case isDate(kind):
		w.Int64("key", int64(k.n))
		w.Str("key_as_string", rest.IsoMillis(time.UnixMilli(int64(k.n)).UTC()))
	case k.numeric && isWhole(kind):
		w.Int64("key", int64(k.n))
	case k.numeric:
		w.Float("key", k.n)
	default:
		w.Str("key", k.s)
	}
}

// histogramOf counts documents by intervals of a number or a date.
type histogramOf struct {
	name  string
	what  string
	least int
	// down is where the interval of a value begins, next where the one behind begins.
	down, next func(v float64) float64
	keyed      bool
}

func (h *histogramOf) field() (string, bool) { return h.name, false }
func (h *histogramOf) typed(_ []*Doc) string { return h.what }

func parseHistogram(m *rest.Member) aggregator {
	h := &histogramOf{name: fieldOf(m), what: "histogram"}
	step := 0.0
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		switch f.Name {
		case "field":
		case "interval":
			step, _ = strconv.ParseFloat(f.Value.Text, 64)
		case "min_doc_count":
			h.least = intOf(f)
		default:
			rest.Raise(rest.NotModelled("[" + f.Name + "] of the aggregation [histogram]"))
		}
	}
	if step <= 0 {
		rest.Raise(rest.IllegalArgument("[interval] must be >0 for histogram aggregation [%s]", m.Name))
	}
	h.down = func(v float64) float64 { return float64(math.Floor(v/step) * step) }
	h.next = func(v float64) float64 { return float64(v + step) }
	return h
}

func parseDateHistogram(m *rest.Member) aggregator {
	h := &histogramOf{name: fieldOf(m), what: "date_histogram"}
	for i := range m.Value.Members {
		f := &m.Value.Members[i]
		switch f.Name {
		case "field", "format":
		case "fixed_interval":
			step := float64(fixedInterval(f.Value.Text).Milliseconds())
			h.down = func(v float64) float64 { return float64(math.Floor(v/step) * step) }
			h.next = func(v float64) float64 { return float64(v + step) }
		case "calendar_interval":
			unit, ok := calendarUnits[f.Value.Text]
			if !ok {
				rest.Raise(rest.IllegalArgument("The supplied interval [%s] could not be parsed as a calendar interval.", f.Value.Text))
			}
			h.down = func(v float64) float64 { return millis(rest.AddMath(time.UnixMilli(int64(v)).UTC(), "/"+unit)) }
			h.next = func(v float64) float64 { return millis(rest.AddMath(time.UnixMilli(int64(v)).UTC(), "+1"+unit)) }
		case "min_doc_count":
			h.least = intOf(f)
		case "keyed":
			h.keyed = f.Value.Text == "true"
		default:
			rest.Raise(rest.NotModelled("[" + f.Name + "] of the aggregation [date_histogram]"))
		}
	}
	if h.down == nil {
		rest.Raise(rest.IllegalArgument("Invalid interval specified, must be non-null and non-empty"))
	}
	return h
}

func millis(t time.Time) float64 { return float64(t.UnixMilli()) }

// mostBuckets is search.max_buckets.
const mostBuckets = 65536

func (h *histogramOf) write(w *rest.Writer, docs []*Doc, a *Aggregation, typed bool) {
	found := gatherBuckets(docs, func(d *Doc) []key {
		keys := keysOf(d, h.name)
		for i := range keys {
			keys[i] = key{n: h.down(keys[i].n), numeric: true}
		}
		return keys
	})
	var all []bucket
	for i, b := range found {
		// Empty intervals between two that aren't are told too, unless documents are asked for.
		for at := b.key.n; i > 0 && h.least == 0; {
			if prev := h.next(all[len(all)-1].key.n); prev < at {
				all = append(all, bucket{key: key{n: prev, numeric: true}})
			} else {
				break
			}
			if len(all) > mostBuckets {
				rest.Raise(rest.IllegalArgument("Trying to create too many buckets. Must be less than or equal to: [%d]", mostBuckets))
			}
		}
		all = append(all, b)
	}
	if h.keyed {
		w.Object("buckets")
	} else {
		w.Array("buckets")
	}
	for _, b := range all {
		if len(b.docs) < h.least {
			continue
		}
		h.bucket(w, b, a, typed)
	}
	w.End()
}

func (h *histogramOf) bucket(w *rest.Writer, b bucket, a *Aggregation, typed bool) {
	date := rest.IsoMillis(time.UnixMilli(int64(b.key.n)).UTC())
	if h.keyed {
		w.Object(date)
	} else {
		w.Obj()
	}
	if h.what == "date_histogram" {
		w.Str("key_as_string", date)
		w.Int64("key", int64(b.key.n))
	} else {
		w.Float("key", b.key.n)
	}
	w.Int("doc_count", len(b.docs))
	WriteAggregations(w, a.subs, b.docs, typed)
	w.End()
}
