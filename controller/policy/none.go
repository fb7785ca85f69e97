package policy

import "fmt"

// noPolicy observes and never acts: the baseline that others are compared with.
type noPolicy struct{}

func none() Kind {
	return Kind{
		Name: "none", About: "watches and never acts",
		New: func() Policy { return noPolicy{} },
	}
}

func (noPolicy) Name() string { return "none" }

func (noPolicy) Needs() Needs { return Needs{} }

func (noPolicy) Decide(o Observation) Verdict {
	s := SpreadOf(o)
	return Verdict{
		Reason:  fmt.Sprintf("policy none never acts (%d shards on %d nodes)", s.Total, s.Nodes),
		Numbers: s.Numbers(),
	}
}
