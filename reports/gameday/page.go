package gameday

import (
	"cmp"
	_ "embed" // the pages
	"fmt"
	"html/template"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/live"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/gameday"
)

var (
	//go:embed saved.html
	savedBody string
	//go:embed approval.html
	approvalBody string
)

var funcs = template.FuncMap{
	"join": strings.Join,
	"num": func(v *float64, unit string) string {
		if v == nil {
			return "–"
		}
		return reports.Amount(*v, unit)
	},
	"amount": func(v float64, unit string) string { return reports.Amount(v, unit) },
	"percent": func(v *float64) string {
		if v == nil {
			return ""
		}
		return fmt.Sprintf("%+.0f %%", *v)
	},
	"upper": func(v scenarios.Verdict) string { return strings.ToUpper(string(v)) },
}

func figures(p *gameday.Prediction) (out []live.Figure) {
	for _, b := range p.Bands {
		out = append(out, live.Figure{Name: b.Figure, About: b.About})
	}
	return out
}

// HTML is the one file that is read a year later.
func (r *Record) HTML(res *scenarios.Result) ([]byte, error) {
	data := struct {
		reports.PageData
		Bands  []gameday.Band `json:"bands"`
		Values []Sample       `json:"values"`
		Sight  Shown          `json:"sight"`
	}{PageData: reports.PageDataOf(res), Bands: r.Prediction.Bands, Values: r.Samples, Sight: Shown{Rails: r.Rails, Expect: r.outcomes, Steps: r.steps()}}
	head := page.Verdict{Mark: string(r.Verdict), Text: strings.ToUpper(string(r.Verdict)), Title: r.Plan.Scenario, About: r.Plan.Hypothesis, Headline: r.headline()}
	return page.Render(page.Content{
		Title: "Game day " + r.Plan.Scenario, Body: savedBody + live.Parts, Funcs: funcs, Data: data, Scripts: []page.Script{page.Run, page.Gameday},
		V: map[string]any{"Head": head, "R": r, "Figures": figures(r.Prediction), "Again": FileAgain},
	})
}

// headline is the whole in one sentence.
func (r *Record) headline() string {
	what := map[scenarios.Verdict]string{scenarios.Pass: "The hypothesis held", scenarios.Fail: "The hypothesis did not hold", scenarios.Unknown: "The hypothesis could not be decided"}[r.Verdict]
	if r.Halt != nil {
		what = fmt.Sprintf("Halted by %s: %s; everything was undone after %s", r.Halt.Who, r.Halt.Reason, r.Halt.Undone)
		if r.Halt.During == gameday.Starting {
			what = fmt.Sprintf("Halted by %s while it was starting: %s; nothing had been done", r.Halt.Who, r.Halt.Reason)
		}
		if r.Halt.Error != "" {
			what = fmt.Sprintf("Halted by %s: %s; not everything could be undone: %s", r.Halt.Who, r.Halt.Reason, r.Halt.Error)
		}
	}
	return what + map[string]string{"yes": ", as predicted.", "no": "; it went otherwise than predicted.", "unknown": "; whether the prediction holds can't be said."}[r.Held]
}

// steps are the steps of the plan with what became of them.
func (r *Record) steps() (out []gameday.StepState) {
	for _, s := range r.Plan.Steps {
		state := "ahead"
		for _, m := range r.Moments {
			if m.Kind == "step" && m.Text == s.Name {
				state = "begun"
			}
		}
		out = append(out, gameday.StepState{Name: s.Name, State: state})
	}
	return out
}

