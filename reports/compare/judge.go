package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports/quantity"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/reports/stats"
	"github.com/shardquake/shardquake/scenarios"
)

// The default chances of a false alarm. Real runs cost minutes, and whoever looks into a
// false alarm pays more.
const (
	LevelSimulated = 0.05
	LevelReal      = 0.01
)

// Options are how runs are judged.
type Options struct {
	// Level is the chance of a false alarm over all that gates; 0: the default.
	Level float64
	// Look is which of Looks looks at a growing sample this is, from 1; 0: the only one.
	Look, Looks int
	// Files are the scenarios' files by name, for annotations.
	Files map[string]string
}

// side is the runs of one side of one scenario.
type side []Record

// Judge compares contenders with a base, each given by its runs. Scenarios that a side lacks
// are told in the notes.
func Judge(base string, sides map[string][]Record, contenders []string, opt Options) (*Result, error) {
	if opt.Looks == 0 {
		opt.Look, opt.Looks = 1, 1
	}
	out := &Result{Schema: Schema, Version: version.Current(), Verdict: Unchanged, Base: base, Look: opt.Look, Looks: opt.Looks}
	sides = out.withoutUnfinished(sides, append([]string{base}, contenders...))
	for _, label := range contenders {
		c := Contender{Label: label, Verdict: Unchanged}
		ours, theirs := byScenario(sides[base]), byScenario(sides[label])
		for _, name := range namesOf(sides[base], sides[label]) {
			a, b, why := alike(ours[name], theirs[name])
			if why != "" {
				out.Notes = append(out.Notes, fmt.Sprintf("%s, %s against %s: %s", name, label, base, why))
			}
			if len(a) == 0 {
				continue
			}
			s, err := scenarioOf(name, a, b)
			if err != nil {
				return nil, err
			}
			s.File = opt.Files[name]
			c.Scenarios = append(c.Scenarios, s)
		}
		if len(c.Scenarios) == 0 {
			return nil, fmt.Errorf("%s and %s have no scenario in common that can be compared: %s", base, label, strings.Join(out.Notes, "; "))
		}
		out.Level = c.decide(opt)
		out.Contenders = append(out.Contenders, c)
		out.Verdict = worst(out.Verdict, c.Verdict)
	}
	return out, nil
}

// withoutUnfinished leaves out, and tells of, runs that did not come to their end.
func (r *Result) withoutUnfinished(sides map[string][]Record, labels []string) map[string][]Record {
	out := make(map[string][]Record)
	for _, label := range labels {
		for _, rec := range sides[label] {
			if rec.Aborted != "" && rec.Exact {
				r.Notes = append(r.Notes, fmt.Sprintf("%s, %s: %s", rec.Scenario, label, rec.Aborted))
				continue
			}
			if rec.Aborted != "" {
				r.Notes = append(r.Notes, fmt.Sprintf("%s, %s with seed %d: left out, as it says nothing: %s", rec.Scenario, label, rec.Seed, rec.Aborted))
				continue
			}
			out[label] = append(out[label], rec)
		}
	}
	return out
}

// alike keeps the runs of two sides that can be compared: of one backend, of simulated ones
// those whose seeds both have. Why says what is left out.
func alike(a, b side) (x, y side, why string) {
	if len(a) == 0 || len(b) == 0 {
		return nil, nil, "only one of them has runs of it"
	}
	of := func(s side, backend string) side {
		return filter(s, func(r Record) bool { return r.Backend == backend })
	}
	backend := a[0].Backend
	if len(of(b, backend)) == 0 {
		backend = b[0].Backend
	}
	x, y = of(a, backend), of(b, backend)
	switch {
	case len(x) == 0 || len(y) == 0:
		return nil, nil, fmt.Sprintf("runs of backend %s are not compared with those of %s: shardquake fidelity does", b[0].Backend, a[0].Backend)
	case len(x) < len(a) || len(y) < len(b):
		why = fmt.Sprintf("there are runs of several backends; those of %s are compared", backend)
	}
	if backend != simulated {
		return x, y, why
	}
	mine := len(x)
	if x, y = paired(x, y); len(x) == 0 {
		return nil, nil, "they have no seed in common"
	}
	if left := mine - len(x); left > 0 && why == "" {
		why = fmt.Sprintf("%d of %d runs of the base have no counterpart with the same seed, or are there twice", left, mine)
	}
	return x, y, why
}

