package scenarios

import (
	"slices"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// placed reports whether the file says of some index where each of its copies is.
func (s *Scenario) placed() bool {
	return slices.ContainsFunc(s.Cluster.Indices, func(ix IndexSection) bool { return ix.Copies != nil })
}

// formedOf is the cluster of a file that says where its copies are: with all that it
// describes, so that it can start in place.
func (s *Scenario) formedOf() *clusterfile.Cluster {
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
