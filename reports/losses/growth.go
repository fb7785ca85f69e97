package losses

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/scenarios/planning"
)

// breakHeader names the columns of the table of breaks.
var breakHeader = []string{"objective", "after", "first broken", "limit", "the day before", "that day"}

// breakRows are the objectives with the days on which they first are not met.
func breakRows(g *planning.Growth) [][]string {
	var out [][]string
	for i := range g.Breaks {
		b := &g.Breaks[i]
		before, then := "–", "–"
		if b.Before != nil {
			before = b.Before.Reason
		}
		if b.Then != nil {
			then = b.Then.Reason
		}
		if b.Reason != "" {
			then = b.Reason
		}
		out = append(out, []string{b.Objective, b.After, dayOf(b), orNone(b.Limit), shortened(before), shortened(then)})
	}
	return out
}

// dayOf is the day of a break, with how sure it is.
func dayOf(b *planning.Break) string {
	if b.Day == nil {
		return b.When()
	}
	return b.When() + mark(b.Tag)
}

// growthWords say what grows, and how far that was followed.
func growthWords(g *planning.Growth) []string {
	out := append([]string{}, g.How...)
	last := fmt.Sprintf("%d days ahead", g.Until)
	if g.From != "" {
		last += " of " + g.From
	}
	return append(out, fmt.Sprintf("followed %s on %d days, with the loss of %s; between two of these days an objective that breaks is taken not to mend", last, len(g.Days), strings.Join(g.Watched, ", ")))
}

func growthText(b *strings.Builder, r *planning.Result) {
	if r.Growth == nil {
		return
	}
	b.WriteString("\n")
	for _, line := range growthWords(r.Growth) {
		fmt.Fprintf(b, "  growth: %s\n", line)
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, line := range append([][]string{breakHeader}, breakRows(r.Growth)...) {
		fmt.Fprintln(w, "  "+strings.Join(line[:4], "\t"))
	}
	w.Flush() //nolint:errcheck // into memory
}

func growthMarkdown(b *strings.Builder, r *planning.Result) {
	if r.Growth == nil {
		return
	}
	b.WriteString("\n## Growth\n\n")
	for _, line := range growthWords(r.Growth) {
		fmt.Fprintf(b, "- %s\n", line)
	}
	b.WriteString("\n")
	markdownTable(b, append([][]string{breakHeader}, breakRows(r.Growth)...))
}

// markdownTable writes rows, of which the first is the header.
func markdownTable(b *strings.Builder, rows [][]string) {
	for i, line := range rows {
		cells := make([]string, len(line))
		for j := range line {
			cells[j] = escaped(line[j])
		}
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(line)) + "\n")
		}
	}
}
