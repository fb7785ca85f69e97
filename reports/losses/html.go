package losses

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"strings"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

//go:embed losses_page.html
var lossesPage string

// shaded is a cell of the map: how bad it is decides its colour, and its text says it.
type shaded struct {
	Text  string
	Class string // pass, fail, unknown or ""
}

// mapped is a loss with its cells.
type mapped struct {
	M     *planning.Measured
	Cells []shaded
}

// HTML is the plan as one page.
func HTML(r *planning.Result) ([]byte, error) {
	head := page.Verdict{
		Mark: string(r.Verdict), Text: strings.ToUpper(string(r.Verdict)), Title: "What can " + r.Scenario + " lose?", Headline: r.Headline,
		About: fmt.Sprintf("%d losses, seeds 1 to %d, %d runs", len(now(r).Losses), r.Seeds, r.Done),
	}
	return page.Render(page.Content{
		Title: "plan: " + r.Scenario, Body: lossesPage, V: map[string]any{"R": r, "Head": head, "Now": now(r), "Header": header(r)}, Wide: true,
		Funcs: template.FuncMap{
			"rows":   func() []mapped { return shade(r) },
			"lower":  func(f planning.Figure) string { return amount(f) },
			"join":   strings.Join,
			"runs":   func(dir string) string { return DirRuns + "/" + dir + "/" + reports.FileHTML },
			"breaks": func() [][]string { return breakRows(r.Growth) }, "growthWords": func() []string { return growthWords(r.Growth) },
			"growthChart": func() template.HTML { return growthChart(r.Growth) },
			"sizeWords":   func(t planning.Sized) string { return sizeWords(&t) }, "fleetChart": func(t planning.Sized) template.HTML { return fleetChart(&t) }, "fleets": fleetRows,
			"changeWords": func() []string { return changeWords(r.Transition) }, "ways": func() [][]string { return wayRows(r.Transition) },
			"breakHeader": func() []string { return breakHeader }, "fleetHeader": func() []string { return fleetHeader }, "wayHeader": func() []string { return wayHeader },
		},
	})
}

// shade makes the map.
func shade(r *planning.Result) []mapped {
	var out []mapped
	side, head := now(r), header(r)
	for i := range side.Losses {
		m := &side.Losses[i]
		row := mapped{M: m}
		for j, text := range cells(r, m) {
			row.Cells = append(row.Cells, shaded{text, shadeOf(head[j], m)})
		}
		out = append(out, row)
	}
	return out
}

// shadeOf is how bad a measure is by itself, whatever was asked.
func shadeOf(name string, m *planning.Measured) string {
	bad := func(is bool) string {
		if is {
			return "fail"
		}
		return ""
	}
	if len(m.Runs) == 0 {
		return ""
	}
	switch name {
	case "verdict":
		return string(m.Verdict)
	case "stays red":
		return bad(len(m.Red) > 0 || m.NoMaster)
	case "yellow p50":
		return bad(m.YellowP50.Value == nil)
	case "yellow p95":
		return bad(m.YellowP95.Value == nil)
	case "green p95":
		return bad(m.GreenP95.Value == nil)
	case "green p50":
		return bad(m.GreenP50.Value == nil)
	case "above":
		switch m.Crossed {
		case "low":
			return string(scenarios.Unknown)
		case "high", "flood-stage":
			return "fail"
		}
	case "unassigned":
		return bad(m.Unassigned.Value != nil && *m.Unassigned.Value > 0)
	}
	return ""
}