// simulated is the backend whose runs are paired.
const simulated = "sim"

func byScenario(records []Record) map[string]side {
	out := make(map[string]side)
	for _, r := range records {
		out[r.Scenario] = append(out[r.Scenario], r)
	}
	return out
}

// namesOf are the scenarios of both, in the order in which they were run.
func namesOf(all ...[]Record) []string {
	var out []string
	for _, records := range all {
		for _, r := range records {
			if !slices.Contains(out, r.Scenario) {
				out = append(out, r.Scenario)
			}
		}
	}
	return out
}

// scenarioOf measures what changed, before anything is decided.
func scenarioOf(name string, a, b side) (Scenario, error) {
	s := Scenario{Name: name, Rows: []Row{}, Paired: a[0].Backend == simulated, Exact: a[0].Exact && b[0].Exact, Warnings: unlike(a, b)}
	if s.Paired {
		for i := range a {
			if sameTrace(a[i], b[i]) {
				s.Equal++
			}
		}
	}
	s.Runs = [2]int{len(a), len(b)}
	s.Verdicts = heldOf(a, b, s.Paired)
	if s.Paired && s.Equal == len(a) {
		return s, nil // unchanged: nothing is left to say
	}
	for _, q := range b[0].quantities() {
		row, err := rowOf(q, a, b, s.Paired)
		if err != nil {
			return s, fmt.Errorf("%s, %s: %w", name, q.Name, err)
		}
		if row != nil {
			if row.Line = b[0].line(q.Name); s.Exact {
				row.Exact, row.Interval = true, nil
			}
			s.Rows = append(s.Rows, *row)
		}
	}
	switch {
	case s.Exact:
		s.horizons(a[0], b[0])
	case s.Paired:
		s.Worst = worstSeed(a, b, s.Rows)
	}
	return s, nil
}

// sameTrace is whether two runs are known to have gone the same way.
func sameTrace(a, b Record) bool {
	return a.TraceSHA256 != "" && a.TraceSHA256 == b.TraceSHA256 || a.TraceHash != "" && a.TraceHash == b.TraceHash
}

// unlike is what else differs between two sides than what was asked.
func unlike(a, b side) []string {
	var out []string
	differ := func(what string, of func(Record) string) {
		if was, is := distinct(a, of), distinct(b, of); was != is {
			out = append(out, fmt.Sprintf("%s differs: %s, was %s", what, is, was))
		}
	}
	differ("system", func(r Record) string { return r.System })
	differ("scale", func(r Record) string { return r.Scale })
	differ("duration", func(r Record) string { return fmt.Sprintf("%.0f s", r.EndS) })
	if a[0].Backend != simulated {
		differ("machine", func(r Record) string { return r.Machine })
	}
	versions := func(r Record) string { return r.Version.String() }
	if was, is := distinct(a, versions), distinct(b, versions); was != is {
		out = append(out, fmt.Sprintf("version of Shardquake: %s, not %s", is, was))
	}
	return out
}

