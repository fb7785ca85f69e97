package reports

import (
	_ "embed"
	"fmt"
	"html/template"
	"path"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios"
)

//go:embed sweep_page.html
var sweepPage string

// SweepHTML is a sweep's page, of the same make as a run's. Whole is whether every seed was run,
// so that the worst has a report of its own.
func SweepHTML(s *Sweep, replay string, whole bool) ([]byte, error) {
	funcs := template.FuncMap{
		"upper":  func(v scenarios.Verdict) string { return strings.ToUpper(string(v)) },
		"amount": func(v float64, unit string) string { return quantity(&v, unit) },
		"spread": func(q Quantity) template.HTML { return page.Spread(q.Min, q.P10, q.Median, q.P90, q.Max) },
		"margin": func(m *float64) string {
			if m == nil {
				return "–"
			}
			return percent(m)
		},
		"drawn": drawnText,
	}
	head := page.Verdict{Mark: string(s.Verdict), Text: strings.ToUpper(string(s.Verdict)), Title: fmt.Sprintf("%s over %d seeds", s.Scenario, len(s.Seeds))}
	if s.Verdict != scenarios.Pass {
		head.Headline = fmt.Sprintf("%d of %d seeds failed, %d could not be decided; the worst is seed %d: %s", s.Failed, len(s.Seeds), s.Unknown, s.Worst, s.WorstReason)
	}
	cards := []page.Card{
		{Figure: fmt.Sprintf("%d of %d", s.Passed, len(s.Seeds)), Text: "seeds passed"},
		{Figure: fmt.Sprint(s.Failed), Text: "failed"}, {Figure: fmt.Sprint(s.Unknown), Text: "could not be decided"},
		{Figure: fmt.Sprint(s.Worst), Text: "is the worst seed (" + s.WorstReason + ")"},
	}
	return page.Render(page.Content{
		Title: s.Scenario + ": " + string(s.Verdict), Body: sweepPage, Funcs: funcs,
		V: map[string]any{"S": s, "Head": head, "Cards": cards, "Replay": replay, "Whole": whole, "Link": path.Join(DirWorst, FileHTML), "Drawn": slices.ContainsFunc(s.Seeds, func(r SeedOutcome) bool { return len(r.Varied) > 0 })},
	})
}
