package es

import (
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Repaired expects that the cluster itself has replaced every copy that was corrupted by
// the end of the run, or that it has left them all.
type Repaired struct {
	Fault string `yaml:"repaired" jsonschema:"required,enum=corruption,description=corruption: every copy that was damaged has been replaced by the end"`
	// Not expects the opposite: nothing in the cluster notices.
	Not bool `yaml:"not,omitempty" jsonschema:"description=expect that the damage is still there"`
}

// Kind implements [scenarios.Expectation].
func (*Repaired) Kind() string { return "repaired" }

// Check implements [scenarios.Expectation].
func (e *Repaired) Check(s *scenarios.Scenario) []source.Problem {
	if e.Fault != "corruption" {
		return []source.Problem{source.Problemf("repaired", "%s", source.Unknown("fault", e.Fault, []string{"corruption"}))}
	}
	for _, f := range s.Faults {
		if f.Fault.Kind() == e.Fault {
			return nil
		}
	}
	return []source.Problem{source.Problemf("repaired", "the scenario has no fault of this kind")}
}

// Judge implements [scenarios.Expectation].
func (e *Repaired) Judge(h *observed.History) []scenarios.Outcome {
	var out []scenarios.Outcome
	for i, f := range h.Faults {
		if f.Kind != e.Fault {
			continue
		}
		name := "repaired after " + expectations.FaultName(h, i)
		if e.Not {
			name = "left after " + expectations.FaultName(h, i)
		}
		switch {
		case !f.Shown():
			out = append(out, scenarios.Undecided(name, "no probe showed that the fault was in force"))
		case len(f.Gone) == 0:
			out = append(out, scenarios.Undecided(name, "nobody has looked at the end of the run"))
		default:
			o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Reason: f.Gone[0].Saw}
			if f.Gone[0].Shown == e.Not {
				o.Verdict = scenarios.Fail
			}
			out = append(out, o)
		}
	}
	if len(out) == 0 {
		out = append(out, scenarios.Idled("repaired", "no such fault struck"))
	}
	return out
}
