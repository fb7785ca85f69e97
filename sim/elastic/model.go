package elastic

import "github.com/shardquake/shardquake/scenarios"

// Model is the simulated cluster behind what [Backend.Start] returned, for those who
// drive its engine themselves; ok is false for another backend's.
func Model(c scenarios.Cluster) (model *Cluster, ok bool) {
	s, ok := c.(*simulated)
	if !ok {
		return nil, false
	}
	return s.c, true
}
