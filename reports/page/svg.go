package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// Interval draws a difference with its interval on a line with zero in the middle and the
// tolerance as a band; span is the largest distance shown.
func Interval(difference, lo, hi, tolerance, span float64) template.HTML {
	const w, h = 220.0, 26.0
	if span <= 0 {
		return ""
	}
	x := func(v float64) float64 { return w/2 + float64(w/2-6)*max(-1, min(1, v/span)) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="inline" width="%g" height="%g" viewBox="0 0 %g %g" role="img" aria-label="difference %.4g, interval %.4g to %.4g">`, w, h, w, h, difference, lo, hi)
	fmt.Fprintf(&b, `<rect x="%.1f" y="4" width="%.1f" height="18" fill="var(--here)"/>`, x(-tolerance), x(tolerance)-x(-tolerance))
	fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="2" y2="24" stroke="var(--soft)"/>`, x(0), x(0))
	fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="13" y2="13" stroke="var(--fg)" stroke-width="3"/>`, x(lo), x(hi))
	fmt.Fprintf(&b, `<circle cx="%.1f" cy="13" r="5" fill="var(--c5)" stroke="var(--bg)"/></svg>`, x(difference))
	return template.HTML(b.String())
}

// Said is how a picture says a value of its axis: with its unit, for people.
type Said func(float64) string

// Dots draws pairs: the base above, the contender below, a line between the two of a pair.
// Values that are missing are left out; those of samples that are not paired have no lines.
func Dots(points [][2]*float64, say Said) template.HTML {
	const w, h = 320.0, 74.0
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		for _, v := range p {
			if v != nil {
				lo, hi = min(lo, *v), max(hi, *v)
			}
		}
	}
	if lo > hi {
		return ""
	}
	about, from, to := "pairs from "+say(lo)+" to "+say(hi), say(lo), say(hi)
	if lo == hi { // one place, in the middle, of no axis
		about, from, to = "pairs, all at "+say(lo), "", ""
		lo, hi = lo-1, hi+1
	}
	x := func(v float64) float64 { return 14 + float64((w-28)*((v-lo)/(hi-lo))) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="inline" width="%g" height="%g" viewBox="0 0 %g %g" role="img" aria-label="%s">`, w, h, w, h, about)
	for _, p := range points {
		if p[0] != nil && p[1] != nil {
			fmt.Fprintf(&b, `<line x1="%.1f" y1="14" x2="%.1f" y2="46" stroke="var(--line)"/>`, x(*p[0]), x(*p[1]))
		}
	}
	for _, p := range points {
		if p[0] != nil {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="14" r="4" fill="var(--c0)"/>`, x(*p[0]))
		}
		if p[1] != nil {
			fmt.Fprintf(&b, `<rect x="%.1f" y="42" width="8" height="8" fill="var(--c5)"/>`, x(*p[1])-4)
		}
	}
	fmt.Fprintf(&b, `<text x="14" y="70">%s</text><text x="%g" y="70" text-anchor="end">%s</text></svg>`, from, w-14, to)
	return template.HTML(b.String())
}

// Mark is a place in a trend that is pointed out.
type Mark struct {
	At   int
	Text string
}

// Trend draws a series with its change points, as wide as there is room: on a narrow screen
// it is pressed together, not cut.
func Trend(series []float64, marks []Mark, say Said) template.HTML {
	const w, h = 1000.0, 150.0
	if len(series) == 0 {
		return ""
	}
	lo, hi := slices.Min(series), slices.Max(series)
	about := fmt.Sprintf("%d values from %s to %s, %d change points", len(series), say(lo), say(hi), len(marks))
	ends := [2]string{say(hi), say(lo)}
	if lo == hi {
		ends = [2]string{ends[0], ""}
		lo, hi = lo-1, hi+1
	}
	x := func(i int) float64 { return w * float64(i) / float64(max(1, len(series)-1)) }
	y := func(v float64) float64 { return 6 + float64((h-12)*(1-(v-lo)/(hi-lo))) }
	var b strings.Builder
	fmt.Fprintf(&b, `<div class="trend"><div class="ends"><span>%s</span><span>%s</span></div>`, template.HTMLEscapeString(ends[0]), template.HTMLEscapeString(ends[1]))
	fmt.Fprintf(&b, `<svg viewBox="0 0 %g %g" preserveAspectRatio="none" role="img" aria-label="%s">`, w, h, template.HTMLEscapeString(about))
	b.WriteString(`<path fill="none" stroke="var(--c0)" stroke-width="1.8" vector-effect="non-scaling-stroke" d="`)
	for i, v := range series {
		c := 'L'
		if i == 0 {
			c = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f,%.1f", c, x(i), y(v))
	}
	b.WriteString(`"/>`)
	for _, m := range marks {
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="0" y2="%g" stroke="var(--c5)" stroke-width="2" stroke-dasharray="5 3" vector-effect="non-scaling-stroke"><title>%s</title></line>`, x(m.At), x(m.At), h, template.HTMLEscapeString(m.Text))
	}
	b.WriteString(`</svg></div>`)
	return template.HTML(b.String())
}

// Spread draws a distribution: a line from the least to the most, a box from the tenth to the
// ninetieth percentile, a bar at the median.
func Spread(least, p10, median, p90, most float64) template.HTML {
	const w, h = 180.0, 22.0
	if most <= least {
		return ""
	}
	x := func(v float64) float64 { return 5 + float64((w-10)*((v-least)/(most-least))) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="inline" width="%g" height="%g" viewBox="0 0 %g %g" role="img" aria-label="from %.4g to %.4g, median %.4g">`, w, h, w, h, least, most, median)
	fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="11" y2="11" stroke="var(--soft)"/>`, x(least), x(most))
	fmt.Fprintf(&b, `<rect x="%.1f" y="4" width="%.1f" height="14" fill="var(--here)" stroke="var(--c0)"/>`, x(p10), max(1, x(p90)-x(p10)))
	fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="2" y2="20" stroke="var(--c5)" stroke-width="3"/></svg>`, x(median), x(median))
	return template.HTML(b.String())
}
