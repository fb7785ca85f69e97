package cat

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// catColumns lists the columns of every table, as 8.19.0's ?help does: table, name,
// aliases, alignment, shown by default, sibling ("pri"), type of value, description.
//
//go:embed cat_columns.tsv
var catColumns string

type column struct {
	name        string
	aliases     []string
	right       bool
	byDefault   bool
	sibling     string
	kind        string // text, count, bytes, time, double, none
	description string
}

var tables = loadTables()

func loadTables() map[string][]column {
	out := map[string][]column{}
	for line := range strings.SplitSeq(strings.TrimSuffix(catColumns, "\n"), "\n") {
		f := strings.Split(line, "\t")
		c := column{
			name: f[1], right: f[3] == "right", byDefault: f[4] == "1", sibling: f[5], kind: f[6], description: f[7],
		}
		if f[2] != "" {
			c.aliases = strings.Split(f[2], ",")
		}
		out[f[0]] = append(out[f[0]], c)
	}
	return out
}

// cell is a value of a table.
type cell struct {
	kind cellKind
	n    int64   // count, bytes, nanoseconds
	f    float64 // decimal
	s    string
}

type cellKind uint8

const (
	noCell cellKind = iota
	textCell
	countCell
	bytesCell
	timeCell
	decimalCell // shown with two decimals
	doubleCell  // shown as Java does
)

func text(s string) cell            { return cell{kind: textCell, s: s} }
func count(n int64) cell            { return cell{kind: countCell, n: n} }
func size(n int64) cell             { return cell{kind: bytesCell, n: n} }
func duration(d time.Duration) cell { return cell{kind: timeCell, n: int64(d)} }
func decimal(f float64) cell        { return cell{kind: decimalCell, f: f} }
func double(f float64) cell         { return cell{kind: doubleCell, f: f} }

// zero is the cell of a column for what the model has none of, such as the size of
// its fielddata.
func (c *column) zero() cell {
	switch c.kind {
	case "count":
		return count(0)
	case "bytes":
		return size(0)
	case "time":
		return duration(0)
	case "double":
		return double(0)
	}
	return cell{}
}

// units is how the request wants bytes and times.
type units struct{ bytes, time string }

func (u units) render(c cell) (string, bool) {
	switch c.kind {
	case textCell:
		return c.s, true
	case countCell:
		return strconv.FormatInt(c.n, 10), true
	case bytesCell:
		return u.size(c.n), true
	case timeCell:
		return u.duration(time.Duration(c.n)), true
	case decimalCell:
		return strconv.FormatFloat(c.f, 'f', 2, 64), true
	case doubleCell:
		return settings.JavaDouble(c.f), true
	}
	return "", false
}

func (u units) size(n int64) string {
	unit := int64(0)
	switch u.bytes {
	case "b":
		unit = 1
	case "k", "kb":
		unit = settings.KB
	case "m", "mb":
		unit = settings.MB
	case "g", "gb":
		unit = settings.GB
	case "t", "tb":
		unit = settings.TB
	case "p", "pb":
		unit = settings.PB
	default:
		return settings.HumanBytes(n)
	}
	return strconv.FormatInt(n/unit, 10)
}

func (u units) duration(d time.Duration) string {
	unit := time.Duration(0)
	switch u.time {
	case "nanos":
		unit = 1
	case "micros":
		unit = time.Microsecond
	case "ms":
		unit = time.Millisecond
	case "s":
		unit = time.Second
	case "m":
		unit = time.Minute
	case "h":
		unit = time.Hour
	case "d":
		unit = 24 * time.Hour
	default:
		return settings.HumanTime(d)
	}
	return strconv.FormatInt(int64(d/unit), 10)
}

// table is the rows of an answer; values are asked for by column, only for those shown
// or sorted by.
type table struct {
	name string
	rows int
	// of is the state that alone decides what the table shows; nil when more does.
	of *state.State
	// make makes the table where a remembered answer does not serve; with of only.
	make func() *table
	// values gives the cells of a column, or nil where the model has none.
	values func(column string) func(row int) cell
}

// shown is a column under the name it was asked by.
type shown struct {
	column *column
	name   string
}

