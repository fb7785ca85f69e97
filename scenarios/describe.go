package scenarios

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
)

// NodeNames are n1, n2, …, or the names in the file that the cluster comes from.
func (s *Scenario) NodeNames() []string {
	if im := s.Cluster.imported; im != nil {
		return im.names()
	}
	out := make([]string, s.Cluster.Nodes.Count)
	for i := range out {
		out[i] = fmt.Sprintf("n%d", i+1)
	}
	return out
}

// LateNodes are those that a node-join starts: the last ones.
func (s *Scenario) LateNodes() []string {
	names := s.NodeNames()
	late := min(max(s.Cluster.Nodes.Late, 0), len(names))
	return names[len(names)-late:]
}

// Topology is what faults are checked against.
func (s *Scenario) Topology() chaos.Topology {
	t := chaos.Topology{System: s.System, Nodes: s.NodeNames(), Late: s.LateNodes(), Viewers: s.system.Viewers(s), Controllers: s.ControllerNames()}
	for i := range t.Nodes {
		t.Attributes = append(t.Attributes, s.attributesOf(i))
	}
	t.Indices = s.system.Shapes(s)
	for _, n := range s.ClusterSpec().Nodes {
		if len(n.Roles) > 0 && !slices.ContainsFunc(n.Roles, func(r string) bool { return strings.HasPrefix(r, "data") }) {
			t.Diskless = append(t.Diskless, n.Name)
		}
	}
	return t
}

// attributesOf are those of the i-th node.
func (s *Scenario) attributesOf(i int) map[string]string {
	if im := s.Cluster.imported; im != nil {
		return im.file.Nodes[i].Attributes
	}
	return s.Cluster.Nodes.attributesOf(i)
}

func (n *NodesSection) attributesOf(i int) map[string]string {
	out := make(map[string]string, len(n.Attributes))
	for _, key := range slices.Sorted(maps.Keys(n.Attributes)) {
		if values := n.Attributes[key]; len(values) > 0 { // none is a problem that check tells
			out[key] = values[i%len(values)]
		}
	}
	return out
}

// RolesFor are the roles of a node.
func (n *NodesSection) RolesFor(name string) []string {
	if roles, ok := n.RolesOf[name]; ok {
		return roles
	}
	return n.Roles
}

// ClusterSpec is the cluster for a backend.
func (s *Scenario) ClusterSpec() ClusterSpec {
	n := s.Cluster.Nodes
	spec := ClusterSpec{
		Name: s.Name, System: s.System, Settings: s.Cluster.Settings, Viewers: s.system.Viewers(s), Formed: s.formed(), Own: s.system.Own(s),
		Distribution: cmp.Or(s.Cluster.Distribution, DefaultDistribution),
	}
	for i, name := range s.NodeNames() {
		if im := s.Cluster.imported; im != nil {
			spec.Nodes = append(spec.Nodes, im.nodeSpec(&n, i))
			continue
		}
		spec.Nodes = append(spec.Nodes, NodeSpec{
			Name: name, Disk: int64(n.Disk), DiskRate: int64(n.DiskRate), Network: int64(n.Network),
			Latency: n.Latency.D(), CPUs: n.CPUs, Heap: int64(n.Heap), Roles: n.RolesFor(name), Attributes: n.attributesOf(i),
			Late: slices.Contains(s.LateNodes(), name),
		})
	}
	return spec
}

// Describe says in lines what the cluster holds and bears, for a preview.
func (s *Scenario) Describe() []string { return s.system.Describe(s) }