// ApprovalPage is what somebody looks at before a game day begins.
func ApprovalPage(p *gameday.Plan, hash string, predicted *gameday.Prediction) ([]byte, error) {
	end := 1.0
	for _, b := range predicted.Bands {
		end = max(end, float64(len(b.Lo)-1))
	}
	data := map[string]any{"nodes": []string{}, "closed": end, "bands": predicted.Bands, "drawn": "prediction"}
	return page.Render(page.Content{
		Title: "Approve " + p.Scenario, Body: approvalBody + live.Parts, Funcs: funcs, Data: data, Scripts: []page.Script{page.Run, page.Gameday},
		V: map[string]any{
			"Head": page.Verdict{Mark: "unknown", Text: "APPROVE?", Title: p.Scenario, About: p.Hypothesis},
			"P":    p, "Hash": hash, "Predicted": predicted, "Figures": figures(predicted),
		},
	})
}

// agentOf says who undoes what is in force when the program is gone.
func agentOf(p *gameday.Plan) string {
	if p.Cluster != "" {
		return "a process of this machine, and by what the cluster file has beyond it"
	}
	return "the agent beside the nodes"
}

// WritePlan prints what somebody is asked to approve.
func WritePlan(out io.Writer, p *gameday.Plan, hash string, predicted *gameday.Prediction) error {
	fmt.Fprintf(out, "\n  game day   %s on %s: %s\n", p.Scenario, cmp.Or(p.Cluster, p.Backend), p.Hypothesis)
	if len(p.Asks) > 0 {
		fmt.Fprintf(out, "  asked      %s\n", strings.Join(p.Asks, ", "))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\n  when\twhat\tmay hit\tlasts")
	for _, a := range p.Actions {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", a.At, a.Kind, a.Reach(), a.Lasts)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range p.Steps {
		wait := ""
		if s.Wait != "" {
			wait = ", waits for approval"
		}
		fmt.Fprintf(out, "  step       %s: %s%s\n", s.At, s.Name, wait)
	}
	for _, g := range p.Guardrails {
		fmt.Fprintf(out, "  guardrail  %s\n", g)
	}
	for _, o := range p.Orders {
		fmt.Fprintf(out, "  command    %s\n", o)
	}
	fmt.Fprintf(out, "  undone     every fault by its inverse, last first; when this program dies, by %s\n", agentOf(p))
	fmt.Fprintf(out, "  predicted  %d simulated runs: %s\n", predicted.Seeds, verdicts(predicted))
	for _, f := range predicted.Failing {
		fmt.Fprintf(out, "             fails: %s\n", f)
	}
	for _, e := range predicted.Outcomes {
		fmt.Fprintf(out, "             %s: %s (%s to %s)\n", e.Name, reports.Amount(e.Mid, e.Unit), reports.Amount(e.Lo, e.Unit), reports.Amount(e.Hi, e.Unit))
	}
	_, err := fmt.Fprintf(out, "  plan       %s\n", hash)
	return err
}

func verdicts(p *gameday.Prediction) string {
	var out []string
	for _, v := range []scenarios.Verdict{scenarios.Pass, scenarios.Fail, scenarios.Unknown} {
		if n := p.Verdicts[string(v)]; n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(out, ", ")
}

// Summary prints what was predicted and what came.
func (r *Record) Summary(out io.Writer, dir string) error {
	fmt.Fprintf(out, "\n  %s\n\n", r.headline())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  figure\tpredicted\thappened\terror")
	for _, c := range r.Compared {
		fmt.Fprintf(w, "  %s\t%s (%s to %s)\t%s\t%s\n", c.Name, reports.Amount(c.Median, c.Unit), reports.Amount(c.Lo, c.Unit), reports.Amount(c.Hi, c.Unit), funcs["num"].(func(*float64, string) string)(c.Happened, c.Unit), funcs["percent"].(func(*float64) string)(c.Error))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, s := range r.Surprises {
		fmt.Fprintf(out, "  surprise   %s was %.4g from %.0f s to %.0f s, predicted %.4g to %.4g\n", s.Figure, s.Worst, s.From, s.To, s.Lo, s.Hi)
	}
	for _, a := range r.Actions {
		fmt.Fprintf(out, "  action     %s\n", a)
	}
	_, err := fmt.Fprintf(out, "  game day   %s/%s\n", dir, FilePage)
	return err
}
