package es

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// WritesBlocked expects a block that refuses writes to an index: by the end, or within a
// time after t=0.
type WritesBlocked struct {
	Index  string         `yaml:"writes-blocked" jsonschema:"required,description=name of the index"`
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=after t=0; absent: by the end"`
	Not    bool           `yaml:"not,omitempty" jsonschema:"description=there is no such block from then on instead; absent within: at the end"`
}

// refusing are the ids of Elasticsearch's blocks that refuse writes: of an index read-only,
// write, and read-only but for deletes (the flood stage); of the cluster read-only, with and
// without deletes.
var (
	refusing       = []string{"5", "8", "12"}
	refusingGlobal = []string{"6", "13"}
)

// Kind implements [scenarios.Expectation].
func (*WritesBlocked) Kind() string { return "writes-blocked" }

// Check implements [scenarios.Expectation].
func (e *WritesBlocked) Check(s *scenarios.Scenario) []source.Problem {
	return append(checkIndexName(s, "writes-blocked", e.Index), checkWithin(s, e.Within)...)
}

// Judge implements [scenarios.Expectation].
func (e *WritesBlocked) Judge(h *observed.History) []scenarios.Outcome {
	name, waited := "writes to "+e.Index+" blocked", "no block refused writes"
	if e.Not {
		name, waited = "writes to "+e.Index+" not blocked", "a block still refused writes"
	}
	limit := e.Within.D()
	if limit == 0 {
		limit = h.Closed
	}
	since, seen := time.Duration(-1), false
	for _, o := range h.Observations {
		health, ok := o.Sight.(observed.Health)
		if !ok || !health.Master { // without a master nobody tells of blocks
			continue
		}
		seen = true
		switch blocked := e.refuses(health.Blocks); {
		case e.Not && blocked:
			since = -1
		case blocked != e.Not && since < 0:
			since = max(o.At, 0)
		}
	}
	switch {
	case !seen:
		return []scenarios.Outcome{scenarios.Undecided(name, "the cluster's blocks were never observed")}
	case since < 0:
		return []scenarios.Outcome{scenarios.NeverWithin(name, limit, 0, observed.FaultTimes{Until: h.Closed}, waited)}
	}
	return []scenarios.Outcome{scenarios.WithinLimit(name, since, limit, since, fmt.Sprintf("since %s", since.Round(time.Millisecond)))}
}

// refuses reports whether one of the blocks refuses writes to the index.
func (e *WritesBlocked) refuses(blocks string) bool {
	return slices.ContainsFunc(strings.Fields(blocks), func(b string) bool {
		if id, of := strings.CutPrefix(b, e.Index+":"); of {
			return slices.Contains(refusing, id)
		}
		return slices.Contains(refusingGlobal, b)
	})
}

// checkIndexName refuses the name of an index that the file does not describe and no step
// creates.
func checkIndexName(s *scenarios.Scenario, path, name string) []source.Problem {
	var names []string
	for _, shape := range s.Topology().Indices {
		names = append(names, shape.Name)
	}
	for _, f := range s.Faults {
		if f.Fault != nil && (f.Fault.Kind() == "create-index" || f.Fault.Kind() == "restore" || f.Fault.Kind() == "roll-over" || f.Fault.Kind() == "put-policy") {
			return nil
		}
	}
	if slices.Contains(names, name) {
		return nil
	}
	return []source.Problem{source.Problemf(path, "%s", source.Unknown("index", name, names))}
}

// checkWithin refuses a limit that the run does not last for.
func checkWithin(s *scenarios.Scenario, within units.Duration) []source.Problem {
	if within < 0 || within > s.Duration+s.Settle {
		return []source.Problem{source.Problemf("within", "%s is not within the run's %s", within, s.Duration+s.Settle)}
	}
	return nil
}