// distinct are the values that a side's runs have, in order of appearance.
func distinct(s side, of func(Record) string) string {
	var out []string
	for _, r := range s {
		if v := of(r); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return strings.Join(out, " and ")
}

// paired keeps the runs whose seeds both sides have, in order of seed.
func paired(a, b side) (x, y side) {
	other := make(map[uint64]Record)
	for _, r := range b {
		other[r.Seed] = r
	}
	seen := make(map[uint64]bool)
	for _, r := range a {
		if o, ok := other[r.Seed]; ok && !seen[r.Seed] {
			seen[r.Seed] = true
			x, y = append(x, r), append(y, o)
		}
	}
	return x, y
}

// heldOf compares verdicts: McNemar's exact test of pairs, or Fisher's in the form of a U test
// of ones and zeros where there are none.
func heldOf(a, b side, pairs bool) Held {
	h := Held{P: 1, runs: [2]int{len(a), len(b)}}
	holds := func(r Record) bool { return r.Verdict == scenarios.Pass }
	count := func(s side) (n int, values []float64) {
		for _, r := range s {
			v := 0.0
			if holds(r) {
				v = 1
				n++
			}
			values = append(values, v)
		}
		return n, values
	}
	var was, is []float64
	h.Passed[0], was = count(a)
	h.Passed[1], is = count(b)
	if !pairs {
		if p, err := stats.MannWhitney(was, is, stats.Differs); err == nil {
			h.P = p
		}
		return h
	}
	for i := range a {
		switch {
		case holds(a[i]) && !holds(b[i]):
			h.Lost = append(h.Lost, b[i].Seed)
		case !holds(a[i]) && holds(b[i]):
			h.Won = append(h.Won, b[i].Seed)
		}
	}
	h.P = stats.SignTest(len(h.Lost), len(h.Won))
	return h
}

// rowOf measures one figure; nil where neither side has it.
func rowOf(q quantity.Quantity, a, b side, pairs bool) (*Row, error) {
	row := &Row{Name: q.Name, Unit: q.Unit, Gates: q.Gates && q.Better != quantity.Neither, sign: 1, P: 1, PSame: 1}
	switch q.Better {
	case quantity.Lower:
		row.Better = lower
	case quantity.Higher:
		row.Better, row.sign = higher, -1
	case quantity.Neither:
	}
	happened := has(q, a) || has(q, b)
	was, is := valuesOf(q, a, happened), valuesOf(q, b, happened)
	if pairs {
		was, is = row.both(was, is)
	} else {
		was, is = slices.DeleteFunc(was, math.IsNaN), slices.DeleteFunc(is, math.IsNaN)
	}
	if len(was) == 0 || len(is) == 0 || (!slices.ContainsFunc(was, finite) && !slices.ContainsFunc(is, finite)) {
		return nil, nil
	}
	row.N = min(len(was), len(is))
	for i, values := range [][]float64{was, is} {
		for _, v := range values {
			if !finite(v) {
				row.never[i]++
			}
		}
	}
	base, now := stats.Median(was), stats.Median(is)
	row.Base, row.Now = Amount(base), Amount(now)
	of := 0.0 // where most runs of both sides never had it, only the absolute minimum is known
	for _, v := range []float64{base, now} {
		if finite(v) {
			of = v
			break
		}
	}
	row.Minimum = score.Round(q.Minimum.Of(of))
	if pairs {
		row.measurePairs(was, is)
		return row, nil
	}
	return row, row.measureSamples(was, is)
}

func finite(v float64) bool { return !math.IsInf(v, 0) && !math.IsNaN(v) }

// has is whether any run has a figure.
func has(q quantity.Quantity, s side) bool {
	return slices.ContainsFunc(s, func(r Record) bool { _, ok := r.value(q.Name); return ok })
}

// valuesOf are a figure's values; NaN where a run has none. What happened in some run and
// never in this one is infinitely late.
func valuesOf(q quantity.Quantity, s side, happened bool) []float64 {
	out := make([]float64, len(s))
	for i, r := range s {
		v, ok := r.value(q.Name)
		switch {
		case ok:
			out[i] = v
		case q.Never && happened:
			out[i] = math.Inf(1)
		default:
			out[i] = math.NaN()
		}
	}
	return out
}

// both keeps the pairs that have the figure on both sides.
func (r *Row) both(was, is []float64) (x, y []float64) {
	for i := range was {
		if math.IsNaN(was[i]) || math.IsNaN(is[i]) {
			continue
		}
		x, y = append(x, was[i]), append(y, is[i])
	}
	if left := len(was) - len(x); left > 0 && len(x) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d pairs lack it on one side and are left out", left, len(was)))
	}
	return x, y
}

// skewed is from which skewness on differences are not taken for symmetric.
const skewed = 1.5

