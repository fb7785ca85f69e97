package compare

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
)

// amount writes a figure with its unit.
func amount(v float64, unit string) string {
	switch {
	case math.IsInf(v, 0) || math.IsNaN(v):
		return "never"
	case unit == "b":
		if v < 0 {
			return "-" + units.FormatBytes(int64(-v))
		}
		return units.FormatBytes(int64(v))
	case unit == "s":
		return strconv.FormatFloat(v, 'f', 2, 64) + " s"
	case unit != "":
		return strconv.FormatFloat(v, 'g', 4, 64) + " " + unit
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func signed(v float64, unit string) string {
	if v > 0 {
		return "+" + amount(v, unit)
	}
	return amount(v, unit)
}

// change is the difference in words: how much, in percent, and between what.
func (r Row) change() string {
	if r.Difference == nil {
		return fmt.Sprintf("%s → %s", amount(float64(r.Base), r.Unit), amount(float64(r.Now), r.Unit))
	}
	text := signed(*r.Difference, r.Unit)
	if r.Base != 0 {
		text += fmt.Sprintf(" (%+.1f %%)", 100**r.Difference/math.Abs(float64(r.Base)))
	}
	return text
}

func (r Row) interval() string {
	if len(r.Quantiles) > 0 {
		medians := r.Quantiles[0].Sides
		return medians[0].between(r.Unit) + " → " + medians[1].between(r.Unit)
	}
	if r.Interval == nil {
		return "–"
	}
	return signed(r.Interval[0], r.Unit) + " … " + signed(r.Interval[1], r.Unit)
}

// words are the verdict with what it means.
func (r Row) words() string {
	if r.Verdict == Same && r.equal {
		return "same in every pair"
	}
	if r.Verdict == Same {
		return "same within ±" + amount(r.Minimum, r.Unit)
	}
	return string(r.Verdict)
}

// worstFirst are the rows that say something, what gates and weighs most first.
func (s Scenario) worstFirst(all bool) []Row {
	var out []Row
	for _, r := range s.Rows {
		if all || r.Verdict == Worse || r.Verdict == Better || r.Verdict == Differs || (r.Verdict == Undecided && r.Gates) {
			out = append(out, r)
		}
	}
	weight := func(r Row) int {
		w := r.Verdict.order()
		if r.Gates {
			w += 10
		}
		if r.Verdict == Same || r.Verdict == Unchanged {
			w = 0
		}
		return w
	}
	slices.SortStableFunc(out, func(a, b Row) int { return cmp.Compare(weight(b), weight(a)) })
	return out
}

// ordered are the scenarios, those that got worse first.
func (c Contender) ordered() []Scenario {
	out := slices.Clone(c.Scenarios)
	slices.SortStableFunc(out, func(a, b Scenario) int { return cmp.Compare(b.Verdict.order(), a.Verdict.order()) })
	return out
}

// count is how many scenarios came out how, in words.
func (c Contender) count() string {
	var parts []string
	for _, v := range []Verdict{Worse, Undecided, Better, Differs, Same, Unchanged} {
		n := 0
		for _, s := range c.Scenarios {
			if s.Verdict == v {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	return strings.Join(parts, ", ")
}

// held is the row of the verdicts in words; "" where nothing changed.
func (s Scenario) held() string {
	h := s.Verdicts
	if s.Exact {
		return s.met()
	}
	if h.Passed[0]*s.Runs[1] == h.Passed[1]*s.Runs[0] && len(h.Lost)+len(h.Won) == 0 {
		return ""
	}
	text := fmt.Sprintf("held in %d of %d runs, was %d of %d", h.Passed[1], s.Runs[1], h.Passed[0], s.Runs[0])
	if len(h.Lost) > 0 {
		text += fmt.Sprintf("; no longer with seeds %s", numbers(h.Lost))
	}
	if len(h.Won) > 0 {
		text += fmt.Sprintf("; now with seeds %s", numbers(h.Won))
	}
	return text
}

// numbers lists a few of many.
func numbers(all []uint64) string {
	const most = 8
	var parts []string
	for i, n := range all {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(all)-most))
			break
		}
		parts = append(parts, strconv.FormatUint(n, 10))
	}
	return strings.Join(parts, ", ")
}

// sample is how many runs were compared, in words.
func (s Scenario) sample() string {
	if s.Exact {
		return "one result of each side, no sample"
	}
	if s.Paired {
		return fmt.Sprintf("%d pairs, %d with equal traces", s.Runs[0], s.Equal)
	}
	return fmt.Sprintf("%d and %d runs", s.Runs[0], s.Runs[1])
}

// Text prints the comparison for a terminal: the verdict first, then what got worse first.
func (r *Result) Text(out io.Writer) error {
	var b bytes.Buffer
	for _, c := range r.Contenders {
		fmt.Fprintf(&b, "%s  %s against %s: %s\n", strings.ToUpper(string(c.Verdict)), c.Label, r.Base, c.count())
		for _, s := range c.ordered() {
			s.text(&b)
		}
		b.WriteByte('\n')
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "not compared: %s\n", n)
	}
	if r.Policies != nil {
		if err := reports.PoliciesText(&b, r.Policies); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "minimum effects are those of the table or of tolerance:; error %g over all that gates (*), look %d of %d\n", r.Level, r.Look, r.Looks)
	_, err := out.Write(b.Bytes())
	return err
}

func (s Scenario) text(b *bytes.Buffer) {
	if s.Verdict == Unchanged {
		fmt.Fprintf(b, "  %-10s %s (%s)\n", s.Verdict, s.Name, s.sample())
		return
	}
	fmt.Fprintf(b, "\n  %-10s %s (%s)\n", s.Verdict, s.Name, s.sample())
	if h := s.held(); h != "" {
		fmt.Fprintf(b, "    %s: %s\n", s.Verdicts.Verdict, h)
	}
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range s.worstFirst(false) {
		gate, interval := " ", "["+row.interval()+"]\t"
		if row.Gates {
			gate = "*"
		}
		if len(row.Quantiles) > 0 {
			interval = "" // it stands below, with the quantiles
		}
		fmt.Fprintf(w, "   %s%s\t%s\t%s → %s\t%s\t%sn %d\n", gate, row.words(), row.Name, amount(float64(row.Base), row.Unit), amount(float64(row.Now), row.Unit), row.change(), interval, row.N)
	}
	_ = w.Flush() // into memory
	s.quantiles(b)
	for _, text := range s.Warnings {
		fmt.Fprintf(b, "    warning: %s\n", text)
	}
	for _, row := range s.worstFirst(false) {
		for _, text := range row.Warnings {
			fmt.Fprintf(b, "    warning: %s: %s\n", row.Name, text)
		}
	}
	if s.Why != nil {
		fmt.Fprintf(b, "    why (seed %d): %s\n", s.Worst, s.Why.Sentence())
	}
}

// quantiles tells those of what is told, with their intervals; beyond the median only those
// that have one.
func (s Scenario) quantiles(b *bytes.Buffer) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range s.worstFirst(false) {
		for i, q := range row.Quantiles {
			name := row.Name
			if i > 0 {
				name = ""
				if q.Sides[0].Interval == nil && q.Sides[1].Interval == nil {
					continue
				}
			}
			fmt.Fprintf(w, "      %s\t%s\t%s\t→ %s\n", name, q.Name(), q.Sides[0].words(row.Unit), q.Sides[1].words(row.Unit))
		}
	}
	_ = w.Flush() // into memory
}

