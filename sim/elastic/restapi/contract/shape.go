package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Answer is the structure of an answer: what the contract keeps of it.
type Answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	// Shape holds a line per path of a JSON body: "hits.total.value: int".
	Shape []string `json:"shape,omitempty"`
	// Exact is an error's body, or a table, with names that differ by cluster replaced.
	Exact string `json:"exact,omitempty"`
	// Table is the header of a text table and the kinds of the cells below.
	Table []string `json:"table,omitempty"`
}

// names that differ from cluster to cluster, in the order in which they are replaced.
var volatile = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`\{n\d\}\{[^"]*?\}(\{zone=\w+\})?`), "{node}"},
	{regexp.MustCompile(`\ba\[id=[\w-]{22}\]`), "a[id=<id>]"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+:\d+`), "<address>"},
	{regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`), "<ip>"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`), "<date>"},
	{regexp.MustCompile(`/[\w-]{22}\]`), "/<id>]"},
	{regexp.MustCompile(`"[\w-]{22}"`), `"<id>"`},
	{regexp.MustCompile(`\[(Content-Type, Accept|Accept, Content-Type)\]`), "[Accept, Content-Type]"},
	{regexp.MustCompile(`\b[A-Za-z0-9_-]{22}\b`), "<id>"},
	{regexp.MustCompile(`\b[A-Za-z0-9_-]{20}\b`), "<docid>"},
	{regexp.MustCompile(`more than one write index \[[^\]]*\]`), "more than one write index [<indices>]"},
	{regexp.MustCompile(`index associated with it \[[^\]]*\]`), "index associated with it [<indices>]"},
}

// sorted is a JSON value with its keys in order: Java's immutable maps and sets are
// walked in another order in every process.
func sorted(v any, text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return text
	}
	return strings.TrimSpace(b.String())
}

func steady(text string) string {
	for _, v := range volatile {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	return text
}

// keptHeaders are the headers that a client can rely on.
var keptHeaders = []string{"Allow", "Content-Type", "Location", "Warning", "X-Elastic-Product"}

// Reduce takes the structure of an answer.
func Reduce(r Reply) Answer {
	out := Answer{Status: r.Status, Headers: map[string]string{}}
	for _, h := range keptHeaders {
		if v := r.Header.Get(h); v != "" {
			out.Headers[h] = steady(v)
		}
	}
	var body any
	dec := json.NewDecoder(strings.NewReader(r.Body))
	dec.UseNumber()
	switch {
	case r.Body == "":
	case dec.Decode(&body) != nil:
		out.text(r)
	default:
		if m, ok := body.(map[string]any); ok && m["error"] != nil {
			out.Exact = steady(sorted(body, r.Body))
			return out
		}
		out.Shape = shape(body)
		if strings.HasPrefix(r.Body, "{\n") {
			out.Shape = append(out.Shape, "(laid out)")
		}
	}
	return out
}

// text reduces a table: its header, and for every column the kinds of its cells.
func (out *Answer) text(r Reply) {
	lines := strings.Split(strings.TrimSuffix(r.Body, "\n"), "\n")
	if strings.HasPrefix(r.Body, "---") || strings.Contains(lines[0], " | ") {
		out.Exact = steady(regexp.MustCompile(`: \d+`).ReplaceAllString(r.Body, ": <number>"))
		out.Exact = regexp.MustCompile(`(epoch|timestamp): "[\d:]+"`).ReplaceAllString(out.Exact, `$1: <time>`)
		return
	}
	out.Table = append(out.Table, strings.Join(strings.Fields(lines[0]), " "))
	kinds := map[string]bool{}
	for _, l := range lines[1:] {
		var row []string
		for _, f := range strings.Fields(l) {
			row = append(row, kindOf(f))
		}
		kinds[strings.Join(row, " ")] = true
	}
	out.Table = append(out.Table, slices.Sorted(maps.Keys(kinds))...)
}

// shape lists the paths of a JSON value with the kinds found there.
func shape(v any) []string {
	found := map[string]map[string]bool{}
	walk(v, "", found)
	var out []string
	for _, p := range slices.Sorted(maps.Keys(found)) {
		out = append(out, p+": "+strings.Join(slices.Sorted(maps.Keys(found[p])), "|"))
	}
	return out
}

func walk(v any, path string, found map[string]map[string]bool) {
	note := func(kind string) {
		if found[path] == nil {
			found[path] = map[string]bool{}
		}
		found[path][kind] = true
	}
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			note("{}")
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			x := v[k]
			if slices.Contains(namesBelow, path[strings.LastIndexByte(path, '.')+1:]) {
				k = "<name>"
			}
			walk(x, path+"."+keyName(k), found)
		}
	case []any:
		if len(v) == 0 {
			note("[]")
		}
		for _, x := range v {
			walk(x, path+"[]", found)
		}
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			note("float")
		} else {
			note("int")
		}
	case string:
		note(kindOf(v))
	case bool:
		note("bool")
	case nil:
		note("null")
	}
}

// namesBelow are the objects whose keys are names of something: routes that were used,
// memory pools of a Java version and the like.
var namesBelow = []string{
	"routes", "actions", "pools", "buffer_pools", "aggregations", "mappings_versions", "adaptive_selection", "thread_pool", "collectors",
}

// keyName replaces keys that are names of nodes or numbers of shards.
func keyName(k string) string {
	switch {
	case regexp.MustCompile(`^[\w-]{22}$`).MatchString(k) && !strings.Contains(k, "_in_") && strings.ToLower(k) != k:
		return "<id>"
	case regexp.MustCompile(`^\d+$`).MatchString(k):
		return "<number>"
	}
	return strings.ReplaceAll(k, ".", "·")
}

var kinds = []struct {
	pattern *regexp.Regexp
	kind    string
}{
	{regexp.MustCompile(`^-?\d+$`), "'int'"},
	{regexp.MustCompile(`^-?\d+\.\d+$`), "'float'"},
	{regexp.MustCompile(`^-?[\d.]+%$`), "'percent'"},
	{regexp.MustCompile(`^[\d.]+[kmgtp]?b$`), "'bytes'"},
	{regexp.MustCompile(`^[\d.]+(nanos|micros|ms|s|m|h|d)$`), "'time'"},
	{regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+:\d+$`), "'address'"},
	{regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+$`), "'ip'"},
	{regexp.MustCompile(`^\d{4}-\d\d-\d\dT[\d:.]+Z$`), "'date'"},
	{regexp.MustCompile(`^\d\d:\d\d:\d\d$`), "'clock'"},
	{regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`), "'id'"},
	{regexp.MustCompile(`^(true|false)$`), "'bool'"},
}