// catRendering are the parameters that the table's writer reads.
var catRendering = []string{"format", "h", "v", "ts", "pri", "bytes", "size", "time", "s"}

// catAction wraps a table: ?help is answered without asking anybody.
func catAction(r *rest.Request, name string, fill func(c *rest.Call) *table) rest.Action {
	if r.BoolParam("help", false) {
		return func(*rest.Call) *rest.Response { return &rest.Response{Text: catHelp(tables[name])} }
	}
	return func(c *rest.Call) *rest.Response { return renderTable(c, fill(c)) }
}

func catHelp(columns []column) []byte {
	width := [2]int{}
	for _, c := range columns {
		width[0] = max(width[0], len(c.name))
		width[1] = max(width[1], len(strings.Join(c.aliases, ",")))
	}
	wide := 0
	for _, c := range columns {
		wide = max(wide, utf8.RuneCountInString(c.description))
	}
	var b strings.Builder
	for _, c := range columns {
		fmt.Fprintf(&b, "%-*s | %-*s | %-*s\n", width[0], c.name, width[1], strings.Join(c.aliases, ","), wide, c.description)
	}
	return []byte(b.String())
}

// display resolves ?h against the table's columns and their aliases.
func display(r *rest.Request, columns []column) []shown {
	var out []shown
	add := func(c *column, name string) {
		if (c.name == "epoch" || c.name == "timestamp") && !r.BoolParam("ts", true) {
			return
		}
		out = append(out, shown{c, name})
		if c.sibling != "" && r.Has("h") && r.BoolParam(c.sibling, false) {
			if s := findColumn(columns, c.sibling+"."+c.name); s != nil {
				out = append(out, shown{s, c.sibling + "." + name})
			}
		}
	}
	if !r.Has("h") {
		for i := range columns {
			if columns[i].byDefault {
				add(&columns[i], columns[i].name)
			}
		}
		return out
	}
	for _, wanted := range expandHeaders(r.Param("h"), columns) {
		if c := findColumn(columns, wanted); c != nil {
			add(c, wanted)
			continue
		}
		for i := len(columns) - 1; i >= 0; i-- {
			if slices.Contains(columns[i].aliases, wanted) {
				add(&columns[i], wanted)
				break
			}
		}
	}
	return out
}

// expandHeaders resolves wildcards; every name stands once.
func expandHeaders(h string, columns []column) []string {
	var out []string
	add := func(name string) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for header := range strings.SplitSeq(h, ",") {
		if !strings.Contains(header, "*") {
			add(header)
			continue
		}
		for i := range columns {
			c := &columns[i]
			if rest.SimpleMatch(header, c.name) || slices.ContainsFunc(c.aliases, func(a string) bool { return rest.SimpleMatch(header, a) }) {
				add(c.name)
			}
		}
	}
	return out
}

func findColumn(columns []column, name string) *column {
	for i := range columns {
		if columns[i].name == name {
			return &columns[i]
		}
	}
	return nil
}

// cells gives a column's values; where the model has none, zeros.
func (t *table) cells(c *column) func(row int) cell {
	if get := t.values(c.name); get != nil {
		return get
	}
	z := c.zero()
	return func(int) cell { return z }
}

// renderTable writes JSON when it is asked for by format or Accept, else text.
func renderTable(c *rest.Call, t *table) *rest.Response {
	if t.of == nil {
		return renderFresh(c, t)
	}
	key := c.Req.URI
	if wantsStructure(c.Req) {
		return &rest.Response{JSON: c.Cache.Render("json "+key, t.of, func() []byte { return renderFresh(c, t.make()).JSON })}
	}
	return &rest.Response{Text: c.Cache.Render("text "+key, t.of, func() []byte { return renderFresh(c, t.make()).Text })}
}

func renderFresh(c *rest.Call, t *table) *rest.Response {
	r := c.Req
	columns := tables[t.name]
	order := t.order(r.Param("s"), columns)
	display := display(r, columns)
	u := units{bytes: r.Param("bytes"), time: r.Param("time")}
	cells := make([]func(int) cell, len(display))
	for i, d := range display {
		cells[i] = t.cells(d.column)
	}
	if wantsStructure(r) {
		return &rest.Response{JSON: tableJSON(order, display, cells, u)}
	}
	return &rest.Response{Text: tableText(order, display, cells, u, r.BoolParam("v", false))}
}

