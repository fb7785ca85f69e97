package losses

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// column is a measure of a loss.
type column struct {
	name string
	cell func(*planning.Measured) string // nil: it is a figure
	of   func(*planning.Measured) planning.Figure
}

// processors is the name of a column that says nothing where nobody asks for anything.
const processors = "busiest processors"

// shown are the measures of a plan's tables.
func shown(r *planning.Result) []column {
	busy := func(m planning.Measured) bool { return m.PeakCPU.Value != nil && *m.PeakCPU.Value > 0 }
	if slices.ContainsFunc(r.Sides, func(s planning.Side) bool { return slices.ContainsFunc(s.Losses, busy) }) {
		return columns[:]
	}
	return slices.DeleteFunc(slices.Clone(columns[:]), func(c column) bool { return c.name == processors })
}

// columns are the measures that tables have.
var columns = [...]column{
	{"stays red", func(m *planning.Measured) string {
		if m.NoMaster {
			return "no master"
		}
		return names(m.Red)
	}, nil},
	{"yellow p50", nil, func(m *planning.Measured) planning.Figure { return m.YellowP50 }},
	{"yellow p95", nil, func(m *planning.Measured) planning.Figure { return m.YellowP95 }},
	{"green p50", nil, func(m *planning.Measured) planning.Figure { return m.GreenP50 }},
	{"green p95", nil, func(m *planning.Measured) planning.Figure { return m.GreenP95 }},
	{"moved", nil, func(m *planning.Measured) planning.Figure { return m.Bytes }},
	{"fullest disk", nil, func(m *planning.Measured) planning.Figure { return m.PeakDisk }},
	{"above", func(m *planning.Measured) string { return orNone(m.Crossed) }, nil},
	{processors, nil, func(m *planning.Measured) planning.Figure { return m.PeakCPU }},
	{"unassigned", nil, func(m *planning.Measured) planning.Figure { return m.Unassigned }},
	{"held by", func(m *planning.Measured) string { return holders(m) }, nil},
}

// text is the column's cell of a loss.
func (c *column) text(m *planning.Measured) string {
	if len(m.Runs) == 0 {
		return "not run"
	}
	if c.cell != nil {
		return c.cell(m)
	}
	return amount(c.of(m))
}

// mark is the letter of a figure that is no more than assumed.
func mark(tag string) string {
	if tag == "assumed" {
		return " ᵃ"
	}
	return ""
}

func amount(f planning.Figure) string {
	switch {
	case f.Value == nil && f.Unit == "s":
		return "never"
	case f.Value == nil:
		return "–"
	case f.Unit == "b":
		return units.FormatBytes(int64(*f.Value)) + mark(f.Tag)
	case f.Unit == "s":
		return fmt.Sprintf("%.1f s", *f.Value) + mark(f.Tag)
	case f.Unit == "%":
		return fmt.Sprintf("%.1f %%", *f.Value) + mark(f.Tag)
	}
	return fmt.Sprintf("%.0f", *f.Value) + mark(f.Tag)
}

func orNone(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// names are the first of many.
func names(all []string) string {
	const shown = 3
	if len(all) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:shown], ", "), len(all)-shown)
	}
	return orNone(strings.Join(all, ", "))
}

// holders are the deciders, or else the causes, that hold copies without a node.
func holders(m *planning.Measured) string {
	var out []string
	for _, a := range m.Held {
		by := a.Decider
		if by == "" {
			by = a.Cause
		}
		if !slices.Contains(out, by) {
			out = append(out, by)
		}
	}
	return names(out)
}

// beside is the loss of the other side that corresponds to one; nil where it has none.
func beside(r *planning.Result, m *planning.Measured) *planning.Measured {
	if len(r.Sides) < 2 {
		return nil
	}
	for i := range r.Sides[0].Losses {
		if b := &r.Sides[0].Losses[i]; b.Kind == m.Kind && b.Name == m.Name {
			return b
		}
	}
	return nil
}

// now is the side that the verdict is of.
func now(r *planning.Result) *planning.Side { return &r.Sides[len(r.Sides)-1] }

