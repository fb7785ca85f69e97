package compare

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports/page"
	"github.com/shardquake/shardquake/reports/quantity"
	"github.com/shardquake/shardquake/reports/stats"
	"github.com/shardquake/shardquake/scenarios"
)

// TrendSchema is the version of a trend in JSON.
const TrendSchema = "shardquake.trend/1"

// changeLevel is the probability below which a change point counts; it is small because a
// history has many places.
const changeLevel = 0.001

// Trend is what a history shows of each figure over revisions.
type Trend struct {
	Schema string `json:"schema"`
	// Lines is how many runs the history holds.
	Lines  int      `json:"lines"`
	Series []Series `json:"series"`
	// Baselines are the revisions to compare with, by rule.
	Baselines []Baseline `json:"baselines"`
	Notes     []string   `json:"notes,omitempty"`
}

// Series is one figure of one scenario on one backend and class of machine: a value per
// revision, the median of its runs.
type Series struct {
	Scenario string `json:"scenario"`
	// Label is the side's, where runs of several sides have the same version.
	Label   string      `json:"label,omitempty"`
	Backend string      `json:"backend"`
	Machine string      `json:"machine,omitempty"`
	Figure  string      `json:"figure"`
	Unit    string      `json:"unit,omitempty"`
	Better  string      `json:"better,omitempty"`
	Minimum float64     `json:"minimum"`
	Values  []Point     `json:"values"`
	Changes []Change    `json:"changes"`
	Drift   *DriftFound `json:"drift,omitempty"`
}

// Point is a revision's value.
type Point struct {
	Version version.Build `json:"version"`
	Value   float64       `json:"value"`
	N       int           `json:"n"`
	Hash    string        `json:"scenario_hash,omitempty"`
}

// Change is a point from which on a figure has another level.
type Change struct {
	// At is the index of the first value of the new level, First its revision.
	At    int           `json:"at"`
	First version.Build `json:"first"`
	From  float64       `json:"from"`
	To    float64       `json:"to"`
	// Verdict is worse, better, differs, or same where the step is within the minimum.
	Verdict Verdict `json:"verdict"`
	// Rewritten is whether the scenario's file changed with it.
	Rewritten bool `json:"scenario_changed,omitempty"`
}

// DriftFound is a slow change: the ends differ although no step did.
type DriftFound struct {
	From    float64 `json:"from"`
	To      float64 `json:"to"`
	P       float64 `json:"p"`
	Verdict Verdict `json:"verdict"`
}

// Baseline is a revision that a rule chooses.
type Baseline struct {
	Rule    string        `json:"rule"`
	Version version.Build `json:"version"`
}

// TrendOf analyses a history.
func TrendOf(records []Record, notes []string) *Trend {
	t := &Trend{Schema: TrendSchema, Lines: len(records), Notes: notes, Baselines: baselines(records)}
	type key struct{ scenario, label, backend, machine string }
	sides := sidesOf(records)
	var order []key
	groups := make(map[key][]Record)
	for _, r := range records {
		k := key{r.Scenario, "", r.Backend, r.Machine}
		if sides[r.Scenario] {
			k.label = r.Label
		}
		if r.Backend == "sim" {
			k.machine = "" // the simulator's figures are the same on every machine
		}
		if _, ok := groups[k]; !ok {
			order = append(order, k)
		}
		groups[k] = append(groups[k], r)
	}
	for _, k := range order {
		all := groups[k]
		for _, q := range all[len(all)-1].quantities() {
			s := Series{Scenario: k.scenario, Label: k.label, Backend: k.backend, Machine: k.machine, Figure: q.Name, Unit: q.Unit, Values: pointsOf(all, q.Name)}
			if len(s.Values) < 2 {
				continue
			}
			s.analyse(q)
			t.Series = append(t.Series, s)
		}
	}
	return t
}

// sidesOf are the scenarios of which one version was run as several sides that differ, such as
// by a setting: what they came to is no series of that version.
func sidesOf(records []Record) map[string]bool {
	type run struct {
		scenario string
		version  version.Build
	}
	labels := make(map[run]string)
	out := make(map[string]bool)
	for _, r := range records {
		k := run{r.Scenario, r.Version}
		if r.Label == "" {
			continue
		}
		if label, seen := labels[k]; seen && label != r.Label {
			out[r.Scenario] = true
		}
		labels[k] = r.Label
	}
	return out
}

