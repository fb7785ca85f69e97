package reports

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
)

// SummaryOptions are how the terminal summary is printed.
type SummaryOptions struct {
	Color bool
	// Dir is where the report is; "" when it could not be written.
	Dir string
}

// mark is what a verdict looks like on a terminal.
func mark(v scenarios.Verdict, color bool) string {
	text, code := "UNKNOWN", "33"
	switch v {
	case scenarios.Pass:
		text, code = "PASS", "32"
	case scenarios.Fail:
		text, code = "FAIL", "31"
	}
	if !color {
		return text
	}
	return "\x1b[1;" + code + "m" + text + "\x1b[0m"
}

// Summary prints a run's answer for a terminal: first whether it held.
func Summary(out io.Writer, r *Report, opt SummaryOptions) error {
	var b strings.Builder
	head := map[scenarios.Verdict]string{scenarios.Pass: "it held", scenarios.Fail: "it did not hold", scenarios.Unknown: "it could not be decided"}[r.Verdict]
	if r.Aborted != "" {
		head = r.Aborted
	}
	fmt.Fprintf(&b, "%s  %s: %s (%s, seed %d)\n\n", mark(r.Verdict, opt.Color), r.Scenario, head, r.Backend, r.Seed)
	if text := drawnText(r.Varied); text != "" {
		fmt.Fprintf(&b, "  drawn: %s\n\n", text)
	}
	if why := headline(r); why != "" {
		fmt.Fprintf(&b, "  %s\n\n", why)
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if len(r.Expectations) > 0 {
		fmt.Fprintln(w, "  \texpectation\tobserved\tlimit\tmargin")
	}
	for _, e := range r.Expectations {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", mark(e.Verdict, false), e.Name, quantity(e.Observed, e.Unit), quantity(e.Limit, e.Unit), quantity(e.Margin, e.Unit))
	}
	w.Flush()
	for _, e := range r.Expectations {
		if e.Verdict != scenarios.Pass {
			fmt.Fprintf(&b, "\n  %s %s: %s\n", mark(e.Verdict, opt.Color), e.Name, e.Reason)
		}
	}
	for _, f := range r.Faults {
		if !f.Injected || !f.Shown {
			fmt.Fprintf(&b, "\n  %s at %gs was not shown to be in force: %s\n", f.Kind, f.AtS, notShown(f))
		}
	}
	b.WriteString("\n")
	w = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, q := range []struct {
		name string
		b    *BalanceOverTime
	}{{"shards", r.Scores.Balance.Shards}, {"bytes", r.Scores.Balance.Bytes}} {
		if q.b != nil {
			fmt.Fprintf(w, "  balance of %s\tcv %.3g → %.3g\tworst %.3g at %.1fs\tvariance %.3g → %.3g\n", q.name, q.b.Initial.CV, q.b.Final.CV, q.b.Worst.CV, q.b.WorstS, q.b.Initial.Variance, q.b.Final.Variance)
		}
	}
	for _, f := range r.Scores.Recovery.PerFault {
		fmt.Fprintf(w, "  after %s\tdetected %s\tyellow %s\tgreen %s%s\n", f.Kind, quantity(f.TimeToDetectS, "s"), quantity(f.TimeToYellowS, "s"), quantity(f.TimeToGreenS, "s"), copiedText(f.BytesMoved))
	}
	for _, f := range r.FaultLoads {
		if n := f.busiest(); n != nil {
			fmt.Fprintf(w, "  %s around %s\t%s → %s on %s\tprocessors %s → %s\n", f.Of, f.Kind, quantity(n.BeforeMs, "ms"), quantity(n.AfterMs, "ms"), n.Node, percent(n.BeforeCPU), percent(n.AfterCPU))
		}
	}
	c := r.Scores.Clients
	if m := r.Scores.Movement; m != nil {
		fmt.Fprintf(w, "  movement\t%d moves\t%s\t%d redundant, %d thrash\n", m.Moves, units.FormatBytes(m.Bytes), m.RedundantMoves, m.Thrash)
	}
	for i, f := range c.PerFault {
		if t := r.Scores.Clients.Tracers; t.Attempted > 0 && r.Faults[i].Injected {
			fmt.Fprintf(w, "  clients after %s\t%d of %d not acknowledged\t%d retried, %d slow\tnone acknowledged for %s\n", f.Kind, f.Failed+f.Unknown, f.Attempted, f.Retried, f.Slow, quantity(f.SilentS, "s"))
		}
	}
	fmt.Fprintf(w, "  clients\t%d operations\t%d failed, %d unknown\tp50 %s, p99 %s\n", c.Ops, c.Failed, c.Unknown, quantity(c.P50Ms, "ms"), quantity(c.P99Ms, "ms"))
	w.Flush()
	if c.Tracers.Attempted > 0 {
		fmt.Fprintf(&b, "  %s\n", c.countsText())
	}
	if why := c.causesText(); why != "" {
		fmt.Fprintf(&b, "  not acknowledged: %s\n", why)
	}
	if c.Behaviour != "" {
		fmt.Fprintf(&b, "  the client: %s\n", c.Behaviour)
	}
	fmt.Fprintf(&b, "\n  %.4gs of cluster time in %.3gs", r.VirtualS, r.WallS)
	if r.Events > 0 {
		fmt.Fprintf(&b, ", %d events, trace hash %s", r.Events, r.TraceHash)
	}
	b.WriteString("\n")
	if opt.Dir != "" {
		fmt.Fprintf(&b, "  report  %s/%s\n  replay  %s\n", opt.Dir, FileHTML, ReplayCommand(opt.Dir))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// copiedText is what was copied after a fault, where that was observed.
func copiedText(n *int64) string {
	if n == nil {
		return ""
	}
	return ", " + bytesText(n) + " copied"
}

// notShown says why a fault does not count.
func notShown(f Fault) string {
	if f.Error != "" {
		return f.Error
	}
	for _, e := range f.Bites {
		if !e.Shown {
			return e.What + ": " + e.Saw
		}
	}
	return "it was not probed"
}

// duration writes milliseconds in the unit that a person reads: 0.42 ms, 1.4 ms, 310 ms, 10 s.
func duration(ms float64) string {
	unit := "ms"
	switch {
	case ms >= 1000 || ms <= -1000:
		ms, unit = ms/1000, "s"
	case ms != 0 && ms < 0.1 && ms > -0.1:
		ms, unit = ms*1000, "µs"
	}
	digits := 3
	if ms >= 1000 {
		digits = 4
	}
	return strconv.FormatFloat(score.Round(significant(ms, digits)), 'f', -1, 64) + " " + unit
}

// significant rounds to so many digits.
func significant(v float64, digits int) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	if err != nil {
		return v
	}
	return out
}

// quantity writes a number with its unit; "–" where there is none.
func quantity(v *float64, unit string) string {
	if v == nil {
		return "–"
	}
	if unit == "b" {
		return units.FormatBytes(int64(*v))
	}
	if unit == "ms" {
		return duration(*v)
	}
	text := strconv.FormatFloat(*v, 'g', 4, 64)
	if unit == "s" {
		text = strconv.FormatFloat(*v, 'f', 2, 64)
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}