func (r *Row) measurePairs(was, is []float64) {
	d := make([]float64, len(was))
	zeros := 0
	for i := range d {
		d[i] = (is[i] - was[i]) * r.sign
		if was[i] == is[i] { // also when both never happened
			d[i] = 0
		}
		if d[i] == 0 {
			zeros++
		}
		r.Points = append(r.Points, [2]*float64{orNil(was[i]), orNil(is[i])})
	}
	r.equal = zeros == len(d)
	r.median = stats.Median(d)
	r.P, _ = stats.SignedRank(d, stats.Differs)
	r.PSame = max(shifted(d, -r.Minimum, stats.Less), shifted(d, r.Minimum, stats.Greater))
	if finite(r.median) {
		lo, hi := stats.BootstrapMedian(d, 0.95)
		if lo <= -r.Minimum || hi >= r.Minimum {
			r.PSame = 1 // ranks alone would call ±3 the same as 0
		}
		if r.sign < 0 {
			lo, hi = -hi, -lo
		}
		r.Difference = orNil(score.Round(r.median * r.sign))
		if finite(lo) && finite(hi) {
			r.Interval = &[2]float64{score.Round(lo), score.Round(hi)}
		}
	}
	if s := stats.Skewness(slices.DeleteFunc(slices.Clone(d), func(v float64) bool { return !finite(v) })); len(d) >= 8 && math.Abs(s) > skewed {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the differences are skewed (%.2g); the signed-rank test takes them to be symmetric", s))
	}
	if zeros > len(d)/2 && !r.equal {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d pairs do not differ; the test looks at the others only", zeros, len(d)))
	}
}

// shifted is the probability of differences that lie on this side of a bound only by chance.
func shifted(d []float64, by float64, tail stats.Tail) float64 {
	moved := make([]float64, len(d))
	for i, v := range d {
		moved[i] = v + by
	}
	p, _ := stats.SignedRank(moved, tail)
	return p
}

func (r *Row) measureSamples(was, is []float64) error {
	for _, v := range was {
		r.Points = append(r.Points, [2]*float64{orNil(v), nil})
	}
	for _, v := range is {
		r.Points = append(r.Points, [2]*float64{nil, orNil(v)})
	}
	r.median = float64(r.Now-r.Base) * r.sign
	p, err := stats.MannWhitney(was, is, stats.Differs)
	if err != nil {
		return err
	}
	r.P = p
	shift := func(by float64, tail stats.Tail) (float64, error) {
		moved := make([]float64, len(is))
		for i, v := range is {
			moved[i] = v + by
		}
		return stats.MannWhitney(moved, was, tail)
	}
	below, err := shift(-r.Minimum, stats.Less)
	if err != nil {
		return err
	}
	above, err := shift(r.Minimum, stats.Greater)
	if err != nil {
		return err
	}
	r.PSame = max(below, above)
	if finite(r.median) {
		r.Difference = orNil(score.Round(float64(r.Now - r.Base)))
	}
	r.Quantiles = quantilesOf(was, is)
	for i, values := range [][]float64{was, is} {
		if len(values) > 0 && r.Quantiles[0].Sides[i].Interval == nil {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%d runs of the %s are too few for an interval of the median", len(values), [...]string{"base", "contender"}[i]))
		}
		if len(values) >= 8 && stats.MannKendall(values) < 0.01 {
			r.Warnings = append(r.Warnings, fmt.Sprintf("the %s drifts from run to run; the tests take the runs to be independent", [...]string{"base", "contender"}[i]))
		}
	}
	return nil
}

func orNil(v float64) *float64 {
	if !finite(v) {
		return nil
	}
	return &v
}

// worstSeed is the pair that lost its verdict, or the one whose gating figures got worse most,
// each in parts of its minimum.
func worstSeed(a, b side, rows []Row) uint64 {
	seed, most := uint64(0), 0.0
	for i := range b {
		sum := 0.0
		if a[i].Verdict == scenarios.Pass && b[i].Verdict != scenarios.Pass {
			sum = 1e9
		}
		for _, r := range rows {
			was, hadIt := a[i].value(r.Name)
			is, hasIt := b[i].value(r.Name)
			switch {
			case !r.Gates || !hadIt:
			case !hasIt:
				sum += 1e6
			default:
				sum += max(0, (is-was)*r.sign) / max(r.Minimum, 1e-9)
			}
		}
		if sum > most {
			seed, most = b[i].Seed, sum
		}
	}
	return seed
}