// wantsStructure reports whether a table is to be JSON or YAML.
func wantsStructure(r *rest.Request) bool {
	if r.Has("format") {
		switch strings.ToLower(r.Param("format")) {
		case "json", "yaml":
			return true
		}
		return false
	}
	if r.Accept == nil {
		return false
	}
	f := rest.FormatOf(r.Accept.Kind)
	return f == rest.JSONFormat || f == rest.YAMLFormat || f == rest.NDJSONFormat
}

func tableJSON(order []int, display []shown, cells []func(int) cell, u units) []byte {
	w := rest.NewWriter(false)
	keys := make([][]byte, len(display))
	for i, d := range display {
		keys[i] = append(rest.AppendString(nil, d.name), ':')
	}
	w.Arr()
	for _, row := range order {
		w.Obj()
		for i := range display {
			w.Sep()
			w.Buf = append(w.Buf, keys[i]...)
			if s, ok := u.render(cells[i](row)); ok {
				w.Buf = rest.AppendString(w.Buf, s)
			} else {
				w.Buf = append(w.Buf, "null"...)
			}
		}
		w.End()
	}
	w.End()
	return w.Bytes()
}

func tableText(order []int, display []shown, cells []func(int) cell, u units, verbose bool) []byte {
	width := make([]int, len(display))
	rendered := make([]string, 0, len(order)*len(display))
	for _, row := range order {
		for i := range display {
			s, _ := u.render(cells[i](row))
			width[i] = max(width[i], utf8.RuneCountInString(s))
			rendered = append(rendered, s)
		}
	}
	out := []byte{}
	line := func(at func(i int) string) {
		for i, d := range display {
			out = pad(out, at(i), width[i], d.column.right, i == len(display)-1)
		}
		out = append(out, '\n')
	}
	if verbose {
		for i, d := range display {
			width[i] = max(width[i], len(d.name))
		}
		line(func(i int) string { return display[i].name })
	}
	for n := range order {
		line(func(i int) string { return rendered[n*len(display)+i] })
	}
	return out
}

func pad(out []byte, s string, width int, right, last bool) []byte {
	fill := strings.Repeat(" ", width-utf8.RuneCountInString(s))
	switch {
	case right:
		out = append(append(out, fill...), s...)
	case last:
		return append(out, s...)
	default:
		out = append(append(out, s...), fill...)
	}
	if !last {
		out = append(out, ' ')
	}
	return out
}

// order sorts the rows by the columns of ?s; equal rows keep their order.
func (t *table) order(keys string, columns []column) []int {
	order := make([]int, t.rows)
	for i := range order {
		order[i] = i
	}
	if keys == "" {
		return order
	}
	type sortKey struct {
		cells   func(int) cell
		reverse bool
	}
	var by []sortKey
	for key := range strings.SplitSeq(keys, ",") {
		name, reverse := strings.CutSuffix(key, ":desc")
		name = strings.TrimSuffix(name, ":asc")
		i := slices.IndexFunc(columns, func(c column) bool { return c.name == name || slices.Contains(c.aliases, name) })
		if i < 0 {
			rest.Raise(rest.IllegalArgument("Unable to sort by unknown sort key `%s`", name))
		}
		by = append(by, sortKey{t.cells(&columns[i]), reverse})
	}
	slices.SortStableFunc(order, func(a, b int) int {
		for _, k := range by {
			c := compareCells(k.cells(a), k.cells(b))
			if k.reverse {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
	return order
}

func compareCells(a, b cell) int {
	if a.kind != b.kind {
		switch {
		case a.kind == noCell:
			return -1
		case b.kind == noCell:
			return 1
		}
		sa, _ := units{}.render(a)
		sb, _ := units{}.render(b)
		return strings.Compare(sa, sb)
	}
	switch {
	case a.kind == textCell:
		return strings.Compare(a.s, b.s)
	case a.f < b.f, a.n < b.n:
		return -1
	case a.f > b.f, a.n > b.n:
		return 1
	}
	return 0
}
