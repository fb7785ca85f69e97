package reports

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
)

// FileSweep is the file of a sweep over seeds, DirWorst the folder in it with the
// files of the worst seed's run.
const (
	FileSweep = "sweep.json"
	// FileRuns has a line for each of its runs, in the form of a history.
	FileRuns = "runs.jsonl"
	DirWorst = "worst"
)

// Sweep is what the runs of one scenario with several seeds have in common.
type Sweep struct {
	Schema   string            `json:"schema"`
	Version  version.Build     `json:"version"`
	Scenario string            `json:"scenario"`
	Backend  string            `json:"backend"`
	Verdict  scenarios.Verdict `json:"verdict"` // the worst
	Passed   int               `json:"passed"`
	Failed   int               `json:"failed"`
	Unknown  int               `json:"unknown"`
	// Worst is the seed with the worst verdict, among those the one with the smallest
	// margin relative to its limit.
	Worst       uint64        `json:"worst_seed"`
	WorstReason string        `json:"worst_reason"`
	Quantities  []Quantity    `json:"quantities"`
	Seeds       []SeedOutcome `json:"seeds"`
}

// Quantity is the distribution of one figure over the seeds.
type Quantity struct {
	Name string `json:"name"`
	Unit string `json:"unit,omitempty"`
	score.Distribution
}

// SeedOutcome is one run of a sweep.
type SeedOutcome struct {
	Seed      uint64            `json:"seed"`
	Varied    []scenarios.Draw  `json:"varied,omitempty"` // what it drew where the scenario varies
	Verdict   scenarios.Verdict `json:"verdict"`
	Margin    *float64          `json:"smallest_relative_margin"`
	By        string            `json:"by"`
	TraceHash string            `json:"trace_hash"`
}

// SweepOf sums up runs of one scenario; reports stand in the order of their seeds.
func SweepOf(reports []*Report) *Sweep {
	first := reports[0]
	s := &Sweep{Schema: SweepSchema, Version: first.Version, Scenario: first.Scenario, Backend: first.Backend, Verdict: scenarios.Pass}
	var worst *SeedOutcome
	for _, r := range reports {
		o := SeedOutcome{Seed: r.Seed, Varied: r.Varied, Verdict: r.Verdict, TraceHash: r.TraceHash}
		o.Margin, o.By = smallestMargin(r)
		switch r.Verdict {
		case scenarios.Pass:
			s.Passed++
		case scenarios.Fail:
			s.Failed++
		default:
			s.Unknown++
		}
		s.Seeds = append(s.Seeds, o)
		if worst == nil || worseSeed(o, *worst) {
			worst = &o
		}
	}
	s.Verdict, s.Worst = worst.Verdict, worst.Seed
	s.WorstReason = worst.By
	if worst.Margin != nil {
		s.WorstReason = fmt.Sprintf("%s, margin %.3g %% of its limit", worst.By, 100**worst.Margin)
	}
	s.Quantities = quantitiesOf(reports)
	return s
}

func rank(v scenarios.Verdict) int {
	return slices.Index([]scenarios.Verdict{scenarios.Pass, scenarios.Unknown, scenarios.Fail}, v)
}

func worseSeed(a, b SeedOutcome) bool {
	if rank(a.Verdict) != rank(b.Verdict) {
		return rank(a.Verdict) > rank(b.Verdict)
	}
	return a.Margin != nil && (b.Margin == nil || *a.Margin < *b.Margin)
}

// smallestMargin finds the expectation that was nearest to failing, or failed most.
// An expectation with no room at all (a limit of zero that holds) says nothing.
func smallestMargin(r *Report) (*float64, string) {
	var least *float64
	by := ""
	for _, e := range r.Expectations {
		if e.Verdict == scenarios.Unknown && by == "" {
			by = e.Name
		}
		if e.Margin == nil || e.Limit == nil || (*e.Limit == 0 && *e.Margin == 0) {
			continue
		}
		scale := *e.Limit
		if scale < 0 {
			scale = -scale
		}
		m := *e.Margin
		if scale != 0 {
			m = score.Round(m / scale)
		}
		if least == nil || m < *least {
			least, by = &m, e.Name
		}
	}
	return least, by
}

// quantitiesOf lines up every figure that all or some of the runs have.
func quantitiesOf(reports []*Report) []Quantity {
	var names, unitsOf []string
	values := make(map[string][]float64)
	add := func(name, unit string, v float64) {
		if _, ok := values[name]; !ok {
			names, unitsOf = append(names, name), append(unitsOf, unit)
		}
		values[name] = append(values[name], v)
	}
	for _, r := range reports {
		for _, f := range Figures(r) {
			add(f.Name, f.Unit, f.Value)
		}
	}
	var out []Quantity
	for i, n := range names {
		out = append(out, Quantity{n, unitsOf[i], score.DistributionOf(values[n])})
	}
	return out
}

// WriteSweep leaves a sweep's files in dir; runs are the lines of [FileRuns], whole is whether
// every seed was run.
func WriteSweep(dir string, s *Sweep, reports []*Report, runs []byte, replay func(seed uint64) string, whole bool) error {
	text, err := marshal(s)
	if err != nil {
		return err
	}
	junit, err := JUnit(reports)
	if err != nil {
		return err
	}
	var md bytes.Buffer
	fmt.Fprintf(&md, "# %s over %d seeds: %s\n\n```\n", s.Scenario, len(s.Seeds), strings.ToUpper(string(s.Verdict)))
	if err := SweepSummary(&md, s, replay(s.Worst), SummaryOptions{Dir: dir}); err != nil {
		return err
	}
	md.WriteString("```\n")
	html, err := SweepHTML(s, replay(s.Worst), whole)
	if err != nil {
		return err
	}
	return writeDir(dir, []file{{FileHTML, html}, {FileSweep, text}, {FileRuns, runs}, {FileJUnit, junit}, {FileSummary, md.Bytes()}})
}

// SweepSummary prints a sweep for a terminal: first whether it always held.
func SweepSummary(out io.Writer, s *Sweep, replay string, opt SummaryOptions) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s: %d of %d seeds passed, %d failed, %d unknown\n\n", mark(s.Verdict, opt.Color), s.Scenario, s.Passed, len(s.Seeds), s.Failed, s.Unknown)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  quantity\tmin\tp10\tmedian\tp90\tmax\tn")
	for _, q := range s.Quantities {
		v := func(x float64) string { return quantity(&x, q.Unit) }
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%d\n", q.Name, v(q.Min), v(q.P10), v(q.Median), v(q.P90), v(q.Max), q.N)
	}
	w.Flush()
	fmt.Fprintf(&b, "\n  worst seed %d (%s)\n", s.Worst, s.WorstReason)
	if opt.Dir != "" {
		fmt.Fprintf(&b, "  report  %s\n  worst   %s\n", path.Join(opt.Dir, FileHTML), path.Join(opt.Dir, DirWorst, FileHTML))
	}
	fmt.Fprintf(&b, "  replay  %s\n", replay)
	if opt.Dir != "" {
		fmt.Fprintf(&b, "  files   %s\n", opt.Dir)
	}
	for _, o := range s.Seeds {
		if text := drawnText(o.Varied); o.Seed == s.Worst && text != "" {
			fmt.Fprintf(&b, "  drawn   %s\n", text)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
