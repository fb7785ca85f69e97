package es

import (
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// Formed is the cluster to start in place, with the settings of the scenario: that of the
// file it was taken from, or what the scenario says of each copy; nil: it forms, empty.
func Formed(s *scenarios.Scenario) *clusterfile.Cluster {
	var c clusterfile.Cluster
	switch im := s.Imported(); {
	case im != nil:
		c = *im.Cluster
	case placed(s):
		c = *formedOf(s)
	default:
		return nil
	}
	c.Persistent = c.Persistent.With(ofIndices(s.Cluster.Settings, false))
	c.Transient = maps.Clone(c.Transient)
	for key := range s.Cluster.Settings {
		delete(c.Transient, key) // it would hide what the scenario says
	}
	c.Indices = slices.Clone(c.Indices)
	own := ofIndices(s.Cluster.Settings, true)
	for i := range c.Indices {
		ix := &c.Indices[i]
		ix.Settings = ix.Settings.With(own)
		for _, described := range s.Cluster.Indices {
			if described.Name == ix.Name {
				ix.Settings = ix.Settings.With(described.Settings)
			}
		}
	}
	return &c
}

// EffectiveSettings are the settings that the cluster begins with, of an imported one its
// own with those of the scenario; transient ones overrule.
func EffectiveSettings(s *scenarios.Scenario) map[string]string {
	c := Formed(s)
	if c == nil {
		return s.Cluster.Settings
	}
	return c.Persistent.With(c.Transient)
}

// Stands implements [scenarios.Standing].
func (System) Stands(s *scenarios.Scenario) bool { return s.Imported() != nil || placed(s) }

// placed reports whether the scenario says of some index where each of its copies is.
func placed(s *scenarios.Scenario) bool {
	return slices.ContainsFunc(s.Cluster.Indices, func(ix scenarios.IndexSection) bool { return ix.Copies != nil })
}

// formedOf is the cluster of a scenario that says where its copies are: with all that it
// describes, so that it can start in place.
func formedOf(s *scenarios.Scenario) *clusterfile.Cluster {
	c := &clusterfile.Cluster{Schema: clusterfile.Schema, System: s.System, Name: s.Name, Version: clusterfile.Version{Modelled: true}}
	var voters []string
	for _, n := range s.NodeSpecs() {
		if n.Late {
			continue
		}
		c.Nodes = append(c.Nodes, clusterfile.Node{
			Name: n.Name, Roles: n.Roles, Attributes: n.Attributes, Disk: clusterfile.Disk{Total: clusterfile.Seen(n.Disk)},
			HeapMax: clusterfile.Seen(n.Heap), Processors: clusterfile.Seen(int64(n.CPUs)),
		})
		if len(n.Roles) == 0 || slices.Contains(n.Roles, "master") {
			voters = append(voters, n.Name)
		}
	}
	if len(voters) > 0 {
		c.Coordination.Master = voters[0]
		if len(voters)%2 == 0 { // as Elasticsearch has it: an odd number votes
			voters = voters[:len(voters)-1]
		}
	}
	c.Coordination.Committed, c.Coordination.Accepted = voters, voters
	for _, ix := range s.Cluster.Indices {
		if ix.Copies != nil {
			c.Indices = append(c.Indices, ix.Formed(s.Cluster.Settings))
		}
	}
	return c
}

// ofIndices are the settings that are, or are not, of indices.
func ofIndices(all map[string]string, want bool) map[string]string {
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if strings.HasPrefix(key, "index.") == want {
			out[key] = all[key]
		}
	}
	return out
}
