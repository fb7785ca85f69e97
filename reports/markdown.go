package reports

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/shardquake/shardquake/internal/units"
)

// Markdown is a run's summary for a pull request or a chat.
func Markdown(r *Report, replay string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s: %s\n\n%s\n\n", r.Scenario, strings.ToUpper(string(r.Verdict)), r.About)
	fmt.Fprintf(&b, "Backend %s, scale %s, seed %d, %.4g s of cluster time.\n\n", r.Backend, r.Scale, r.Seed, r.VirtualS)
	if why := headline(r); why != "" {
		fmt.Fprintf(&b, "**%s**\n\n", why)
	}
	b.WriteString("| verdict | expectation | observed | limit | margin | what was seen |\n|---|---|---|---|---|---|\n")
	for _, e := range r.Expectations {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", e.Verdict, e.Name, quantity(e.Observed, e.Unit), quantity(e.Limit, e.Unit), quantity(e.Margin, e.Unit), e.Reason)
	}
	b.WriteString("\n| fault | at | lasted | detected | yellow | green | copied | shown to bite |\n|---|---|---|---|---|---|---|---|\n")
	for i, f := range r.Faults {
		lasted := "for good"
		if f.HealedAtS != nil {
			lasted = fmt.Sprintf("%.1f s", *f.HealedAtS-f.AtS)
		}
		fmt.Fprintf(&b, "| %s | %.1f s | %s | %s | %s | %s | %s | %t |\n", f.Kind+" "+strings.Join(f.Victims, " "), f.AtS, lasted,
			quantity(f.DetectedAfterS, "s"), quantity(f.YellowAfterS, "s"), quantity(f.GreenAfterS, "s"),
			bytesText(r.Scores.Recovery.PerFault[i].BytesMoved), f.Shown)
	}
	loadsTable(&b, r.FaultLoads)
	if s := r.Scores.Balance.Shards; s != nil {
		fmt.Fprintf(&b, "\nShards over nodes: coefficient of variation %.3g at first, %.3g at worst (%.1f s), %.3g at the end; variance %.3g → %.3g.\n", s.Initial.CV, s.Worst.CV, s.WorstS, s.Final.CV, s.Initial.Variance, s.Final.Variance)
	}
	if m := r.Scores.Movement; m != nil {
		fmt.Fprintf(&b, "Movement: %d moves, %s, %d redundant, %d thrash.\n", m.Moves, units.FormatBytes(m.Bytes), m.RedundantMoves, m.Thrash)
	}
	if c := &r.Scores.Clients; c.Tracers.Attempted > 0 {
		fmt.Fprintf(&b, "Clients: %s; p50 %s, p99 %s; none acknowledged for %s at the longest.", c.countsText(), quantity(c.P50Ms, "ms"), quantity(c.P99Ms, "ms"), quantity(c.SilentS, "s"))
		if why := c.causesText(); why != "" {
			fmt.Fprintf(&b, " Not acknowledged: %s.", why)
		}
		b.WriteString("\n")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n- %s", n)
	}
	if len(r.Notes) > 0 { // or the next line would belong to the last note
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\nReplay: `%s`\n", replay)
	return b.Bytes()
}