// mostMarkdown bounds the rows of a pull request's comment.
const mostMarkdown = 12

// Markdown is the comparison for a pull request's comment.
func (r *Result) Markdown() []byte {
	var b bytes.Buffer
	for _, c := range r.Contenders {
		fmt.Fprintf(&b, "### %s: `%s` against `%s`\n\n%s\n\n", strings.ToUpper(string(c.Verdict)), c.Label, r.Base, c.count())
		rows, left := 0, 0
		for _, s := range c.ordered() {
			if h := s.held(); h != "" {
				fmt.Fprintf(&b, "- **%s**: %s %s\n", s.Name, s.Verdicts.Verdict, h)
			}
		}
		for _, s := range c.ordered() {
			for _, row := range s.worstFirst(false) {
				if rows == mostMarkdown {
					left++
					continue
				}
				if rows == 0 {
					b.WriteString("\n| | scenario | figure | base → new | change | interval |\n|---|---|---|---|---|---|\n")
				}
				rows++
				fmt.Fprintf(&b, "| %s | %s | %s | %s → %s | %s | %s |\n", row.words(), s.Name, row.Name, amount(float64(row.Base), row.Unit), amount(float64(row.Now), row.Unit), row.change(), row.interval())
			}
		}
		if left > 0 {
			fmt.Fprintf(&b, "\nand %d more\n", left)
		}
		for _, s := range c.ordered() {
			if s.Why != nil && s.Verdict == Worse {
				fmt.Fprintf(&b, "\n%s, seed %d: %s\n", s.Name, s.Worst, s.Why.Sentence())
				break
			}
		}
		b.WriteByte('\n')
	}
	if r.Policies != nil {
		b.Write(reports.PoliciesMarkdown(r.Policies))
		b.WriteByte('\n')
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "- not compared: %s\n", n)
	}
	return b.Bytes()
}
