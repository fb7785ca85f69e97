package reports

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/internal/units"
)

// policyColumns head the table of a comparison.
var policyColumns = [...]string{
	"scenario", "policy", "cv at end", "cv on average", "moves", "ideal", "thrash", "bytes", "ideal", "recovery", "actions",
	"latency by node",
}

// cells are a row of the table as texts.
func (r PolicyRow) cells() []string {
	figure := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	size := func(v float64) string { return units.FormatBytes(int64(v)) }
	name := r.Scenario
	if name == "" {
		name = "all"
	}
	cells := []string{
		name, r.Policy, strconv.FormatFloat(r.FinalCV, 'f', 3, 64), strconv.FormatFloat(r.AverageCV, 'f', 3, 64),
		figure(r.Moves), figure(r.IdealMoves), figure(r.Thrash), size(r.Bytes), size(r.IdealBytes), quantity(r.RecoveryS, "s"), figure(r.Actions),
		r.latencies(),
	}
	return cells
}

// latencies are the mean times of operations on each node, first → last, and the 99th
// percentiles where they are known.
func (r PolicyRow) latencies() string {
	ms := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return strconv.FormatFloat(*v, 'g', 3, 64)
	}
	var parts []string
	for _, n := range r.Nodes {
		text := fmt.Sprintf("%s %s→%s", n.Node, ms(n.BeforeMs), ms(n.AfterMs))
		if n.BeforeP99 != nil || n.AfterP99 != nil {
			text += fmt.Sprintf(" (%s→%s)", ms(n.BeforeP99), ms(n.AfterP99))
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "–"
	}
	return strings.Join(parts, ", ")
}

// table is every row, and the totals where there is more than one scenario.
func (c *Policies) table() [][]string {
	var rows [][]string
	several := false
	for _, r := range c.Rows {
		several = several || r.Scenario != c.Rows[0].Scenario
		rows = append(rows, r.cells())
	}
	if several {
		for _, r := range c.Totals {
			rows = append(rows, r.cells())
		}
	}
	return rows
}

// legend says how the table is to be read.
func (c *Policies) legend() string {
	over := "one seed"
	if c.Seeds > 1 {
		over = fmt.Sprintf("means over %d seeds", c.Seeds)
	}
	return over + `; cv: coefficient of variation of shards over nodes; ideal: no policy can end as even with fewer; ` +
		`recovery: from the slowest fault until green; latency: mean in ms (99th percentile) in the first → in the last tenth of the run; all: sums of moves, thrash, bytes and actions, means of the rest`
}

// PoliciesText prints the table for a terminal.
func PoliciesText(out io.Writer, c *Policies) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(policyColumns[:], "\t"))
	before := ""
	for _, row := range c.table() {
		if row[0] != before && before != "" {
			fmt.Fprintln(w, strings.Repeat("\t", len(row)-1))
		}
		before = row[0]
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", c.legend())
	return err
}

// PoliciesMarkdown is the table for a document.
func PoliciesMarkdown(c *Policies) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(policyColumns[:], " | "), strings.Repeat("---|", len(policyColumns)))
	for _, row := range c.table() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintf(&b, "\n%s\n", c.legend())
	return b.Bytes()
}

//go:embed policies_table.html
var policiesTable string

// policyLine is a row of the page.
type policyLine struct {
	Cells []string
	Best  bool
}

// best is the row of each scenario, and of the totals, that ends most even, and among those
// moved least; none where two are alike.
func best(rows []PolicyRow) map[int]bool {
	out := make(map[int]bool)
	less := func(a, b PolicyRow) bool {
		if a.FinalCV != b.FinalCV {
			return a.FinalCV < b.FinalCV
		}
		return a.Moves < b.Moves
	}
	for i, r := range rows {
		ahead := true
		several := false
		for j, other := range rows {
			if i == j || other.Scenario != r.Scenario {
				continue
			}
			several = true
			ahead = ahead && less(r, other)
		}
		out[i] = ahead && several
	}
	return out
}

// PoliciesHTML is the table for a page.
func PoliciesHTML(c *Policies) (template.HTML, error) {
	cells := c.table()
	rows := append(append([]PolicyRow(nil), c.Rows...), c.Totals...)[:len(cells)]
	leading := best(rows)
	lines := make([]policyLine, len(cells))
	for i, row := range cells {
		lines[i] = policyLine{row, leading[i]}
	}
	t, err := template.New("policies").Parse(policiesTable)
	if err != nil {
		return "", fmt.Errorf("table of policies: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]any{"Columns": policyColumns[:], "Rows": lines, "Legend": c.legend()}); err != nil {
		return "", fmt.Errorf("table of policies: %w", err)
	}
	return template.HTML(b.String()), nil
}
