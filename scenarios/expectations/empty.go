package expectations

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// NodeEmpty expects a node to hold no copies any more: at the end, or within a time after
// t=0 and from then on.
type NodeEmpty struct {
	Node   string         `yaml:"node-empty" jsonschema:"required,description=name of the node"`
	Within units.Duration `yaml:"within,omitempty" jsonschema:"description=after t=0; absent: by the end"`
}

// Kind implements [scenarios.Expectation].
func (*NodeEmpty) Kind() string { return "node-empty" }

// Check implements [scenarios.Expectation].
func (e *NodeEmpty) Check(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	if !slices.Contains(s.NodeNames(), e.Node) {
		ps = append(ps, source.Problemf("node-empty", "%s", source.Unknown("node", e.Node, s.NodeNames())))
	}
	if e.Within < 0 || e.Within > s.Duration+s.Settle {
		ps = append(ps, source.Problemf("within", "%s is not within the run's %s", e.Within, s.Duration+s.Settle))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *NodeEmpty) Judge(h *observed.History) []scenarios.Outcome {
	name := e.Node + " holds no copies"
	frames := h.Spread(observed.QuantityShards)
	i := slices.Index(h.Nodes, e.Node)
	if len(frames) == 0 || i < 0 {
		return []scenarios.Outcome{scenarios.Undecided(name, "where copies lie was not observed")}
	}
	since, held := time.Duration(-1), 0.0
	for _, f := range observed.FromStart(frames) {
		held = f.Values[i]
		switch {
		case held > 0:
			since = -1
		case since < 0:
			since = f.At
		}
	}
	limit := e.Within.D()
	if limit == 0 {
		limit = h.Closed
	}
	if since < 0 {
		return []scenarios.Outcome{scenarios.NeverWithin(name, limit, 0, observed.FaultTimes{Until: h.Closed}, fmt.Sprintf("it still held %.0f copies", held))}
	}
	return []scenarios.Outcome{scenarios.WithinLimit(name, since, limit, since, fmt.Sprintf("none from %s on", since.Round(time.Millisecond)))}
}
