package scenarios

import (
	"time"

	"github.com/shardquake/shardquake/internal/units"
)

// Refit gives the cluster other nodes. One that was imported is described from then on: these
// are its indices, and they are made afresh and placed on the nodes that there are.
func (s *Scenario) Refit(groups []NodeGroup, indices []IndexSection, settings map[string]string) {
	c := &s.Cluster
	c.From, c.imported = "", nil
	c.Nodes = NodesSection{Groups: groups}
	for _, g := range groups {
		c.Nodes.Count += g.Count
	}
	c.Indices, c.Settings = indices, settings
	copies := 0
	for i := range indices {
		copies += indices[i].Shards * (1 + *indices[i].Replicas)
	}
	s.Steady = max(s.Steady, units.Duration(3*time.Minute+time.Duration(copies/10)*time.Second))
}
