package es

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// MovesAtMost bounds the relocations that begin after t=0.
type MovesAtMost struct {
	Limit int    `yaml:"moves-at-most" jsonschema:"required,minimum=0"`
	Index string `yaml:"index,omitempty" jsonschema:"description=only its copies count; absent: those of all indices"`
}

// Kind implements [scenarios.Expectation].
func (*MovesAtMost) Kind() string { return "moves-at-most" }

// Check implements [scenarios.Expectation].
func (e *MovesAtMost) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	if e.Index != "" {
		ps = checkIndexName(s, "index", e.Index)
	}
	if e.Limit < 0 {
		ps = append(ps, source.Problemf("moves-at-most", "a number of moves can't be negative"))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *MovesAtMost) Judge(h *observed.History) []scenarios.Outcome {
	name := "relocations"
	if e.Index != "" {
		name += " of " + e.Index
	}
	h = h.OfIndex(e.Index)
	if !slices.ContainsFunc(h.Observations, func(o observed.Observation) bool { _, ok := o.Sight.(observed.Copies); return ok }) {
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
