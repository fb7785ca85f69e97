package losses

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/scenarios/planning"
)

// fleetHeader names the columns of the table of fleets.
var fleetHeader = []string{"machine", "nodes", "price", "verdict", "green after", "binds", "why"}

// fleetRow is a fleet as a line of the table.
func fleetRow(f *planning.Fleet) []string {
	green := "–"
	if f.Green != nil {
		green = fmt.Sprintf("%.1f s", *f.Green) + mark(f.Tag)
	}
	return []string{f.Machine, fmt.Sprint(f.Nodes), price(f.Price), string(f.Verdict), green, orNone(f.Limit), orNone(shortened(f.Reason))}
}

func fleetRows(all []planning.Fleet) [][]string {
	var out [][]string
	for i := range all {
		out = append(out, fleetRow(&all[i]))
	}
	return out
}

func price(p *float64) string {
	if p == nil {
		return "–"
	}
	return fmt.Sprintf("%.6g", *p)
}

// sizeWords say what a tier is and what would do.
func sizeWords(t *planning.Sized) string {
	text := fmt.Sprintf("tier %s is %s: %s", t.Tier, t.Verdict, t.Reason)
	switch {
	case t.Winner != nil:
		text += fmt.Sprintf("; the cheapest fleet is %d %s for %s", t.Winner.Nodes, t.Winner.Machine, price(t.Winner.Price))
		if t.Price != nil {
			text += fmt.Sprintf(" (now %s)", price(t.Price))
		}
		text += "; one node less: " + t.Binding
	case t.Verdict != planning.Undecided:
		text += "; no fleet of the machines in the file meets all objectives"
	}
	return text
}

func sizeText(b *strings.Builder, r *planning.Result) {
	if r.Size == nil {
		return
	}
	for i := range r.Size.Tiers {
		t := &r.Size.Tiers[i]
		fmt.Fprintf(b, "\n  size: %s\n", sizeWords(t))
		w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
		for _, line := range append([][]string{fleetHeader}, fleetRows(t.Tried)...) {
			fmt.Fprintln(w, "  "+strings.Join(line[:6], "\t"))
		}
		w.Flush() //nolint:errcheck // into memory
	}
}

func sizeMarkdown(b *strings.Builder, r *planning.Result) {
	if r.Size == nil {
		return
	}
	b.WriteString("\n## Size\n")
	for i := range r.Size.Tiers {
		t := &r.Size.Tiers[i]
		fmt.Fprintf(b, "\n%s\n\n", escaped(sizeWords(t)))
		markdownTable(b, append([][]string{fleetHeader}, fleetRows(t.Tried)...))
	}
}
