package queries

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

// Terms are what a document is counted and sorted by at a field: the words of a text, else the
// values.
func (d *Doc) Terms(path string) []rest.Value {
	values := d.Values(path)
	if !isText(d.kindAt(path)) {
		return values
	}
	var out []rest.Value
	for _, v := range values {
		for _, word := range Words(v.Text) {
			out = append(out, rest.Value{Kind: rest.StringValue, Text: word})
		}
	}
	return out
}

// inMemory reports whether the field is a text whose words are brought into memory to sort by
// or to count.
func (f *Fields) inMemory(path string) bool { return isText(f.Kind(path)) && f.types[path].fielddata }

// Loaded are the texts that a search has to bring into memory.
func (f *Fields) Loaded(by []Order, aggs []*Aggregation) []string {
	var out []string
	for i := range by {
		if f.inMemory(by[i].Field) {
			out = append(out, by[i].Field)
		}
	}
	for _, a := range aggs {
		if name, _ := a.body.field(); f.inMemory(name) {
			out = append(out, name)
		}
		out = append(out, f.Loaded(nil, a.subs)...)
	}
	return out
}

// WordBytes is about how much memory the words of documents take by field: every word once,
// and for each document four bytes that say which it has.
func (f *Fields) WordBytes(fields []string, sources [][]byte) map[string]int64 {
	out := map[string]int64{}
	for _, name := range fields {
		seen, size := map[string]bool{}, int64(0)
		for _, source := range sources {
			d := &Doc{Index: f.Index, Source: source, Fields: f}
			for _, v := range d.Terms(name) {
				if !seen[v.Text] {
					seen[v.Text] = true
					size += int64(len(v.Text))
				}
				size += 4
			}
		}
		out[name] = size
	}
	return out
}

// Completes reports whether a mapping has fields that suggestions are looked up in, without
// reading all of it.
func Completes(mapping []byte) bool { return bytes.Contains(mapping, []byte(`"completion"`)) }

// CompletionBytes is about what those take, by field: each text with its weight.
func (f *Fields) CompletionBytes(sources [][]byte) map[string]int64 {
	out := map[string]int64{}
	for _, name := range slices.Sorted(maps.Keys(f.types)) {
		if f.types[name].kind != "completion" {
			continue
		}
		out[name] = 0
		for _, source := range sources {
			for _, c := range (&Doc{Index: f.Index, Source: source, Fields: f}).completions(name) {
				out[name] += int64(len(c.text)) + 4
			}
		}
	}
	return out
}

// completion is a text that a document is suggested for.
type completion struct {
	text   string
	weight int64
}

// completions are those of a document: bare texts, or objects with "input" and "weight".
func (d *Doc) completions(field string) []completion {
	var out []completion
	for _, v := range d.Values(field) {
		if v.Kind != rest.ObjectValue {
			out = append(out, completion{v.Text, 1})
			continue
		}
		weight := int64(1)
		if w := v.Member("weight"); w != nil {
			weight, _ = strconv.ParseInt(w.Text, 10, 64)
		}
		if in := v.Member("input"); in != nil {
			for _, text := range rest.Texts(in) {
				out = append(out, completion{text, weight})
			}
		}
	}
	return out
}

// Suggestion asks which documents complete a text.
type Suggestion struct {
	name, prefix, field string
	size                int
}

// ParseSuggestions reads "suggest" of a body. Of the suggesters only that for completion is
// there.
func ParseSuggestions(v *rest.Value) []Suggestion {
	var out []Suggestion
	common := ""
	for i := range v.Members {
		m := &v.Members[i]
		if m.Name == "text" {
			common = m.Value.Text
			continue
		}
		out = append(out, suggestionOf(m))
	}
	for i := range out {
		if out[i].prefix == "" {
			out[i].prefix = common
		}
	}
	return out
}

func suggestionOf(m *rest.Member) Suggestion {
	s := Suggestion{name: m.Name, size: 5}
	for k := range m.Value.Members {
		switch o := &m.Value.Members[k]; o.Name {
		case "text", "prefix":
			s.prefix = o.Value.Text
		case "completion":
			s.read(&o.Value)
		case "term", "phrase", "regex":
			rest.Raise(rest.NotModelled("the suggester [" + o.Name + "]; it has completion of a prefix"))
		default:
			rest.Raise(rest.IllegalArgument("suggestion [%s] does not support [%s]", m.Name, o.Name))
		}
	}
	if s.field == "" {
		rest.Raise(rest.IllegalArgument("the required field option is missing"))
	}
	return s
}

func (s *Suggestion) read(v *rest.Value) {
	for i := range v.Members {
		switch o := &v.Members[i]; o.Name {
		case "field":
			s.field = o.Value.Text
		case "size":
			s.size, _ = strconv.Atoi(o.Value.Text)
		default:
			rest.Raise(rest.NotModelled("[" + o.Name + "] of a completion"))
		}
	}
}

// option is a document that completes a text.
type option struct {
	completion
	hit *Sorted
}

// options are the documents that complete the text, the weightiest first, each once.
func (s *Suggestion) options(hits []*Sorted) []option {
	var out []option
	for _, h := range hits {
		var best *completion
		for _, c := range h.Doc.completions(s.field) {
			if strings.HasPrefix(strings.ToLower(c.text), strings.ToLower(s.prefix)) && (best == nil || c.weight > best.weight) {
				best = &c
			}
		}
		if best != nil {
			out = append(out, option{*best, h})
		}
	}
	slices.SortStableFunc(out, func(a, b option) int {
		if a.weight != b.weight {
			return int(b.weight - a.weight)
		}
		return strings.Compare(a.text, b.text)
	})
	return out[:min(len(out), s.size)]
}

// WriteSuggestions writes what completes the texts of suggestions; source writes what is to be
// told of a document.
func WriteSuggestions(w *rest.Writer, list []Suggestion, hits []*Sorted, typed bool, source func(*rest.Writer, *Sorted)) {
	for i := range list {
		s := &list[i]
		name := s.name
		if typed {
			name = "completion#" + name
		}
		w.Array(name)
		w.Obj()
		w.Str("text", s.prefix)
		w.Int("offset", 0)
		w.Int("length", len(s.prefix))
		w.Array("options")
		for _, o := range s.options(hits) {
			w.Obj()
			w.Str("text", o.text)
			w.Str("_index", o.hit.Hit.Index)
			w.Str("_id", o.hit.Hit.ID)
			w.Float("_score", float64(o.weight))
			source(w, o.hit)
			w.End()
		}
		w.End()
		w.End()
		w.End()
	}
}

// CheckSuggestions refuses fields that no suggestions can be looked up in.
func CheckSuggestions(list []Suggestion, f *Fields) *elastic.Error {
	for i := range list {
		switch kind := f.Kind(list[i].field); kind {
		case "completion":
		case "":
			return rest.IllegalArgument("no mapping found for field [%s]", list[i].field)
		default:
			return rest.IllegalArgument("Field [%s] is not a completion suggest field", list[i].field)
		}
	}
	return nil
}
