package reports

import (
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// headline says in one line what failed, or could not be decided, and why; "" of a run that
// held. The first failure is told; further ones are counted.
func headline(r *Report) string {
	if r.Aborted != "" {
		return r.Aborted
	}
	first, more := -1, 0
	for i, e := range r.Expectations {
		switch {
		case e.Verdict == scenarios.Pass || rank(e.Verdict) < rank(r.Verdict):
		case first < 0:
			first = i
		default:
			more++
		}
	}
	if first < 0 {
		return ""
	}
	e := r.Expectations[first]
	text := e.Name + ": " + firstLine(shortened(e.Reason, r.Ailments))
	if e.Observed != nil && e.Limit != nil {
		text += fmt.Sprintf(" (%s, limit %s)", quantity(e.Observed, e.Unit), quantity(e.Limit, e.Unit))
	}
	switch {
	case more == 1:
		text += "; and one more"
	case more > 1:
		text += fmt.Sprintf("; and %d more", more)
	}
	return text
}

// shortened tells what ails a cluster in a line where a reason tells all of it: the whole stands
// in the table and the notes.
func shortened(reason string, ailments []observed.Ailment) string {
	for _, a := range ailments {
		if a.Text != "" {
			reason = strings.ReplaceAll(reason, a.Text, a.Brief())
		}
	}
	return reason
}

// firstLine is the first line of a reason, whose others are details.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(strings.TrimSpace(line), ":")
}

// verdictOf is the head of a run's page.
func verdictOf(r *Report) page.Verdict {
	return page.Verdict{Mark: string(r.Verdict), Text: strings.ToUpper(string(r.Verdict)), Title: r.Scenario, About: r.About, Headline: headline(r)}
}

// cardsOf are the figures that are looked at first.
func cardsOf(r *Report) []page.Card {
	var out []page.Card
	num := func(v float64) string { return quantity(&v, "") }
	for _, f := range r.Scores.Recovery.PerFault {
		text := fmt.Sprintf("green after %s (detected %s, yellow %s", f.Kind, quantity(f.TimeToDetectS, "s"), quantity(f.TimeToYellowS, "s"))
		if f.BytesMoved != nil {
			text += fmt.Sprintf(", %s copied", bytesText(f.BytesMoved))
		}
		out = append(out, page.Card{Figure: quantity(f.TimeToGreenS, "s"), Text: text + ")"})
	}
	if s := r.Scores.Balance.Shards; s != nil {
		out = append(out, page.Card{
			Figure: num(s.Initial.CV) + " → " + num(s.Final.CV),
			Text:   fmt.Sprintf("coefficient of variation of shards per node (worst %s at %s s)", num(s.Worst.CV), num(s.WorstS)),
		})
	}
	if m := r.Scores.Movement; m != nil {
		out = append(out, page.Card{Figure: fmt.Sprint(m.Moves), Text: fmt.Sprintf("relocations (%s; %d redundant, %d thrash)", units.FormatBytes(m.Bytes), m.RedundantMoves, m.Thrash)})
	}
	return append(out, clientCards(&r.Scores.Clients)...)
}

// groupsOf are the zones of the nodes, or their tiers, by which a page groups many of them;
// nil where the description has neither.
func groupsOf(res *scenarios.Result) []string {
	specs := res.Scenario.NodeSpecs()
	if len(specs) != len(res.History.Nodes) {
		return nil
	}
	by := func(of func(scenarios.NodeSpec) string) []string {
		out := make([]string, len(specs))
		several := false
		for i, n := range specs {
			out[i] = of(n)
			if out[i] == "" {
				return nil
			}
			several = several || out[i] != out[0]
		}
		if !several {
			return nil
		}
		return out
	}
	if zones := by(func(n scenarios.NodeSpec) string {
		if z := n.Attributes["zone"]; z != "" {
			return "zone " + z
		}
		return ""
	}); zones != nil {
		return zones
	}
	return by(func(n scenarios.NodeSpec) string {
		for _, role := range n.Roles {
			if strings.HasPrefix(role, "data_") {
				return role
			}
		}
		return ""
	})
}

// employed says who looked after the cluster: a policy, or somebody's own program or function,
// of which the scenario knows nothing.
func employed(c *Control) string {
	if len(c.List) > 0 && c.Policy == "none" && c.List[0].Policy == "" {
		return "the " + c.List[0].Actor
	}
	return c.Policy
}
