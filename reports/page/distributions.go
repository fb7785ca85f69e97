package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"
)

// mostBins bounds the bars of a distribution.
const mostBins = 16

// Distributions draws how the values of two sides are spread over the same bins: the base's
// bars go up, the contender's down, each in parts of its side's runs, so that sides of
// different size compare. A line marks each median; runs that never had the figure are
// counted, as they have no place on the axis. Nothing is drawn where all values are one.
func Distributions(base, contender []float64, never [2]int, say Said) template.HTML {
	all := slices.Concat(base, contender)
	if len(base) == 0 || len(contender) == 0 || slices.Min(all) == slices.Max(all) {
		return ""
	}
	const w, h, middle, tall = 320.0, 92.0, 38.0, 30.0
	lo, hi := slices.Min(all), slices.Max(all)
	bins := max(4, min(mostBins, int(math.Ceil(math.Sqrt(float64(len(all)))))))
	x := func(v float64) float64 { return 14 + float64((w-28)*((v-lo)/(hi-lo))) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="inline" width="%g" height="%g" viewBox="0 0 %g %g" role="img" aria-label="distributions from %s to %s, medians %s and %s">`, w, h, w, h, say(lo), say(hi), say(middleOf(base)), say(middleOf(contender)))
	sides := [2][]float64{base, contender}
	var counts [2][]int
	most := 0.0
	for i, values := range sides {
		counts[i] = inBins(values, lo, hi, bins)
		most = max(most, float64(slices.Max(counts[i]))/float64(len(values)))
	}
	wide := (w - 28) / float64(bins)
	for i, values := range sides {
		color, way := [...]string{"var(--c0)", "var(--c5)"}[i], [...]float64{-1, 1}[i]
		for k, n := range counts[i] {
			if n == 0 {
				continue
			}
			high := tall * float64(n) / float64(len(values)) / most
			fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%d of %d</title></rect>`, 14+wide*float64(k)+1, min(middle, middle+way*high), wide-2, high, color, n, len(values))
		}
		at := x(middleOf(values))
		fmt.Fprintf(&b, `<line x1="%.1f" x2="%.1f" y1="%g" y2="%g" stroke="var(--fg)" stroke-width="2"/>`, at, at, middle, middle+way*(tall+4))
	}
	fmt.Fprintf(&b, `<line x1="14" x2="%g" y1="%g" y2="%g" stroke="var(--soft)"/><text x="14" y="88">%s</text><text x="%g" y="88" text-anchor="end">%s</text>`, w-14, middle, middle, say(lo), w-14, say(hi))
	if never[0]+never[1] > 0 {
		fmt.Fprintf(&b, `<text x="%g" y="88" text-anchor="middle">never: %d and %d</text>`, w/2, never[0], never[1])
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// inBins counts values in bins of the same width; the last holds the greatest too.
func inBins(values []float64, lo, hi float64, bins int) []int {
	out := make([]int, bins)
	for _, v := range values {
		out[min(bins-1, int(float64(bins)*((v-lo)/(hi-lo))))]++
	}
	return out
}

func middleOf(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