// title is the series' scenario, with its side where there are several.
func (s Series) title() string {
	if s.Label == "" {
		return s.Scenario
	}
	return s.Scenario + " (" + s.Label + ")"
}

// pointsOf are the medians per stretch of runs of one version.
func pointsOf(all []Record, name string) []Point {
	var out []Point
	var values []float64
	flush := func(r Record) {
		if len(values) > 0 {
			out = append(out, Point{Version: r.Version, Value: stats.Median(values), N: len(values), Hash: r.ScenarioHash})
		}
		values = nil
	}
	for i, r := range all {
		if i > 0 && r.Version != all[i-1].Version {
			flush(all[i-1])
		}
		if v, ok := r.value(name); ok {
			values = append(values, v)
		}
	}
	flush(all[len(all)-1])
	return out
}

func (s *Series) analyse(q quantity.Quantity) {
	sign := 1.0
	switch q.Better {
	case quantity.Lower:
		s.Better = lower
	case quantity.Higher:
		s.Better, sign = higher, -1
	case quantity.Neither:
	}
	values := make([]float64, len(s.Values))
	for i, p := range s.Values {
		values[i] = p.Value
	}
	s.Minimum = q.Minimum.Of(stats.Median(values))
	points := stats.ChangePoints(values, changeLevel)
	for i, at := range points {
		from, to := 0, len(values)
		if i > 0 {
			from = points[i-1]
		}
		if i+1 < len(points) {
			to = points[i+1]
		}
		c := Change{At: at, First: s.Values[at].Version, From: stats.Median(values[from:at]), To: stats.Median(values[at:to]), Rewritten: s.Values[at].Hash != s.Values[at-1].Hash}
		c.Verdict = s.verdict((c.To - c.From) * sign)
		s.Changes = append(s.Changes, c)
	}
	s.drift(values, sign)
}

func (s *Series) verdict(worse float64) Verdict {
	switch {
	case math.Abs(worse) < s.Minimum:
		return Same
	case s.Better == "":
		return Differs
	case worse > 0:
		return Worse
	}
	return Better
}

// mostDrift is to how many medians a long history is condensed when a drift is looked for,
// endShare what part of it each end is.
const (
	mostDrift = 200
	endShare  = 10
)

// drift looks for a steady rise or fall that adds up to more than the minimum. A jump that was
// told as a change is no drift.
func (s *Series) drift(values []float64, sign float64) {
	for _, c := range s.Changes {
		if c.Verdict != Same {
			return
		}
	}
	condensed := condense(values, mostDrift)
	if len(condensed) < endShare {
		return
	}
	p := stats.MannKendall(condensed)
	end := max(1, len(condensed)/endShare)
	from, to := stats.Median(condensed[:end]), stats.Median(condensed[len(condensed)-end:])
	slope := stats.TheilSen(condensed)
	if v := s.verdict((to - from) * sign); p < changeLevel && v != Same && (to-from)*slope > 0 {
		s.Drift = &DriftFound{From: from, To: to, P: p, Verdict: v}
	}
}

// condense takes medians of equal stretches.
func condense(values []float64, most int) []float64 {
	if len(values) <= most {
		return values
	}
	out := make([]float64, most)
	for i := range out {
		out[i] = stats.Median(values[i*len(values)/most : (i+1)*len(values)/most])
	}
	return out
}

// baselines chooses the revisions that a change is compared with: the last release, and the
// last revision of main all of whose runs held.
func baselines(records []Record) []Baseline {
	var release, green *version.Build
	failed := make(map[version.Build]bool)
	for _, r := range records {
		if r.Verdict != scenarios.Pass {
			failed[r.Version] = true
		}
	}
	for i := range records {
		r := &records[i]
		if isRelease(r.Version) {
			release = &r.Version
		}
		if r.Branch == "main" && !failed[r.Version] {
			green = &r.Version
		}
	}
	var out []Baseline
	if release != nil {
		out = append(out, Baseline{"last release", *release})
	}
	if green != nil {
		out = append(out, Baseline{"last green on main", *green})
	}
	return out
}

