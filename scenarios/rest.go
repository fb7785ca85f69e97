package scenarios

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// RestSection is the steady state in which the run begins, where that is not green with
// nothing moving; or none: what there is when the data is loaded.
type RestSection struct {
	None         bool   `yaml:"-" json:"none,omitempty"`
	Status       string `yaml:"status" json:"status,omitempty" jsonschema:"required,enum=green,enum=yellow,enum=red"`
	Unassigned   *int   `yaml:"unassigned,omitempty" json:"unassigned,omitempty" jsonschema:"minimum=0,description=copies without a node; absent: any number"`
	Relocating   int    `yaml:"relocating,omitempty" json:"relocating,omitempty" jsonschema:"minimum=0,description=copies that move; default 0"`
	Initializing int    `yaml:"initializing,omitempty" json:"initializing,omitempty" jsonschema:"minimum=0,description=copies that are made; default 0"`
}

// plainRest is a RestSection that is read field by field.
type plainRest RestSection

// restNone is the word for a run that waits for no steady state.
const restNone = "none"

// UnmarshalYAML reads a mapping, or the word none.
func (r *RestSection) UnmarshalYAML(node ast.Node) error {
	if source.Pairs(node) != nil {
		return source.DecodeNode(node, (*plainRest)(r))
	}
	if tok := node.GetToken(); tok.Value != restNone {
		return &yaml.SyntaxError{Message: fmt.Sprintf("%q is no steady state; expected none, or what there is: {status: yellow, unassigned: 3}", tok.Value), Token: tok}
	}
	r.None = true
	return nil
}

var restStatuses = []string{"green", "yellow", "red"}

// checkRest returns what is wrong with the described steady state.
func (s *Scenario) checkRest() []source.Problem {
	r := s.Rest
	if r == nil || r.None {
		return nil
	}
	var ps []source.Problem
	if !slices.Contains(restStatuses, r.Status) {
		ps = append(ps, source.Problemf("$.steady.status", "%s", source.Unknown("status", r.Status, restStatuses)))
	}
	if r.Relocating < 0 || r.Initializing < 0 || r.Unassigned != nil && *r.Unassigned < 0 {
		ps = append(ps, source.Problemf("$.steady", "a number of copies can't be negative"))
	}
	if r.Status == "green" && (r.Initializing > 0 || r.Unassigned != nil && *r.Unassigned > 0) {
		ps = append(ps, source.Problemf("$.steady", "a cluster with copies that are not active is not green; expected yellow or red"))
	}
	return ps
}

// FromStart reports whether the run begins when the data is there, in whatever state: so it
// is where the file says it, and where the data stands already and it says nothing more.
func (s *Scenario) FromStart() bool {
	if s.Rest != nil {
		return s.Rest.None
	}
	standing, may := s.system.(Standing)
	return may && standing.Stands(s)
}

// DescribedState is the word for the steady state of steady:.
const DescribedState = "described"

// Settling is an expectation for which the run waits when all is over.
type Settling interface {
	// SettlesIn is the state that it waits for, green or [DescribedState]; "": for none.
	SettlesIn() string
}

// settlesIn are the steady states that are waited for after the end, those that are expected
// of it; nil in the list, and where nothing is expected, is green with nothing moving.
func (s *Scenario) settlesIn() []*RestSection {
	described, green := false, false
	for _, e := range s.Expect {
		if st, is := e.Expectation.(Settling); is {
			described = described || st.SettlesIn() == DescribedState
			green = green || st.SettlesIn() == "green"
		}
	}
	var out []*RestSection
	if described {
		out = append(out, s.Rest)
	}
	if green || !described {
		out = append(out, nil)
	}
	return out
}

// Calm reports whether the cluster need not be green when its data is loaded.
func (s *Scenario) Calm() bool { return s.Rest != nil && (s.Rest.None || s.Rest.Status != "green") }

// met reports whether the observations agree with what is described; nil is green with
// nothing moving.
func (r *RestSection) met(l *observed.Live) bool {
	if r == nil || r.None {
		return l.Steady()
	}
	h := l.Health
	return l.Seen && h.Master && h.Status == r.Status && h.Relocating == r.Relocating && h.Initializing == r.Initializing &&
		(r.Unassigned == nil || h.Unassigned == *r.Unassigned)
}

// Again ends the sentence that says that it did not come back.
func (r *RestSection) Again() string {
	if r == nil || r.None {
		return "green and at rest again"
	}
	return "in the described state again: " + r.Text()
}

// within ends a sentence about a steady state that does not come: where it is not green with
// nothing moving, it says what.
func (r *RestSection) within() string {
	if r == nil || r.None {
		return ""
	}
	return " (" + r.Text() + ")"
}

// Text names it in a sentence.
func (r *RestSection) Text() string {
	if r == nil || r.None {
		return "green with nothing moving"
	}
	out := r.Status
	if r.Unassigned != nil {
		out += fmt.Sprintf(", %d unassigned", *r.Unassigned)
	}
	return fmt.Sprintf("%s, %d initializing, %d relocating", out, r.Initializing, r.Relocating)
}
