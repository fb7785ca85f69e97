package es

import (
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios"
)

// The distributions of Elasticsearch.
const (
	DefaultDistribution = "default"
	MinimalDistribution = "minimal"
)

var distributions = []string{DefaultDistribution, MinimalDistribution}

// NeedsTiers reports whether it matters that the default distribution has deciders for
// data tiers: some node belongs to some tiers only.
func NeedsTiers(c scenarios.ClusterSpec) bool {
	return DescriptionOf(c).Distribution != MinimalDistribution && slices.ContainsFunc(c.Nodes, func(n scenarios.NodeSpec) bool {
		return !slices.Contains(n.Roles, "data") && slices.ContainsFunc(n.Roles, func(r string) bool { return strings.HasPrefix(r, "data_") })
	})
}

// OtherVersions says which nodes run another version than the modelled one, and what is known
// of that; "": none does.
func OtherVersions(c scenarios.ClusterSpec, modelled string) string {
	nodes := make(map[string][]string)
	for _, n := range c.Nodes {
		if n.Version != "" && n.Version != modelled {
			nodes[n.Version] = append(nodes[n.Version], n.Name)
		}
	}
	if len(nodes) == 0 {
		return ""
	}
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(nodes)) {
		parts = append(parts, strings.Join(nodes[v], ", ")+" run "+v)
	}
	return strings.Join(parts, "; ") + ": of versions the simulator knows which nodes copies may go to and which may join; whatever else differs from " + modelled + " is unknown"
}
