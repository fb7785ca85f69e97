package es

import (
	"fmt"
	"github.com/shardquake/shardquake/scenarios"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
)

// MovesAtMost bounds the relocations that begin after t=0.
type MovesAtMost struct {
	Limit int `yaml:"moves-at-most" jsonschema:"required,minimum=0"`
}

// Kind implements [scenarios.Expectation].
func (*MovesAtMost) Kind() string { return "moves-at-most" }

// Check implements [scenarios.Expectation].
func (e *MovesAtMost) Check(*scenarios.Scenario) []source.Problem {
	if e.Limit < 0 {
		return []source.Problem{source.Problemf("moves-at-most", "a number of moves can't be negative")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *MovesAtMost) Judge(h *scenarios.History) []scenarios.Outcome {
	const name = "relocations"
	if !slices.ContainsFunc(h.Observations, func(o scenarios.Observation) bool { _, ok := o.Sight.(scenarios.Copies); return ok }) {
		return []scenarios.Outcome{scenarios.Undecided(name, "the routing table was never observed")}
	}
	n := len(h.Moves())
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(float64(n)), Limit: scenarios.Number(float64(e.Limit)), Margin: scenarios.Number(float64(e.Limit - n)),
		Reason: fmt.Sprintf("%d relocations began", n)}
	if n > e.Limit {
		o.Verdict = scenarios.Fail
	}
	return []scenarios.Outcome{o}
}
