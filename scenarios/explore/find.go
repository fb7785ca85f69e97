package explore

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/scenarios"
)

// Find is a plan that breaks a claim.
type Find struct {
	Claim string `json:"claim"`
	// Name is that of the scenario that shows it, File where it stands, from explore.json.
	Name string `json:"name"`
	File string `json:"file,omitempty"`
	// About says what happens.
	About string `json:"about"`
	// Crash: the run ends with an error, a defect of Shardquake, in place of an answer.
	Crash bool `json:"crash,omitempty"`
	// Unfaulted: it breaks without any fault.
	Unfaulted bool   `json:"unfaulted,omitempty"`
	Seed      uint64 `json:"seed"`
	// Plan is what is left of First, the first plan that broke the claim, drawn in a Way.
	Plan  chaos.Plan `json:"plan"`
	First chaos.Plan `json:"first"`
	Way   string     `json:"way,omitempty"`
	// Tries is how many runs the shrinking took. Minimal: without any one fault that is left
	// the claim holds. Interrupted: the search was, before that was known.
	Tries   int  `json:"tries"`
	Minimal bool `json:"minimal"`
	// Smaller is what of the scenario could be made smaller around the plan, such as "nodes 5 → 3".
	// Smallest: nothing more could; it is false when the tries were used up before.
	Smaller     []string `json:"smaller,omitempty"`
	Smallest    bool     `json:"smallest"`
	Interrupted bool     `json:"interrupted,omitempty"`
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
	// GoTest is the test of that scenario, from explore.json; "" where it needs parts that only
	// the program knows.
	GoTest string `json:"go_test,omitempty"`
	// Confirmed is what the scenario came to on another backend; nil: it was not tried.
	Confirmed *Confirmed `json:"confirmed,omitempty"`

	called string        // the name in the scenario: Name, or that of the scenario explored
	claim  int           // its place
	root   yaml.MapSlice // the file explored as far as it is reduced; nil: as it is
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

// named is the name in the scenario of what was found.
func (f *Find) named() string { return cmp.Or(f.called, f.Name) }

// pursue shrinks what was found, tells what happens, and tries other seeds.
func (s *search) pursue(f *Find) error {
	s.doing("shrinking a plan that breaks %s", f.Claim)
	if d := s.runAs(f.Name, f.First, f.Seed); d != nil && !d.breaks(f.claim) {
		f.called = s.cfg.Scenario.Name // ties hang on the name, and it breaks by one
	}
	got := plans.Shrink(f.First, func(p chaos.Plan) bool { return s.still(f, p) }, s.cfg.Tries)
	f.Plan, f.Tries, f.Minimal = got.Plan, got.Runs, got.Minimal
	f.About = s.untold(f)
	s.doing("making the cluster smaller in which a plan breaks %s", f.Claim)
	if err := s.reduce(f, s.cfg.Tries-got.Runs); err != nil {
		return err
	}
	if err := s.tellStory(f); err != nil {
		return err
	}
	f.Uncontrolled = s.uncontrolled(f)
	s.doing("trying %s with other seeds", f.Name)
	alone, err := s.alone(f)
	if err != nil {
		return err
	}
	for i := range s.cfg.Seeds {
		s.other(f, alone, f.Seed+1+uint64(i))
	}
	if f.Interrupted = s.ctx.Err() != nil; f.Interrupted {
		f.Minimal, f.Smallest = false, false
	}
	return nil
}

// uncontrolled runs what is left of a plan without the controller: whether that is what
// breaks the claim.
func (s *search) uncontrolled(f *Find) string {
	if s.cfg.Scenario.Controller == nil || f.Crash {
		return ""
	}
	bare := *s.cfg.Scenario.Scenario
	bare.Controller = nil
	if len(s.claims[f.claim].Check(&bare)) > 0 || len(f.Plan.Check(bare.Topology(), bare.Duration.D())) > 0 {
		return "" // it is about the controller
	}
	l, err := s.alone(f)
	if err != nil {
		return ""
	}
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
	d := s.runAs(f.named(), p, f.Seed)
	if d == nil {
		return false
	}
	if d.breaks(f.claim) {
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

// other runs what was found with another seed.
func (s *search) other(f *Find, alone *scenarios.Loaded, seed uint64) {
	d := s.play(alone, seed)
	if d == nil {
		return
	}
	o := &f.Others
	o.Seeds++
	switch {
	case d.breaks(f.claim):
		o.Broke++
	case d.outcome == broke:
		o.Otherwise++
	case d.outcome == held:
		o.Held++
	default:
		o.Undecided++
	}
}

// untold is what is said of a find before it has been run as it stands in its file.
func (s *search) untold(f *Find) string {
	return describe(f.Plan) + " break " + f.Claim + ", found by a search that was interrupted"
}

// tellStory makes the scenario file of what was found, runs it as it stands there, and
// says what happened.
func (s *search) tellStory(f *Find) error {
	f.About = s.untold(f)
	f.render = func(dir string) ([]byte, error) { return s.file(f, dir) }
	alone, err := s.alone(f)
	if err != nil {
		return err
	}
	d := s.play(alone, f.Seed)
	if d == nil {
		f.Interrupted = true
		return nil
	}
	if !d.breaks(f.claim) {
		// Other claims are asked here than in the search, or nothing breaks it any more.
		f.Minimal = false
		f.About = fmt.Sprintf("%s break %s in the search, and do not as they stand here with the seed %d", describe(f.Plan), f.Claim, f.Seed)
		return nil
	}
	for _, i := range d.broken {
		if i != f.claim {
			f.Besides = append(f.Besides, s.claims[i].text)
		}
	}
	if f.Crash {
		f.About = fmt.Sprintf("With %s the run ends with an error in place of an answer: %s", describe(f.Plan), comment(d.why))
		return nil
	}
	f.About = story(d.result, f.claim)
	return nil
}

// written is the scenario of what was found in a file, read back, its expectations numbered by
// the claims' places.
func (s *search) written(f *Find, root yaml.MapSlice) (*scenarios.Loaded, []byte, error) {
	places, err := s.asked(f, root)
	if err != nil {
		return nil, nil, err
	}
	text, err := s.compose(f, root, "", places)
	if err != nil {
		return nil, nil, err
	}
	l, err := scenarios.Parse(s.cfg.Scenario.File, text, s.cfg.Vocabulary)
	if err != nil {
		return nil, text, err
	}
	for i, place := range places {
		l.Expect[i].Line = place + 1
	}
	return l, text, sameFaults(l, f.Plan)
}

// sameFaults is the error of a file that lost something of the plan.
func sameFaults(l *scenarios.Loaded, p chaos.Plan) error {
	kept, err := json.Marshal(l.Faults)
	if err != nil {
		return err
	}
	entries := slices.Clone(p.Entries)
	for i := range entries {
		if entries[i].Trigger != nil {
			entries[i].At = 0 // a file has one or the other
		}
	}
	meant, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	if len(l.Faults)+len(p.Entries) > 0 && string(meant) != string(kept) {
		return fmt.Errorf("it has the faults %s in place of %s", kept, meant)
	}
	return nil
}

// alone is the scenario of what was found as it will stand in its file.
func (s *search) alone(f *Find) (*scenarios.Loaded, error) {
	root := f.root
	if root == nil {
		var err error
		if root, err = s.root(); err != nil {
			return nil, err
		}
	}
	l, text, err := s.written(f, root)
	if err != nil {
		return nil, fmt.Errorf("the scenario of what was found makes no sense: %w\n%s", err, text)
	}
	return l, nil
}
