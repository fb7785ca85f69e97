package scenarios

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// GamedaySection makes a run a game day: what is believed, the steps that people follow, and
// what ends it.
type GamedaySection struct {
	Hypothesis string        `yaml:"hypothesis" json:"hypothesis" jsonschema:"required,description=what is believed to hold in a sentence"`
	Asks       []string      `yaml:"asks,omitempty" json:"asks,omitempty" jsonschema:"description=who is asked for approval"`
	Seeds      int           `yaml:"seeds,omitempty" json:"seeds,omitempty" jsonschema:"minimum=1,maximum=1000,description=simulated runs behind the prediction; default 20"`
	Steps      []GamedayStep `yaml:"steps,omitempty" json:"steps,omitempty" jsonschema:"description=names for parts of the plan and where it waits"`
	// Guardrails are expectations that end the game day as soon as one fails.
	Guardrails []Expect          `yaml:"guardrails,omitempty" json:"-" jsonschema:"description=expectations judged every second: the first that fails ends the game day"`
	Departure  *GamedayDeparture `yaml:"departure,omitempty" json:"departure,omitempty" jsonschema:"description=ends the game day when what is observed leaves what was predicted"`
	Silence    units.Duration    `yaml:"silence,omitempty" json:"silence,omitempty" jsonschema:"description=how long no node need answer before that ends the game day; default 30s"`
	Probes     []GamedayProbe    `yaml:"probes,omitempty" json:"probes,omitempty" jsonschema:"description=looks of your own: one that fails for too long ends the game day"`
}

// GamedayStep is a part of the plan.
type GamedayStep struct {
	Name string         `yaml:"name" json:"name" jsonschema:"required"`
	At   units.Duration `yaml:"at" json:"at" jsonschema:"required,description=when it begins since t=0; what strikes from then on waits with it"`
	Wait string         `yaml:"wait,omitempty" json:"wait,omitempty" jsonschema:"enum=approval,description=approval: the plan stands until somebody lets the step begin"`
}

// GamedayDeparture is how far from the prediction is too far.
type GamedayDeparture struct {
	For     units.Duration `yaml:"for,omitempty" json:"for" jsonschema:"description=for how long without a break; default 20s"`
	By      units.Percent  `yaml:"by,omitempty" json:"by" jsonschema:"description=beyond the predicted band by so much of the band's end; default 25%"`
	Figures []string       `yaml:"figures,omitempty" json:"figures,omitempty" jsonschema:"description=of which figures; default all that were predicted"`
	Slack   units.Duration `yaml:"slack,omitempty" json:"slack" jsonschema:"description=by how much the moments of prediction and observation may differ; default 5s"`
}

// GamedayProbe is a look of the user's own.
type GamedayProbe struct {
	Name    string         `yaml:"name" json:"name" jsonschema:"required"`
	HTTP    string         `yaml:"http,omitempty" json:"http,omitempty" jsonschema:"description=a URL that must answer with a status below 400"`
	Command string         `yaml:"command,omitempty" json:"command,omitempty" jsonschema:"description=a command line that must end with 0"`
	Within  units.Duration `yaml:"within,omitempty" json:"within" jsonschema:"description=how long it may take; default 5s"`
	For     units.Duration `yaml:"for,omitempty" json:"for" jsonschema:"description=how long it may fail without a break; default 10s"`
}

// WaitApproval is what a step waits for.
const WaitApproval = "approval"

// GamedayFigures are those that are predicted and watched.
func GamedayFigures() []string {
	return []string{"health", "not-started", "members", "failed", "p99", "disk"}
}

// completeGameday fills in what the section leaves out.
func (s *Scenario) completeGameday(d *Defaults) {
	g := s.Gameday
	if g == nil {
		return
	}
	Fill(d, "$.gameday.seeds", &g.Seeds, 20, "a number from 1 on")
	Fill(d, "$.gameday.silence", &g.Silence, units.Duration(30*time.Second), "a time such as 30s")
	if x := g.Departure; x != nil {
		Fill(d, "$.gameday.departure.for", &x.For, units.Duration(20*time.Second), "") // 0s: at once
		Fill(d, "$.gameday.departure.by", &x.By, 25, "")
		Fill(d, "$.gameday.departure.slack", &x.Slack, units.Duration(5*time.Second), "")
	}
	for i := range g.Probes {
		p := &g.Probes[i]
		Fill(d, fmt.Sprintf("$.gameday.probes[%d].within", i), &p.Within, units.Duration(5*time.Second), "a time such as 5s")
		Fill(d, fmt.Sprintf("$.gameday.probes[%d].for", i), &p.For, units.Duration(10*time.Second), "")
	}
	for _, e := range g.Guardrails {
		if c, ok := e.Expectation.(Completer); ok {
			c.Complete(s)
		}
	}
}

// checkGameday returns what is wrong with the section. The rest of the file makes sense.
func (s *Scenario) checkGameday(voc Vocabulary) []source.Problem {
	g := s.Gameday
	if g == nil {
		return nil
	}
	var ps []source.Problem
	bad := func(path, format string, args ...any) {
		ps = append(ps, source.Problemf("$.gameday."+path, format, args...))
	}
	if g.Hypothesis == "" {
		bad("hypothesis", "a game day without a hypothesis shows nothing; expected a sentence that says what is believed to hold")
	}
	if g.Seeds > 1000 {
		bad("seeds", "%d simulated runs; expected 1 to 1000", g.Seeds)
	}
	var before units.Duration
	for i, step := range g.Steps {
		at := fmt.Sprintf("steps[%d]", i)
		switch {
		case step.Name == "":
			bad(at, "the step has no name")
		case step.At < before:
			bad(at+".at", "step %q begins at %s, before the one above (%s); expected the steps in order of time", step.Name, step.At, before)
		case step.At >= s.Duration:
			bad(at+".at", "step %q begins at %s, but the run ends at %s", step.Name, step.At, s.Duration)
		}
		if step.Wait != "" && step.Wait != WaitApproval {
			bad(at+".wait", "%s", source.Unknown("wait", step.Wait, []string{WaitApproval}))
		}
		before = step.At
	}
	for i, p := range g.Probes {
		at := fmt.Sprintf("probes[%d]", i)
		if p.Name == "" || (p.HTTP == "") == (p.Command == "") {
			bad(at, "expected a name, and http: with a URL or command: with a command line")
		}
	}
	if x := g.Departure; x != nil {
		for i, name := range x.Figures {
			if !slices.Contains(GamedayFigures(), name) {
				bad(fmt.Sprintf("departure.figures[%d]", i), "%s", source.Unknown("figure", name, GamedayFigures()))
			}
		}
	}
	return append(ps, s.checkExpectations(voc, g.Guardrails, "$.gameday.guardrails")...)
}
