package es

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// NoCopiesOn expects no copy, of an index or at all, on the nodes of a tier: at the end, or
// within a time after t=0 and from then on.
type NoCopiesOn struct {
	Tier   string         `yaml:"no-copies-on" jsonschema:"required,enum=data_content,enum=data_hot,enum=data_warm,enum=data_cold"`
	Index  string         `yaml:"index,omitempty" jsonschema:"description=absent: every index"`
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=after t=0; absent: by the end"`
	nodes  []string       // of the tier
}

var tiers = []string{"data_content", "data_hot", "data_warm", "data_cold"}

// Kind implements [scenarios.Expectation].
func (*NoCopiesOn) Kind() string { return "no-copies-on" }

// Complete implements [scenarios.Completer].
func (e *NoCopiesOn) Complete(s *scenarios.Scenario) {
	if s.Cluster.Nodes.Count > scenarios.MostNodes {
		return // the check says so
	}
	for _, n := range s.ClusterSpec().Nodes {
		if slices.Contains(n.Roles, e.Tier) || slices.Contains(n.Roles, "data") { // data: of every tier
			e.nodes = append(e.nodes, n.Name)
		}
	}
}

// Check implements [scenarios.Expectation].
func (e *NoCopiesOn) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	switch {
	case !slices.Contains(tiers, e.Tier):
		ps = append(ps, source.Problemf("no-copies-on", "%s", source.Unknown("tier", e.Tier, tiers)))
	case len(e.nodes) == 0:
		ps = append(ps, source.Problemf("no-copies-on", "no node has the role %s, so nothing could lie there; expected a tier of this cluster", e.Tier))
	}
	if slices.ContainsFunc(s.Faults, func(f chaos.Entry) bool { return f.Fault.Kind() == "delete-index" }) {
		ps = append(ps, source.Problemf("no-copies-on", "this scenario deletes an index, and that its copies are gone is not observed; expected no delete-index beside no-copies-on"))
	}
	if e.Index != "" {
		ps = append(ps, checkIndexName(s, "index", e.Index)...)
	}
	return append(ps, checkWithin(s, e.Within)...)
}

// Judge implements [scenarios.Expectation].
func (e *NoCopiesOn) Judge(h *observed.History) []scenarios.Outcome {
	what := "copies"
	if e.Index != "" {
		what += " of " + e.Index
	}
	name := "no " + what + " on " + e.Tier
	limit := e.Within.D()
	if limit == 0 {
		limit = h.Closed
	}
	type shard struct {
		index string
		n     int
	}
	held := map[shard]int{} // copies in the tier, by shard
	since, total, seen := time.Duration(-1), 0, false
	for _, o := range h.Observations {
		copies, ok := o.Sight.(observed.Copies)
		if !ok {
			continue
		}
		now := map[shard]bool{}
		for _, c := range copies { // all copies of each shard that is named
			k := shard{c.Index, c.Shard}
			if e.Index != "" && c.Index != e.Index {
				continue
			}
			seen = true
			if !now[k] {
				total -= held[k]
				now[k], held[k] = true, 0
			}
			if slices.Contains(e.nodes, c.Node) || slices.Contains(e.nodes, c.To) {
				held[k]++
				total++
			}
		}
		switch {
		case total > 0:
			since = -1
		case seen && since < 0:
			since = max(o.At, 0)
		}
	}
	switch {
	case !seen:
		return []scenarios.Outcome{scenarios.Undecided(name, "where %s lie was not observed", what)}
	case since < 0:
		return []scenarios.Outcome{scenarios.NeverWithin(name, limit, 0, observed.FaultTimes{Until: h.Closed}, fmt.Sprintf("%d still lay there", total))}
	}
	return []scenarios.Outcome{scenarios.WithinLimit(name, since, limit, since, fmt.Sprintf("none from %s on", since.Round(time.Millisecond)))}
}
