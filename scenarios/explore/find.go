package explore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Find is a plan that breaks a claim.
type Find struct {
	Claim string `json:"claim"`
	// Name is that of the scenario that shows it, File where it stands, from explore.json.
	Name string `json:"name"`
	File string `json:"file,omitempty"`
	// About says what happens.
	About string `json:"about"`
	// Unfaulted: it breaks without any fault.
	Unfaulted bool   `json:"unfaulted,omitempty"`
	Seed      uint64 `json:"seed"`
	// Plan is what is left of First, the first plan that broke the claim, drawn in a Way.
	Plan  chaos.Plan `json:"plan"`
	First chaos.Plan `json:"first"`
	Way   string     `json:"way,omitempty"`
	// Tries is how many runs the shrinking took. Minimal: without any one fault that is left
	// the claim holds. Interrupted: the search was, before that was known.
	Tries       int  `json:"tries"`
	Minimal     bool `json:"minimal"`
	Interrupted bool `json:"interrupted,omitempty"`
	// Plans of the search broke the claim, with this one, which was the Nth from 1 on.
	Plans int `json:"plans"`
	Nth   int `json:"nth"`
	// Besides are the other claims that the plan breaks.
	Besides []string `json:"besides,omitempty"`
	// Near are plans that came by in shrinking and broke another claim in place of this one.
	Near []NearMiss `json:"near,omitempty"`
	// Uncontrolled is what the plan comes to without the controller: "holds", "breaks", or ""
	// where there is none, or where it can't be told.
	Uncontrolled string `json:"without_controller,omitempty"`
	// Others is what the plan comes to with other seeds.
	Others Others `json:"others"`

	claim  int // its place
	render func(dir string) ([]byte, error)
}

// NearMiss is a smaller plan that holds the claim and breaks another.
type NearMiss struct {
	Claim string     `json:"claim"`
	Plan  chaos.Plan `json:"plan"`
	Seed  uint64     `json:"seed"`
}

// Others counts runs with other seeds.
type Others struct {
	Seeds int `json:"seeds"`
	// Broke are those that broke the same claim, Otherwise those that broke only others.
	Broke     int `json:"broke"`
	Otherwise int `json:"otherwise"`
	Held      int `json:"held"`
	Undecided int `json:"undecided"`
}

// pursue shrinks what was found, tells what happens, and tries other seeds.
func (s *search) pursue(f *Find) error {
	s.doing("shrinking a plan that breaks %s", f.Claim)
	got := plans.Shrink(f.First, func(p chaos.Plan) bool { return s.still(f, p) }, s.cfg.Tries)
	f.Plan, f.Tries, f.Minimal = got.Plan, got.Runs, got.Minimal
	if err := s.tellStory(f); err != nil {
		return err
	}
	f.Uncontrolled = s.uncontrolled(f)
	s.doing("trying %s with other seeds", f.Name)
	for i := range s.cfg.Seeds {
		s.other(f, f.Seed+1+uint64(i))
	}
	if f.Interrupted = s.ctx.Err() != nil; f.Interrupted {
		f.Minimal = false
	}
	return nil
}

// uncontrolled runs what is left of a plan without the controller: whether that is what
// breaks the claim.
func (s *search) uncontrolled(f *Find) string {
	if s.cfg.Scenario.Controller == nil {
		return ""
	}
	bare := *s.cfg.Scenario.Scenario
	bare.Controller = nil
	if len(s.claims[f.claim].Check(&bare)) > 0 || len(f.Plan.Check(bare.Topology(), bare.Duration.D())) > 0 {
		return "" // it is about the controller
	}
	l := s.under(f.Plan)
	changed := *l.Scenario
	changed.Controller = nil
	changed.Expect = slices.DeleteFunc(slices.Clone(changed.Expect), func(e scenarios.Expect) bool { return e.Line != f.claim+1 })
	if len(changed.Expect) == 0 {
		return ""
	}
	out := *l
	out.Scenario = &changed
	d := s.play(&out, f.Seed)
	switch {
	case d == nil:
		return ""
	case slices.Contains(d.broken, f.claim):
		return "breaks"
	case d.outcome == held:
		return "holds"
	}
	return ""
}

// still reports whether a smaller plan breaks the same claim, and notes a near miss.
func (s *search) still(f *Find, p chaos.Plan) bool {
	d := s.runAs(f.Name, p, f.Seed)
	if d == nil {
		return false
	}
	if slices.Contains(d.broken, f.claim) {
		return true
	}
	for _, i := range d.broken {
		text := s.claims[i].text
		if !slices.ContainsFunc(f.Near, func(n NearMiss) bool { return n.Claim == text }) {
			f.Near = append(f.Near, NearMiss{text, p, f.Seed})
		}
	}
	return false
}

