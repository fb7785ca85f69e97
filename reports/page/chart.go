package page

import (
	"fmt"
	"html/template"
	"math"
	"strings"
)

// Chart is curves or points over one axis.
type Chart struct {
	Title  string // for who can't see it
	Series []Series
	// Lines are levels across the chart, Marks moments along it.
	Lines []Level
	Marks []Level
	// X and Y write a value of an axis.
	X, Y func(float64) string
}

// Series is one curve; Dots draws its points alone, each with its name.
type Series struct {
	Name   string
	Points []Point
	Dots   bool
}

// Point is one of a series.
type Point struct {
	X, Y float64
	Name string
}

// Level is a value on an axis with what it means.
type Level struct {
	At   float64
	Text string
}

// seriesColors are told apart by the names in the legend as well.
const seriesColors = 8

// extent is the least and the greatest of some values, never the same.
type extent struct{ lo, hi float64 }

func (e *extent) take(v float64) { e.lo, e.hi = min(e.lo, v), max(e.hi, v) }

func (e *extent) open() {
	if e.lo == e.hi {
		e.lo, e.hi = e.lo-1, e.hi+1
	}
}

// Draw draws the chart; nothing where there is no point.
func (c Chart) Draw() template.HTML {
	const w, h, left, right, top, bottom = 720.0, 280.0, 84.0, 24.0, 18.0, 30.0
	x, y := extent{math.Inf(1), math.Inf(-1)}, extent{math.Inf(1), math.Inf(-1)}
	for _, s := range c.Series {
		for _, p := range s.Points {
			x.take(p.X)
			y.take(p.Y)
		}
	}
	if x.lo > x.hi {
		return ""
	}
	for _, l := range c.Lines {
		y.take(l.At)
	}
	x.open()
	y.open()
	px := func(v float64) float64 { return left + float64((w-left-right)*((v-x.lo)/(x.hi-x.lo))) }
	py := func(v float64) float64 { return top + float64((h-top-bottom)*(1-(v-y.lo)/(y.hi-y.lo))) }
	esc := template.HTMLEscapeString
	var b strings.Builder
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" style="width:100%%;min-width:560px;max-width:%gpx" role="img" aria-label="%s">`, w, h, w, esc(c.Title))
	for i := range 5 {
		v := y.lo + float64((y.hi-y.lo)*float64(i)/4)
		fmt.Fprintf(&b, `<line class="axis" x1="%g" x2="%g" y1="%.1f" y2="%.1f"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`, left, w-right, py(v), py(v), left-8, py(v)+4, esc(c.Y(v)))
	}
	for i := range 4 {
		v := x.lo + float64((x.hi-x.lo)*float64(i)/3)
		anchor := []string{"start", "middle", "middle", "end"}[i]
		fmt.Fprintf(&b, `<text x="%.1f" y="%g" text-anchor="%s">%s</text>`, px(v), h-8, anchor, esc(c.X(v)))
	}
	for _, l := range c.Lines {
		fmt.Fprintf(&b, `<line x1="%g" x2="%g" y1="%.1f" y2="%.1f" stroke="var(--fail)" stroke-dasharray="6 4"/><text x="%g" y="%.1f" text-anchor="end">%s</text>`, left, w-right, py(l.At), py(l.At), w-right-4, py(l.At)-4, esc(l.Text))
	}
	for i, m := range c.Marks {
		beside := 4.0 // of several marks at one place the numbers stand side by side
		for _, other := range c.Marks[:i] {
			if math.Abs(px(other.At)-px(m.At)) < 10 {
				beside += 10
			}
		}
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%g" y2="%g" stroke="var(--c5)" stroke-width="2" stroke-dasharray="5 3"><title>%s</title></line><text x="%.1f" y="%g">%d</text>`, px(m.At), px(m.At), top, h-bottom, esc(m.Text), px(m.At)+beside, top+10, i+1)
	}
	for i, s := range c.Series {
		s.draw(&b, fmt.Sprintf("var(--c%d)", i%seriesColors), px, py)
	}
	b.WriteString(`</svg>`)
	return template.HTML(`<div class="legend">` + c.legend() + `</div><div class="scroll chart">` + b.String() + `</div>`)
}

func (s *Series) draw(b *strings.Builder, color string, px, py func(float64) float64) {
	esc := template.HTMLEscapeString
	if !s.Dots {
		fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="2" d="`, color)
		for i, p := range s.Points {
			fmt.Fprintf(b, "%c%.1f,%.1f", "ML"[min(i, 1)], px(p.X), py(p.Y))
		}
		b.WriteString(`"/>`)
	}
	for _, p := range s.Points {
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="%d" fill="%s"><title>%s</title></circle>`, px(p.X), py(p.Y), 3+2*min(1, len(p.Name)), color, esc(s.Name+" "+p.Name))
		if p.Name != "" {
			fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`, px(p.X), py(p.Y)-9, esc(p.Name))
		}
	}
}

// legend names the series and the marks.
func (c Chart) legend() string {
	var b strings.Builder
	for i, s := range c.Series {
		fmt.Fprintf(&b, `<span><svg width="14" height="10"><rect width="14" height="10" fill="var(--c%d)"/></svg>%s</span>`, i%seriesColors, template.HTMLEscapeString(s.Name))
	}
	for i, m := range c.Marks {
		fmt.Fprintf(&b, `<span><b>%d</b>%s</span>`, i+1, template.HTMLEscapeString(m.Text))
	}
	return b.String()
}
