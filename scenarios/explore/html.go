package explore

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/reports/page"
)

// FileHTML is the page of an exploration, beside explore.json.
const FileHTML = "explore.html"

//go:embed explore_page.html
var explorePage string

// HTML is what a search came to, as a page.
func (r *Result) HTML() ([]byte, error) {
	growth := make([]float64, len(r.Coverage.Growth))
	for i, g := range r.Coverage.Growth {
		growth[i] = float64(g.Reached)
	}
	var drawn template.HTML
	if len(growth) > 1 {
		drawn = page.Trend(growth, nil, func(v float64) string { return strconv.Itoa(int(v)) })
	}
	type troubles struct {
		Title string
		List  []Trouble
	}
	var all []troubles
	if len(r.Crashes) > 0 {
		all = append(all, troubles{"Plans that ended with an error", r.Crashes})
	}
	if len(r.Undecided) > 0 {
		all = append(all, troubles{"Plans that could not be judged", r.Undecided})
	}
	return page.Render(page.Content{
		Title: "explore: " + r.Scenario, Body: explorePage,
		V: map[string]any{
			"R": r, "Head": r.head(), "Columns": coverageColumns(), "Rows": r.Coverage.rows(), "Growth": drawn, "Troubles": all,
			"Cards": []page.Card{
				{Figure: strconv.Itoa(r.Plans.Held), Text: "plans held"}, {Figure: strconv.Itoa(r.Plans.Broke), Text: "broke something"},
				{Figure: strconv.Itoa(r.Plans.Undecided), Text: "could not be decided"},
			},
		},
		Funcs: template.FuncMap{
			"join": strings.Join, "plan": describe, "left": (*Find).left,
			"fault": func(e chaos.Entry) string { return describe(chaos.Plan{Entries: []chaos.Entry{e}}) },
		},
	})
}

// head is the page's, with the first find in a line.
func (r *Result) head() page.Verdict {
	v := page.Verdict{Mark: "pass", Text: "NOTHING FOUND", Title: r.Scenario + ": random plans"}
	if n := r.Broken(); n > 0 {
		v.Mark, v.Text = "fail", "FOUND "+strconv.Itoa(n)
	} else if r.Plans.Crashed > 0 {
		v.Mark, v.Text = "fail", "ERROR"
	} else if r.Plans.Held == 0 {
		v.Mark = "unknown"
	}
	if len(r.Found) > 0 {
		f := r.Found[0]
		v.Headline = fmt.Sprintf("%s breaks: %s", f.Claim, f.About)
		if more := len(r.Found) - 1; more > 0 {
			v.Headline += fmt.Sprintf("; and %d more", more)
		}
	}
	if r.Aborted {
		v.About = "The search was interrupted; this is what it had until then."
	}
	return v
}
