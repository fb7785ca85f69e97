package explore

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

// Summary tells people what a search came to, whose files are in a folder.
func Summary(out io.Writer, r *Result, dir string) error {
	var b strings.Builder
	head := "NOTHING FOUND"
	if n := r.Broken(); n > 0 {
		head = "FOUND " + strconv.Itoa(n)
	} else if r.Plans.Crashed > 0 {
		head = "ERROR"
	}
	fmt.Fprintf(&b, "%s  %s: %d plans in %d whole rounds, seed %d: %d held, %d broke something, %d undecided", head, r.Scenario, r.Plans.All(), r.Rounds, r.Seed, r.Plans.Held, r.Plans.Broke, r.Plans.Undecided)
	if r.Plans.Skipped > 0 {
		fmt.Fprintf(&b, ", %d skipped: touch nothing", r.Plans.Skipped)
	}
	if r.Plans.Crashed > 0 {
		fmt.Fprintf(&b, ", %d ended with an error", r.Plans.Crashed)
	}
	fmt.Fprintf(&b, "; %d runs\n", r.Runs)
	for _, p := range r.Replayed {
		says := map[scenarios.Verdict]string{scenarios.Fail: "still fails", scenarios.Pass: "holds now", scenarios.Unknown: "undecided"}[p.Verdict]
		fmt.Fprintf(&b, "  corpus  %s: %s%s\n", p.File, says, after(" — ", p.Why))
	}
	for _, f := range r.Found {
		f.summary(&b, dir)
	}
	for _, t := range r.Crashes {
		fmt.Fprintf(&b, "\n  error   %s, seed %d: %s\n", describe(t.Plan), t.Seed, t.Why)
	}
	for _, t := range r.Undecided {
		fmt.Fprintf(&b, "  unknown %s, seed %d: %s\n", describe(t.Plan), t.Seed, t.Why)
	}
	r.Coverage.table(&b)
	r.waysTable(&b)
	fmt.Fprintf(&b, "\n  all     %s\n", filepath.Join(dir, reports.FileExplore))
	_, err := io.WriteString(out, b.String())
	return err
}

func after(by, text string) string {
	if text == "" {
		return ""
	}
	return by + text
}

// summary tells of one find.
func (f *Find) summary(b *strings.Builder, dir string) {
	fmt.Fprintf(b, "\n  breaks  %s\n          %s\n", f.Claim, f.About)
	fmt.Fprintf(b, "          %s\n", f.left())
	switch f.Uncontrolled {
	case "holds":
		b.WriteString("          without the controller it holds\n")
	case "breaks":
		b.WriteString("          without the controller it breaks as well\n")
	}
	for _, text := range f.Besides {
		fmt.Fprintf(b, "          breaks as well  %s\n", text)
	}
	for _, n := range f.Near {
		fmt.Fprintf(b, "          near miss       %s, by %s\n", n.Claim, describe(n.Plan))
	}
	if c := f.Confirmed; c != nil {
		fmt.Fprintf(b, "          on %s nodes     %s: %s\n", c.Backend, c.Came, c.Why)
	}
	if f.GoTest != "" {
		fmt.Fprintf(b, "          as a Go test    %s\n", filepath.Join(dir, filepath.FromSlash(f.GoTest)))
	}
	fmt.Fprintf(b, "          shardquake run %s\n", reports.CommandLine(filepath.Join(dir, filepath.FromSlash(f.File))))
}

// left says what is left of the plan that was found, and how sure that is.
func (f *Find) left() string {
	switch {
	case f.Unfaulted:
		return "it does so without any fault, which is no plan's doing"
	case f.Interrupted:
		return fmt.Sprintf("%d of %d faults are left; shrinking and other seeds were interrupted", len(f.Plan.Entries), len(f.First.Entries))
	}
	minimal := "none of which can be left out"
	if !f.Minimal {
		minimal = "perhaps more than are needed, for the tries were used up"
	}
	if len(f.Smaller) > 0 {
		minimal += "; around them " + strings.Join(f.Smaller, ", ")
	}
	if f.Minimal && !f.Smallest {
		minimal += ", and perhaps it could be smaller yet, for the tries were used up"
	}
	return fmt.Sprintf("%d of %d faults are left, %s (%d runs); %d plans broke it; with %d other seeds %d break it, %d hold, %d break another claim, %d undecided",
		len(f.Plan.Entries), len(f.First.Entries), minimal, f.Tries, f.Plans, f.Others.Seeds, f.Others.Broke, f.Others.Held, f.Others.Otherwise, f.Others.Undecided)
}

// table shows how many plans had a fault of each kind strike in each phase of health.
func (c *Coverage) table(b *strings.Builder) {
	fmt.Fprintf(b, "\n  faults by the health that they struck in, alike ones of a plan once (in plans that held/broke/were undecided)\n")
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{coverageColumns()}, c.rows()...) {
		fmt.Fprintln(w, "  "+strings.ReplaceAll(strings.Join(row, "\t"), "–", "-"))
	}
	_ = w.Flush() // to a strings.Builder
	var curve []string
	step := max(1, len(c.Growth)/8)
	for i, g := range c.Growth {
		if (len(c.Growth)-1-i)%step == 0 {
			curve = append(curve, fmt.Sprintf("%d after %d", g.Reached, g.Plans))
		}
	}
	fmt.Fprintf(b, "  %d different (fault, health, faults beside, worst health then, decision): %s plans\n", len(c.Reached), strings.Join(curve, ", "))
	if len(c.Never) > 0 {
		fmt.Fprintf(b, "  never struck: %s\n", strings.Join(c.Never, ", "))
	}
}

// coverageColumns are the heads of [Coverage.rows].
func coverageColumns() []string {
	return append([]string{"fault"}, phases[:5]...)
}

// rows tell of each fault how many plans had it strike in each phase of health, and what
// they came to.
func (c *Coverage) rows() [][]string {
	sums := map[[2]string]Counts{}
	var faults []string
	for _, cell := range c.Reached {
		k := [2]string{cell.Fault, cell.Phase}
		if strings.HasPrefix(cell.Phase, "red") {
			k[1] = "red"
		}
		sum := sums[k]
		sum.Held, sum.Broke, sum.Undecided = sum.Held+cell.Plans.Held, sum.Broke+cell.Plans.Broke, sum.Undecided+cell.Plans.Undecided
		sums[k] = sum
		if len(faults) == 0 || faults[len(faults)-1] != cell.Fault {
			faults = append(faults, cell.Fault)
		}
	}
	var out [][]string
	for _, fault := range faults {
		row := []string{fault}
		for _, p := range phases[:5] {
			sum, was := sums[[2]string{fault, p}]
			if !was {
				row = append(row, "–")
				continue
			}
			row = append(row, fmt.Sprintf("%d (%d/%d/%d)", sum.All(), sum.Held, sum.Broke, sum.Undecided))
		}
		out = append(out, row)
	}
	return out
}
