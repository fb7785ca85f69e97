package scenarios

import (
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
)

// NodeSpecs describe all nodes.
func (s *Scenario) NodeSpecs() []NodeSpec {
	im := s.Cluster.imported
	if im == nil {
		return s.Cluster.Nodes.specs()
	}
	var out []NodeSpec
	for i := range im.file.Nodes {
		out = append(out, im.nodeSpec(&s.Cluster.Nodes.NodeGroup, i))
	}
	return out
}

// NodeNames are those of the file, where it has any, or n1, n2, ….
func (s *Scenario) NodeNames() []string {
	var out []string
	for _, n := range s.NodeSpecs() {
		out = append(out, n.Name)
	}
	return out
}

// LateNodes are those that a node-join starts.
func (s *Scenario) LateNodes() []string {
	var out []string
	for _, n := range s.NodeSpecs() {
		if n.Late {
			out = append(out, n.Name)
		}
	}
	return out
}

// Topology is what faults are checked against.
func (s *Scenario) Topology() chaos.Topology {
	t := chaos.Topology{System: s.System, Viewers: s.system.Viewers(s), Controllers: s.ControllerNames(), Indices: s.system.Shapes(s)}
	for _, n := range s.NodeSpecs() {
		t.Nodes, t.Attributes = append(t.Nodes, n.Name), append(t.Attributes, n.Attributes)
		if n.Late {
			t.Late = append(t.Late, n.Name)
		}
		if len(n.Roles) > 0 && !slices.ContainsFunc(n.Roles, func(r string) bool { return strings.HasPrefix(r, "data") }) {
			t.Diskless = append(t.Diskless, n.Name)
		}
	}
	return t
}

// ClusterSpec is the cluster for a backend.
func (s *Scenario) ClusterSpec() ClusterSpec {
	return ClusterSpec{
		Name: s.Name, System: s.System, Nodes: s.NodeSpecs(), Settings: s.Cluster.Settings, Viewers: s.system.Viewers(s),
		Began: s.Began(), SteadyWithin: s.Steady.D(), Calm: s.Calm(), Changed: s.ChangedSettings(), Own: s.system.Own(s),
	}
}

// ChangedSettings are those that the scenario's faults and steps set, of cluster, indices
// and templates.
func (s *Scenario) ChangedSettings() map[string]string {
	out := make(map[string]string)
	for _, e := range s.Faults {
		if setter, ok := e.Fault.(chaos.Setter); ok {
			values, _, _ := setter.Sets()
			for _, key := range slices.Sorted(maps.Keys(values)) {
				if values[key] != "" {
					out[key] = values[key]
				}
			}
		}
	}
	return out
}

// Describe says in lines what the cluster holds and bears, for a preview.
func (s *Scenario) Describe() []string { return s.system.Describe(s) }