// isRelease is whether a version is one that was tagged, without anything after its numbers.
func isRelease(b version.Build) bool {
	return strings.HasPrefix(b.Version, "v") && !b.Modified && !strings.ContainsAny(b.Version, "-+")
}

// Text prints the trend: what got worse first, then what changed otherwise.
func (t *Trend) Text(out io.Writer) error {
	var b strings.Builder
	var rest strings.Builder
	quiet := 0
	for _, s := range t.Series {
		told := false
		say := func(v Verdict, format string, args ...any) {
			told = true
			to := &rest
			if v == Worse {
				to = &b
			}
			fmt.Fprintf(to, "%-8s %s, %s: %s\n", strings.ToUpper(string(v)), s.title(), s.Figure, fmt.Sprintf(format, args...))
		}
		for _, c := range s.Changes {
			if c.Verdict == Same {
				continue
			}
			text := fmt.Sprintf("%s → %s from %s on (value %d of %d)", amount(c.From, s.Unit), amount(c.To, s.Unit), c.First, c.At+1, len(s.Values))
			if c.Rewritten {
				text += "; the scenario's file changed with it"
			}
			say(c.Verdict, "%s", text)
		}
		if d := s.Drift; d != nil {
			say(d.Verdict, "drifts from %s to %s over %d revisions, %s to %s, without a step that counts", amount(d.From, s.Unit), amount(d.To, s.Unit), len(s.Values), s.Values[0].Version, s.Values[len(s.Values)-1].Version)
		}
		if !told {
			quiet++
		}
	}
	b.WriteString(rest.String())
	fmt.Fprintf(&b, "%d figures without a change, %d runs\n", quiet, t.Lines)
	for _, base := range t.Baselines {
		fmt.Fprintf(&b, "%s: %s\n", base.Rule, base.Version)
	}
	for _, n := range t.Notes {
		fmt.Fprintf(&b, "left out: %s\n", n)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// Worst is the worst that a trend shows.
func (t *Trend) Worst() Verdict {
	out := Unchanged
	for _, s := range t.Series {
		for _, c := range s.Changes {
			out = worst(out, c.Verdict)
		}
		if s.Drift != nil {
			out = worst(out, s.Drift.Verdict)
		}
	}
	return out
}

const trendPage = `{{template "verdict" .Head}}
<p class="meta">{{.T.Lines}} runs{{range .T.Baselines}} · {{.Rule}}: {{.Version}}{{end}}</p>
{{range .T.Series}}{{if told .}}<section class="chart"><h2>{{title .}}: {{.Figure}}</h2>
{{range .Changes}}<p><span class="v {{.Verdict}}">{{.Verdict}}</span> from {{.First}} on{{if .Rewritten}}; the scenario's file changed with it{{end}}</p>{{end}}
{{with .Drift}}<p><span class="v {{.Verdict}}">{{.Verdict}}</span> slow drift, without a step that counts</p>{{end}}
{{drawn .}}</section>{{end}}{{end}}
{{with .Same}}<h2>Figures without a change</h2><ul>{{range .}}<li>{{title .}}: {{.Figure}}</li>{{end}}</ul>
{{end}}{{with .T.Notes}}<h2>Left out</h2><ul>{{range .}}<li>{{.}}</li>{{end}}</ul>{{end}}`

// HTML is the trend as one page.
func (t *Trend) HTML() ([]byte, error) {
	told := func(s Series) bool { return len(s.Changes) > 0 || s.Drift != nil }
	same := slices.DeleteFunc(slices.Clone(t.Series), told)
	v := t.Worst()
	return page.Render(page.Content{
		Title: "trend: " + string(v), Body: trendPage,
		V:     map[string]any{"T": t, "Same": same, "Head": page.Verdict{Mark: string(v), Text: strings.ToUpper(string(v)), Title: "Figures over revisions"}},
		Funcs: map[string]any{"told": told, "title": Series.title, "drawn": drawnSeries},
	})
}
