package losses

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/scenarios/planning"
)

// wayHeader names the columns of the table of ways in which a change is made.
var wayHeader = []string{"order", "speed", "moves", "bytes", "takes", "fullest disk", "processors", "safe", "why"}

func wayRow(w *planning.Way) []string {
	takes := "never"
	if w.Took.Value != nil {
		takes = spanOf(*w.Took.Value) + mark(w.Took.Tag)
	}
	safe := "no"
	if w.Safe {
		safe = "yes"
	}
	return []string{w.Order, orNone(w.Speed), amount(w.Moves), amount(w.Bytes), takes, amount(w.Disk), amount(w.CPU), safe, shortened(w.Reason)}
}

// spanOf is a time in the unit in which it is easily read.
func spanOf(seconds float64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 7200:
		return fmt.Sprintf("%.1f min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

func wayRows(t *planning.Transition) [][]string {
	var out [][]string
	for i := range t.Ways {
		out = append(out, wayRow(&t.Ways[i]))
	}
	if len(out) == 0 && t.Cost != nil {
		out = append(out, wayRow(t.Cost))
	}
	return out
}

// changeWords say what a change costs.
func changeWords(t *planning.Transition) []string {
	var out []string
	for _, u := range t.Untold {
		out = append(out, "what it costs to change "+u)
	}
	if len(t.Steps) > 0 {
		out = append(out, "steps: "+names(t.Steps))
	}
	switch {
	case len(t.Ways) > 0 && t.Best >= 0:
		w := &t.Ways[t.Best]
		out = append(out, fmt.Sprintf("the fastest safe way: %s at %s", w.Order, w.Speed))
	case len(t.Ways) > 0:
		out = append(out, "no way that was tried is safe")
	}
	return out
}

func changeText(b *strings.Builder, r *planning.Result) {
	if r.Transition == nil {
		return
	}
	b.WriteString("\n")
	for _, line := range changeWords(r.Transition) {
		fmt.Fprintf(b, "  the change itself: %s\n", line)
	}
	rows := wayRows(r.Transition)
	if len(rows) == 0 {
		return
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, line := range append([][]string{wayHeader}, rows...) {
		fmt.Fprintln(w, "  "+strings.Join(line, "\t"))
	}
	w.Flush() //nolint:errcheck // into memory
}

func changeMarkdown(b *strings.Builder, r *planning.Result) {
	if r.Transition == nil {
		return
	}
	b.WriteString("\n## The change itself\n\n")
	for _, line := range changeWords(r.Transition) {
		fmt.Fprintf(b, "- %s\n", line)
	}
	if rows := wayRows(r.Transition); len(rows) > 0 {
		b.WriteString("\n")
		markdownTable(b, append([][]string{wayHeader}, rows...))
	}
}
