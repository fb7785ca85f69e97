package fidelity

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/internal/units"
)

// JSON is the table for programs.
func (t *Table) JSON() ([]byte, error) {
	out, err := json.MarshalIndent(struct {
		Schema string `json:"schema"`
		*Table
		Failed bool `json:"failed"`
	}{"shardquake.fidelity/1", t, t.Failed()}, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(out, '\n'), nil
}

var header = []string{"phase", "quantity", "simulated", "real", "error", "target", "verdict"}

// cells are a row's columns, as text.
func (r Row) cells() []string {
	errText, limit := "–", "–"
	if !r.Sim.never() && !r.Real.never() {
		errText = signed(r.Unit, r.Error)
		if r.Real.Median != 0 && r.Error != 0 {
			errText += fmt.Sprintf(" (%+.1f %%)", 100*r.Relative)
		}
		limit = "± " + value(r.Unit, r.Limit)
		if r.Unit == Count {
			limit = "equal"
		}
	}
	verdict := string(r.Verdict)
	if !r.Determined {
		verdict += " (varies)"
	}
	if r.Note != "" {
		verdict += ": " + r.Note
	}
	return []string{r.Phase, r.Quantity, distText(r.Unit, r.Sim), distText(r.Unit, r.Real), errText, limit, verdict}
}

func (o Order) cells() []string {
	verdict := string(o.Verdict)
	if !o.Determined {
		verdict += " (varies)"
	}
	return []string{
		o.Phase, "order of relocations", fmt.Sprintf("%d of %d as the first real run", o.SimAgree, o.SimRuns),
		fmt.Sprintf("%d of %d alike", o.RealAgree, o.RealRuns), "–", "equal", verdict,
	}
}

func distText(u Unit, d Dist) string {
	if d.never() {
		return "–"
	}
	text := value(u, d.Median)
	if d.Min != d.Max {
		text += fmt.Sprintf(" (%s…%s)", value(u, d.Min), value(u, d.Max))
	}
	n := fmt.Sprintf(" n=%d", d.N)
	if !d.always() {
		n += fmt.Sprintf("/%d", d.Runs)
	}
	return text + n
}

func value(u Unit, v float64) string {
	switch u {
	case Seconds:
		return fmt.Sprintf("%.2f s", v)
	case Bytes:
		return units.FormatBytes(int64(v))
	}
	return fmt.Sprintf("%g", v)
}

func signed(u Unit, v float64) string {
	if v < 0 {
		return "−" + value(u, -v)
	}
	return "+" + value(u, v)
}

func (t *Table) lines() [][]string {
	var out [][]string
	phase := ""
	addOrder := func(name string) {
		for _, o := range t.Orders {
			if o.Phase == name {
				out = append(out, o.cells())
			}
		}
	}
	for i, r := range t.Rows {
		if i > 0 && r.Phase != phase {
			addOrder(phase)
		}
		phase = r.Phase
		out = append(out, r.cells())
	}
	addOrder(phase)
	return out
}

// tally counts the quantities: determined ones and those within the target, ones that vary and
// those inside.
type tally struct{ determined, within, varying, inside int }

func (t *Table) counts() tally {
	var c tally
	for _, r := range t.Rows {
		switch {
		case r.Determined:
			c.determined++
			if r.Verdict == Within {
				c.within++
			}
		default:
			c.varying++
			if r.Verdict != Outside {
				c.inside++
			}
		}
	}
	for _, o := range t.Orders {
		if o.Determined {
			c.determined++
			if o.Verdict == Within {
				c.within++
			}
		}
	}
	return c
}

// conclusion is the first line of every form.
func (t *Table) conclusion() string {
	word := "as predicted"
	if t.Failed() {
		word = "NOT as predicted"
	}
	c := t.counts()
	return fmt.Sprintf("%s: %s; %d of %d determined quantities within the target, %d of %d that vary within target or range",
		t.Scenario, word, c.within, c.determined, c.inside, c.varying)
}

// Text prints the table for a terminal.
func (t *Table) Text(out io.Writer) error {
	fmt.Fprintf(out, "%s\nreal: %s; median (min…max); times in seconds since the phase began\n\n", t.conclusion(), t.RealFrom)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, l := range t.lines() {
		fmt.Fprintln(w, strings.Join(l, "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, n := range t.Notes {
		fmt.Fprintf(out, "note: %s\n", n)
	}
	return nil
}

// Markdown is the table for a document.
func (t *Table) Markdown() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Simulated against real: %s\n\n%s.\nReal: %s. Median (minimum…maximum), number of runs; times since the beginning of the phase.\n\n", t.Scenario, t.conclusion(), t.RealFrom)
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat("---|", len(header)))
	for _, l := range t.lines() {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(l, " | "))
	}
	b.WriteString("\nThe target is 15 % of the real median or 0.3 s, whichever is larger; 5 % for bytes; counts are equal. \"varies\": the real\nruns themselves differ by more than the target, and the simulated median is compared with their range.\n")
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "\n* %s\n", n)
	}
	return []byte(b.String())
}
