package expectations

import (
	"slices"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
)

// checkOfIndex finds an index: that is none of the scenario's, nor made by its steps.
func checkOfIndex(s *scenarios.Scenario, index string) []source.Problem {
	if index == "" {
		return nil
	}
	var names []string
	for _, f := range s.Faults {
		if f.Fault != nil && slices.Contains([]string{"roll-over", "put-policy"}, f.Fault.Kind()) {
			return nil // nobody knows the names of what they make
		}
	}
	for _, ix := range chaos.WithMade(s.Topology(), s.Faults).Indices {
		if ix.Name == index {
			return nil
		}
		names = append(names, ix.Name)
	}
	return []source.Problem{source.Problemf("index", "%s", source.Unknown("index", index, names))}
}

// ofIndex is what a name ends with where only an index is meant.
func ofIndex(index string) string {
	if index == "" {
		return ""
	}
	return " of " + index
}
