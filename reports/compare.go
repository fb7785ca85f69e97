package reports

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Difference is a figure that two runs do not share.
type Difference struct {
	Name     string   `json:"name"`
	Unit     string   `json:"unit,omitempty"`
	Baseline *float64 `json:"baseline"`
	Now      *float64 `json:"now"`
	// Worse is whether an expectation that passed does not any more.
	Worse bool `json:"worse"`
}

// Compare lists what differs between a baseline and a run of the same scenario.
func Compare(baseline, now *Report) ([]Difference, error) {
	if baseline.Scenario != now.Scenario {
		return nil, fmt.Errorf("the baseline is a run of %s, not of %s", baseline.Scenario, now.Scenario)
	}
	was := make(map[string]int)
	for i, e := range baseline.Expectations {
		was[e.Name] = i
	}
	var out []Difference
	for _, e := range now.Expectations {
		d := Difference{Name: e.Name, Unit: e.Unit, Now: e.Observed}
		if i, ok := was[e.Name]; ok {
			d.Baseline = baseline.Expectations[i].Observed
			d.Worse = rank(e.Verdict) > rank(baseline.Expectations[i].Verdict)
		}
		if d.Worse || !sameNumber(d.Baseline, d.Now) {
			out = append(out, d)
		}
	}
	before, after := quantitiesOf([]*Report{baseline}), quantitiesOf([]*Report{now})
	for _, q := range after {
		if _, isExpectation := was[q.Name]; isExpectation {
			continue
		}
		d := Difference{Name: q.Name, Unit: q.Unit, Now: ptr(q.Median)}
		for _, b := range before {
			if b.Name == q.Name {
				d.Baseline = ptr(b.Median)
			}
		}
		if !sameNumber(d.Baseline, d.Now) {
			out = append(out, d)
		}
	}
	return out, nil
}

func sameNumber(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// CompareSummary prints the differences for a terminal, after what makes them doubtful.
func CompareSummary(out io.Writer, diffs []Difference, reservations []string, baselineDir string) error {
	if len(reservations) > 0 {
		fmt.Fprintf(out, "\n  the run in %s is not of the same kind:\n", baselineDir)
	}
	for _, r := range reservations {
		fmt.Fprintf(out, "    %s\n", r)
	}
	if len(diffs) == 0 {
		_, err := fmt.Fprintf(out, "\n  against the baseline in %s: no figure differs\n", baselineDir)
		return err
	}
	fmt.Fprintf(out, "\n  against the baseline in %s\n", baselineDir)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, d := range diffs {
		note := ""
		if d.Worse {
			note = "WORSE VERDICT"
		}
		change := ""
		if d.Baseline != nil && d.Now != nil && *d.Baseline != 0 {
			change = fmt.Sprintf("%+.1f %%", 100*(*d.Now-*d.Baseline)/(*d.Baseline))
		}
		fmt.Fprintf(w, "  %s\t%s\t→ %s\t%s\t%s\n", d.Name, quantity(d.Baseline, d.Unit), quantity(d.Now, d.Unit), change, note)
	}
	return w.Flush()
}
