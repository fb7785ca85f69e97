package compare

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"math"
	"strings"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/page"
)

//go:embed compare_page.html
var comparePage string

// HTML is the comparison as one page.
func (r *Result) HTML() ([]byte, error) {
	head := page.Verdict{Mark: string(r.Verdict), Text: strings.ToUpper(string(r.Verdict)), Title: "Did the change make it worse?", Headline: r.headline()}
	var labels []string
	for _, c := range r.Contenders {
		labels = append(labels, c.Label)
	}
	head.About = fmt.Sprintf("%s against %s", strings.Join(labels, ", "), r.Base)
	var policies template.HTML
	if r.Policies != nil {
		var err error
		if policies, err = reports.PoliciesHTML(r.Policies); err != nil {
			return nil, err
		}
	}
	return page.Render(page.Content{
		Title: "compare: " + string(r.Verdict), Body: comparePage, V: map[string]any{"R": r, "Head": head, "Policies": policies}, Wide: true,
		Funcs: template.FuncMap{
			"count": Contender.count, "ordered": Contender.ordered, "sample": Scenario.sample, "held": Scenario.held,
			"rows": func(s Scenario) []Row { return s.worstFirst(true) }, "words": Row.words, "change": Row.change, "range_": Row.interval,
			"median": func(a Amount, unit string) string { return amount(float64(a), unit) }, "interval": drawn, "spread_": Spread.words, "dots": func(row Row) template.HTML { return page.Dots(row.Points, said(row.Unit)) }, "spread": spread,
		},
	})
}

// drawn is the picture of a row's interval.
func drawn(r Row) template.HTML {
	if r.Difference == nil || r.Interval == nil {
		return ""
	}
	span := max(math.Abs(r.Interval[0]), math.Abs(r.Interval[1]), 2*r.Minimum)
	return page.Interval(*r.Difference, r.Interval[0], r.Interval[1], r.Minimum, span)
}

// said is how pictures say amounts of a unit.
func said(unit string) page.Said { return func(v float64) string { return amount(v, unit) } }

// spread is the picture of a row's distributions on both sides.
func spread(r Row) template.HTML {
	var sides [2][]float64
	for _, p := range r.Points {
		for i, v := range p {
			if v != nil {
				sides[i] = append(sides[i], *v)
			}
		}
	}
	return page.Distributions(sides[0], sides[1], r.never, said(r.Unit))
}

// headline is the worst of a comparison in one line; "" where nothing is to be said.
func (r *Result) headline() string {
	for _, c := range r.Contenders {
		for _, s := range c.ordered() {
			if c.Verdict != r.Verdict || s.Verdict != r.Verdict {
				continue
			}
			if h := s.held(); h != "" && s.Verdicts.Verdict == r.Verdict {
				return s.Name + ": " + h
			}
			for _, row := range s.worstFirst(false) {
				if row.Verdict == r.Verdict {
					return fmt.Sprintf("%s: %s is %s, %s → %s (%s)", s.Name, row.Name, row.words(), amount(float64(row.Base), row.Unit), amount(float64(row.Now), row.Unit), row.change())
				}
			}
		}
	}
	return ""
}

// drawnSeries is the picture of a figure over revisions with its changes.
func drawnSeries(s Series) template.HTML {
	values := make([]float64, len(s.Values))
	for i, p := range s.Values {
		values[i] = p.Value
	}
	var marks []page.Mark
	for _, c := range s.Changes {
		marks = append(marks, page.Mark{At: c.At, Text: fmt.Sprintf("%s → %s from %s on", amount(c.From, s.Unit), amount(c.To, s.Unit), c.First)})
	}
	return page.Trend(values, marks, said(s.Unit))
}
