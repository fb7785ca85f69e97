package check

import (
	"fmt"
	"html"
	"math"
	"strings"
	"unicode/utf8"
)

// Covering adds to a report how many failovers happened while the operations ran, and
// takes back a Pass that rests on fewer than the floor.
func (r Report) Covering(ops []Op, failovers []int64, floor int) Report {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range ops {
		first, last = min(first, ops[i].Start), max(last, ops[i].End)
	}
	for _, f := range failovers {
		if first <= f && f <= last {
			r.Failovers++
		}
	}
	if r.Verdict == Pass && r.Failovers < floor {
		r.Verdict = Undecided
		r.Why = fmt.Sprintf("saw %d failovers, at least %d are needed", r.Failovers, floor)
	}
	return r
}

// label is an operation without its times.
func (o Op) label() string {
	if o.Kind == Swap {
		return fmt.Sprintf("client %d swap %q for %q", o.Client, o.Expect, o.Value)
	}
	return fmt.Sprintf("client %d %v %q", o.Client, o.Kind, o.Value)
}

// scale finds the stretch of time that a drawing shows, in units of 1/n of it. Operations
// of unknown end reach to the right edge.
func (v *Violation) scale(n int64) (at func(int64) int, from, to int64) {
	from, to = math.MaxInt64, math.MinInt64
	for _, o := range v.Ops {
		from, to = min(from, o.Start), max(to, o.Start, o.End)
	}
	length := max(to-from, 1)
	return func(t int64) int { return int(min(max(t-from, 0), length) * n / length) }, from, to
}

// Draw draws the operations below each other on a common axis of time, as text.
func (v *Violation) Draw() string {
	const columns = 60
	at, from, to := v.scale(columns - 1)
	widest := 0
	for _, o := range v.Ops {
		widest = max(widest, utf8.RuneCountInString(o.label()))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", v.Key, v.Why)
	for _, o := range v.Ops {
		start, end := at(o.Start), at(o.End)
		closing := "┤"
		if o.Outcome == Unknown {
			end, closing = columns-1, "→"
		}
		bar := "│"
		if end > start {
			bar = "├" + strings.Repeat("─", end-start-1) + closing
		}
		fmt.Fprintf(&b, "  %-*s %s%s\n", widest, o.label(), strings.Repeat(" ", start), bar)
	}
	fmt.Fprintf(&b, "  %-*s %-*s%.6fs\n", widest, "", columns-8, fmt.Sprintf("%.6fs", float64(from)/1e9), float64(to)/1e9)
	return b.String()
}

// SVG draws the operations as Draw does, as a picture that stands alone.
func (v *Violation) SVG() string {
	const width, left, row = 760, 220, 30
	at, from, to := v.scale(width - left - 20)
	height := 70 + row*len(v.Ops)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`, width, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="12" y="22" font-weight="bold">%s</text>`, html.EscapeString(v.Key+": "+v.Why))
	for i, o := range v.Ops {
		y := 40 + row*i
		start, end := left+at(o.Start), left+at(o.End)
		fill := "#9bc"
		if o.Kind != Read {
			fill = "#c96"
		}
		dash := ""
		if o.Outcome == Unknown {
			end, dash = width-20, ` stroke-dasharray="4 3"`
		}
		fmt.Fprintf(&b, `<text x="12" y="%d">%s</text>`, y+14, html.EscapeString(o.label()))
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="18" rx="3" fill="%s" stroke="#444"%s><title>%s</title></rect>`,
			start, y, max(end-start, 2), fill, dash, html.EscapeString(o.String()))
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">%.6fs</text><text x="%d" y="%d" text-anchor="end">%.6fs</text></svg>`,
		left, height-12, float64(from)/1e9, width-20, height-12, float64(to)/1e9)
	return b.String() + "\n"
}
