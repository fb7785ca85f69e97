package scenarios

import (
	"slices"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// liveView answers selectors from the observations.
type liveView struct{ r *Run }

var _ chaos.View = liveView{}

func (v liveView) Topology() chaos.Topology { return v.r.scenario.Topology() }
func (v liveView) Master() string           { return v.r.live().Members.Master }
func (v liveView) Primary(index string, shard int) string {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	return v.r.state.Primaries[observed.ShardKey{Index: index, Shard: shard}]
}

func (v liveView) Replica(index string, shard int) string {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	return v.r.state.Replicas[observed.ShardKey{Index: index, Shard: shard}]
}

// Lives implements [chaos.View].
func (v liveView) Lives(node string) bool { return slices.Contains(v.r.live().Members.Nodes, node) }

// Copies implements [chaos.View]. It is asked seldom, so that nobody keeps count.
func (v liveView) Copies(node string) (n int) {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	for _, c := range v.r.history.LastCopies() {
		if c.Node == node && (c.State == "STARTED" || c.State == "RELOCATING") {
			n++
		}
	}
	return n
}

// DiskUsed implements [chaos.View].
func (v liveView) DiskUsed(node string) (percent float64, known bool) {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	for _, o := range slices.Backward(v.r.history.Observations) {
		disks, is := o.Sight.(observed.Disks)
		if !is {
			continue
		}
		for _, d := range disks {
			if d.Node == node && d.Total > 0 {
				return 100 * float64(d.Used) / float64(d.Total), true
			}
		}
	}
	return 0, false
}
