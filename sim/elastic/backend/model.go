package backend

import (
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/sim/elastic"
)

// Model is the simulated cluster behind what [Backend.Start] returned, for those who
// drive its engine themselves; ok is false for another backend's.
func Model(c scenarios.Cluster) (model *elastic.Cluster, ok bool) {
	s, ok := c.(*simulated)
	if !ok {
		return nil, false
	}
	return s.c, true
}
