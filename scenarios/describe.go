package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
)

const (
	microsecond = time.Microsecond
	second      = time.Second
	minute      = time.Minute
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

// lateNodes are those that a node-join starts: the last ones.
func (s *Scenario) lateNodes() []string {
	names := s.NodeNames()
	late := min(max(s.Cluster.Nodes.Late, 0), len(names))
	return names[len(names)-late:]
}

// Topology is what faults are checked against.
func (s *Scenario) Topology() chaos.Topology {
	t := chaos.Topology{System: s.System, Nodes: s.NodeNames(), Late: s.lateNodes(), Viewers: s.viewers(), Controllers: s.ControllerNames()}
	for i := range t.Nodes {
		t.Attributes = append(t.Attributes, s.attributesOf(i))
	}
	if k := s.Cluster.KV; s.System == systemKV && k != nil {
		t.Controllers = nil
		t.Indices = []chaos.IndexShape{{Name: KVIndex, Shards: k.Shards, Replicas: k.Replication - 1}}
		return t
	}
	if im := s.Cluster.imported; im != nil {
		t.Indices = im.shapes()
	}
	for _, ix := range s.newIndices() {
		t.Indices = append(t.Indices, chaos.IndexShape{Name: ix.Name, Shards: ix.Shards, Replicas: *ix.Replicas})
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

func (n *NodesSection) rolesOf(name string) []string {
	if roles, ok := n.RolesOf[name]; ok {
		return roles
	}
	return n.Roles
}

// viewers are the endpoints beside the nodes.
func (s *Scenario) viewers() []string {
	if s.System == systemKV {
		return s.kvViewers()
	}
	names := s.ControllerNames()
	if len(names) == 0 {
		names = []string{ViewerController}
	}
	return append(names, ViewerClient)
}

// ClusterSpec is the cluster for a backend.
func (s *Scenario) ClusterSpec() ClusterSpec {
	n := s.Cluster.Nodes
	spec := ClusterSpec{Name: s.Name, System: s.System, Settings: s.Cluster.Settings, Viewers: s.viewers(), Formed: s.formed()}
	if k := s.Cluster.KV; k != nil {
		spec.KV = &KVSpec{Shards: k.Shards, Settings: k.settings()}
	}
	for i, name := range s.NodeNames() {
		if im := s.Cluster.imported; im != nil {
			spec.Nodes = append(spec.Nodes, im.nodeSpec(&n, i))
			continue
		}
		spec.Nodes = append(spec.Nodes, NodeSpec{
			Name: name, Disk: int64(n.Disk), DiskRate: int64(n.DiskRate), Network: int64(n.Network),
			Latency: n.Latency.D(), CPUs: n.CPUs, Heap: int64(n.Heap), Roles: n.rolesOf(name), Attributes: n.attributesOf(i),
			Late: slices.Contains(s.lateNodes(), name),
		})
	}
	return spec
}

// IndexSpecs are the indices for a backend.
func (s *Scenario) IndexSpecs() []IndexSpec {
	var out []IndexSpec
	for _, ix := range s.newIndices() {
		out = append(out, IndexSpec{
			Name: ix.Name, Shards: ix.Shards, Replicas: *ix.Replicas, Bytes: int64(ix.Size), Docs: ix.Docs,
			Settings: ix.Settings, Placement: ix.Placement,
		})
	}
	return out
}

// LoadSpecs are all bulk loads for a backend.
func (s *Scenario) LoadSpecs() []LoadSpec { return s.loadsAt(s.Duration.D()) }

// loadsAt are the bulk loads that have begun by a time since t=0.
func (s *Scenario) loadsAt(at time.Duration) []LoadSpec {
	var out []LoadSpec
	for _, w := range s.Workload {
		if w.From.D() > at || w.KV != "" { // the runner makes the clients of those
			continue
		}
		if w.Writes > 0 || w.Reads > 0 {
			out = append(out, LoadSpec{Index: w.Index, Writes: float64(w.Writes), Reads: float64(w.Reads), DocBytes: int64(w.Doc), Skew: float64(w.Skew)})
		}
	}
	return out
}