// cells are a row of the table: before and after in one, where there is a change.
func cells(r *planning.Result, m *planning.Measured) []string {
	was := beside(r, m)
	out := []string{m.String(), change(was, verdictOf(m), verdictOf)}
	for _, c := range shown(r) {
		out = append(out, change(was, c.text(m), c.text))
	}
	return out
}

func verdictOf(m *planning.Measured) string { return orNone(string(m.Verdict)) }

func change(was *planning.Measured, text string, of func(*planning.Measured) string) string {
	if was == nil || of(was) == text {
		return text
	}
	return of(was) + " → " + text
}

// rows are all losses of the last side.
func rows(r *planning.Result) [][]string {
	var out [][]string
	side := now(r)
	for i := range side.Losses {
		out = append(out, cells(r, &side.Losses[i]))
	}
	return out
}

func header(r *planning.Result) []string {
	out := []string{"loss", "verdict"}
	for _, c := range shown(r) {
		out = append(out, c.name)
	}
	return out
}

// Summary prints a plan for a terminal: the verdict and the worst case first.
func Summary(out io.Writer, r *planning.Result, dir string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s: %s\n\n", strings.ToUpper(string(r.Verdict)), r.Scenario, r.Headline)
	tellAssumed(&b, r, "  ")
	for _, o := range now(r).Objectives {
		fmt.Fprintf(&b, "%-8s%s: %s\n", strings.ToUpper(string(o.Verdict)), o.Name, shortened(o.Reason))
	}
	b.WriteString("\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, line := range append([][]string{header(r)}, rows(r)...) {
		fmt.Fprintln(w, "  "+strings.Join(line, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	changeText(&b, r)
	growthText(&b, r)
	sizeText(&b, r)
	b.WriteString(tail(r))
	if dir != "" {
		fmt.Fprintf(&b, "  files   %s\n", dir)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// tellAssumed lists what the verdict hangs on, and how much else is assumed.
func tellAssumed(b *strings.Builder, r *planning.Result, indent string) {
	others := 0
	for _, a := range r.Assumptions {
		if !a.Hangs {
			others++
			continue
		}
		fmt.Fprintf(b, "%sassumed, and the verdict hangs on it: %s: %s (%s). It matters for %s.\n", indent, a.About, a.Took, a.Why, a.Matters)
	}
	if others > 0 {
		fmt.Fprintf(b, "%s%d other assumptions are in planning.json\n", indent, others)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "%snote: %s\n", indent, n)
	}
	if len(r.Assumptions)+len(r.Notes) > 0 {
		b.WriteString("\n")
	}
}

// tail explains the table and says how the worst is seen alone.
func tail(r *planning.Result) string {
	text := fmt.Sprintf("\n  %d runs, seeds 1 to %d; times since the loss; ᵃ hangs on something assumed, the rest is derived\n", r.Done, r.Seeds)
	for _, o := range now(r).Objectives {
		if o.Verdict == scenarios.Pass {
			continue
		}
		for _, m := range now(r).Losses {
			if m.String() == o.Loss {
				return text + "  worst   " + m.Replay + "\n"
			}
		}
	}
	return text
}

// Markdown is the plan for a pull request.
func Markdown(r *planning.Result) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s\n\n%s\n\n", r.Scenario, strings.ToUpper(string(r.Verdict)), escaped(r.Headline))
	tellAssumed(&b, r, "- ")
	b.WriteString("| objective | verdict | worst |\n|---|---|---|\n")
	for _, o := range now(r).Objectives {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", escaped(o.Name), o.Verdict, escaped(o.Reason))
	}
	b.WriteString("\n")
	markdownTable(&b, append([][]string{header(r)}, rows(r)...))
	changeMarkdown(&b, r)
	growthMarkdown(&b, r)
	sizeMarkdown(&b, r)
	b.WriteString(tail(r))
	return bytes.TrimLeft([]byte(b.String()), "\n")
}

// shortened is the beginning of a reason, for a terminal; the files have all of it.
func shortened(s string) string {
	const most = 160
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// escaped keeps text within a cell.
func escaped(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