// other runs the plan with another seed.
func (s *search) other(f *Find, seed uint64) {
	d := s.runAs(f.Name, f.Plan, seed)
	if d == nil {
		return
	}
	o := &f.Others
	o.Seeds++
	switch {
	case slices.Contains(d.broken, f.claim):
		o.Broke++
	case d.outcome == broke:
		o.Otherwise++
	case d.outcome == held:
		o.Held++
	default:
		o.Undecided++
	}
}

// tellStory makes the scenario file of what was found, runs it as it stands there, and
// says what happened.
func (s *search) tellStory(f *Find) error {
	f.About = describe(f.Plan) + " break " + f.Claim + ", found by a search that was interrupted"
	f.render = func(dir string) ([]byte, error) { return s.file(f, dir) }
	text, err := s.file(f, "")
	if err != nil {
		return err
	}
	alone, err := s.alone(f, text)
	if err != nil {
		return fmt.Errorf("the scenario of what was found makes no sense: %w\n%s", err, text)
	}
	d := s.play(alone, f.Seed)
	if d == nil {
		f.Interrupted = true
		return nil
	}
	if !slices.Contains(d.broken, f.claim) {
		// Random choices hang on the cluster's name, too.
		f.Minimal = false
		f.About = fmt.Sprintf("%s break %s in a cluster of the name %s, and do not under this name with the seed %d", describe(f.Plan), f.Claim, s.cfg.Scenario.Name, f.Seed)
		return nil
	}
	for _, i := range d.broken {
		if i != f.claim {
			f.Besides = append(f.Besides, s.claims[i].text)
		}
	}
	f.About = story(d.result, f.claim)
	return nil
}

// alone reads a scenario of what was found back, its expectations numbered by the claims'
// places.
func (s *search) alone(f *Find, text []byte) (*scenarios.Loaded, error) {
	l, err := scenarios.Parse(s.cfg.Scenario.File, text, s.cfg.Vocabulary)
	if err != nil {
		return nil, err
	}
	kept, err := json.Marshal(l.Faults)
	if err != nil {
		return nil, err
	}
	entries := slices.Clone(f.Plan.Entries)
	for i := range entries {
		if entries[i].Trigger != nil {
			entries[i].At = 0 // a file has one or the other
		}
	}
	meant, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	if len(l.Faults)+len(f.Plan.Entries) > 0 && string(meant) != string(kept) {
		return nil, fmt.Errorf("it has the faults %s in place of %s", kept, meant)
	}
	for i, e := range s.under(f.Plan).Expect {
		l.Expect[i].Line = e.Line
	}
	return l, nil
}

// story says what happened in a sentence: the faults, what was seen of the cluster's health,
// and what did not hold.
func story(res *scenarios.Result, claim int) string {
	h := res.History
	var faults []string
	for _, f := range h.Faults {
		text := f.Kind
		if len(f.Victims) > 0 {
			text += " of " + strings.Join(f.Victims, " and ")
		}
		text += " at " + brief(f.At)
		if d := f.Params.Lasts(); d > 0 {
			text += " for " + units.FormatDuration(d)
		}
		faults = append(faults, text)
	}
	what := "Without any fault"
	if len(faults) > 0 {
		what = "With " + strings.Join(faults, ", then ")
	}
	for _, o := range res.Outcomes {
		if o.Verdict == scenarios.Fail && o.Line == claim+1 {
			return what + ", " + health(h) + ", and \"" + o.Name + "\" does not hold: " + o.Reason + figures(o) + "."
		}
	}
	return what + ", " + health(h) + "."
}

// health says how long the cluster was in which state.
func health(h *observed.History) string {
	total := map[string]time.Duration{}
	for _, span := range h.HealthSpans() {
		total[span.Status] += span.To - span.From
	}
	var parts []string
	for _, status := range []string{"red", "yellow"} {
		if d := total[status]; d > 0 {
			parts = append(parts, status+" for "+brief(d))
		}
	}
	if len(parts) == 0 {
		return "the cluster is green throughout"
	}
	return "the cluster is " + strings.Join(parts, " and ")
}

// figures are an outcome's numbers, where it has them.
func figures(o scenarios.Outcome) string {
	if o.Observed == nil || o.Limit == nil {
		return ""
	}
	return strings.TrimRight(fmt.Sprintf(" (%.6g, where %.6g is the limit %s", *o.Observed, *o.Limit, o.Unit), " ") + ")"
}

// brief is a time to the tenth of a second.
func brief(d time.Duration) string { return units.FormatDuration(d.Round(100 * time.Millisecond)) }
