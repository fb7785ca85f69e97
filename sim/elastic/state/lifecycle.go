package state

import "time"

// Policy is what happens to indices as they age (LifecyclePolicyMetadata).
type Policy struct {
	Name           string
	Version        int64
	ModifiedMillis int64
	Phases         []Phase // in the order of their ages
	Meta           []byte  // JSON; nil: none
}

// Phase is a part of an index's life.
type Phase struct {
	Name    string // hot, warm, cold, delete
	MinAge  time.Duration
	Actions []PhaseAction // in the order in which they are done
}

// PhaseAction is something that a phase does, with what it was given.
type PhaseAction struct {
	Name string
	// Given is its body, JSON; what of it counts is below.
	Given      []byte
	Conditions []Condition // of a rollover
	Segments   int         // of a forced merge
	// Settings that the action sets.
	Settings map[string]*string
	Disabled bool // a migration that is switched off
}

// Phase finds a phase of the policy, or nil.
func (p *Policy) Phase(name string) *Phase {
	for i := range p.Phases {
		if p.Phases[i].Name == name {
			return &p.Phases[i]
		}
	}
	return nil
}

// Lifecycle is how far an index is in its policy (LifecycleExecutionState).
type Lifecycle struct {
	Phase, Action, Step                   string
	PhaseMillis, ActionMillis, StepMillis int64
	FailedStep, Info                      string
	// Of the policy as the phase was entered.
	PolicyVersion, PolicyModified int64
}

func (p *Policy) name() string { return p.Name }

// Policy finds a policy by name, or nil.
func (s *State) Policy(name string) *Policy { return find(s.Policies, (*Policy).name, name) }

// WithPolicy is the state with a policy more or changed.
func (s *State) WithPolicy(p *Policy) *State {
	next := s.Clone()
	next.Policies = With(s.Policies, (*Policy).name, p)
	return next
}

// WithoutPolicy is the state without a policy.
func (s *State) WithoutPolicy(name string) *State {
	next := s.Clone()
	next.Policies = Without(s.Policies, (*Policy).name, name)
	return next
}
