package fidelity

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"strings"

	"github.com/shardquake/shardquake/reports/page"
)

//go:embed fidelity_page.html
var fidelityPage string

// pageLine is a quantity as the page shows it.
type pageLine struct {
	Mark    string // names a class of the page's style
	Verdict string
	Note    string
	Cells   []string
	Drawn   template.HTML
}

// HTML is the table as a page.
func (t *Table) HTML() ([]byte, error) {
	head := page.Verdict{Mark: "pass", Text: "AS PREDICTED", Title: t.Scenario + ": simulated against real", Headline: t.headline()}
	if t.Failed() {
		head.Mark, head.Text = "fail", "NOT AS PREDICTED"
	}
	c := t.counts()
	return page.Render(page.Content{
		Title: t.Scenario + ": simulated against real", Body: fidelityPage, Wide: true,
		V: map[string]any{"T": t, "Head": head, "Lines": t.pageLines(), "Cards": []page.Card{
			{Figure: fmt.Sprintf("%d of %d", c.within, c.determined), Text: "determined quantities are within the target"},
			{Figure: fmt.Sprintf("%d of %d", c.inside, c.varying), Text: "that vary are within the target or the range of the real runs"},
		}},
	})
}

// headline names what is furthest outside; "" where nothing that is determined is.
func (t *Table) headline() string {
	worst, more := -1, -1
	for i, r := range t.Rows {
		if !r.Failed() {
			continue
		}
		more++
		if worst < 0 || max(r.Relative, -r.Relative) > max(t.Rows[worst].Relative, -t.Rows[worst].Relative) {
			worst = i
		}
	}
	if worst < 0 {
		return ""
	}
	cells := t.Rows[worst].cells()
	text := fmt.Sprintf("%s, %s: simulated %s, real %s, target %s", cells[0], cells[1], cells[2], cells[3], cells[5])
	if more > 0 {
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// pageLines are the rows and the orders of relocations, each phase's after its quantities.
func (t *Table) pageLines() []pageLine {
	var out []pageLine
	orders := func(phase string) {
		for _, o := range t.Orders {
			if o.Phase == phase {
				out = append(out, lineOf(o.cells(), o.Verdict, o.Failed()))
			}
		}
	}
	for i, r := range t.Rows {
		if i > 0 && r.Phase != t.Rows[i-1].Phase {
			orders(t.Rows[i-1].Phase)
		}
		l := lineOf(r.cells(), r.Verdict, r.Failed())
		l.Drawn = page.Distributions(r.Sim.Values, r.Real.Values, [2]int{r.Sim.Runs - r.Sim.N, r.Real.Runs - r.Real.N}, func(v float64) string { return value(r.Unit, v) })
		out = append(out, l)
	}
	if n := len(t.Rows); n > 0 {
		orders(t.Rows[n-1].Phase)
	}
	return out
}

// lineOf is a row of cells, its last taken apart.
func lineOf(cells []string, v Verdict, failed bool) pageLine {
	l := pageLine{Cells: cells, Mark: "pass"}
	l.Verdict, l.Note, _ = strings.Cut(cells[len(cells)-1], ": ")
	switch {
	case failed:
		l.Mark = "fail"
	case v != Within:
		l.Mark = "unknown"
	}
	return l
}