func kindOf(s string) string {
	for _, k := range kinds {
		if k.pattern.MatchString(s) {
			return k.kind
		}
	}
	return "string"
}

// Differences lists what the second answer has otherwise than the real one.
func Differences(real, simulated Answer) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if real.Status != simulated.Status {
		add("status: real %d, simulated %d", real.Status, simulated.Status)
	}
	for _, h := range keptHeaders {
		if a, b := real.Headers[h], simulated.Headers[h]; a != b {
			add("header %s: real %q, simulated %q", h, a, b)
		}
	}
	if real.Exact != simulated.Exact {
		add("body: real %s, simulated %s", real.Exact, simulated.Exact)
	}
	if !slices.Equal(real.Table, simulated.Table) {
		add("table: real %q, simulated %q", real.Table, simulated.Table)
	}
	a, b := paths(real.Shape), paths(simulated.Shape)
	for _, p := range slices.Sorted(maps.Keys(a)) {
		switch kind, ok := b[p]; {
		case !ok:
			add("only real: %s: %s", p, a[p])
		case kind != a[p]:
			add("%s: real %s, simulated %s", p, a[p], kind)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[p]; !ok {
			add("only simulated: %s: %s", p, b[p])
		}
	}
	return out
}

func paths(shape []string) map[string]string {
	out := map[string]string{}
	for _, l := range shape {
		p, kind, _ := strings.Cut(l, ": ")
		out[p] = kind
	}
	return out
}
