package scenarios

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/chaos"
)

// liveState is what the observations say now.
type liveState struct {
	health  Health
	members Members
	// primaries is the node of each shard's active primary.
	primaries map[shardKey]string
	// replicas is the node of each shard's first active replica, by name.
	replicas map[shardKey]string
	seen     bool
}

func (l *liveState) take(o Observation) {
	switch s := o.Sight.(type) {
	case Health:
		l.health, l.seen = s, true
	case Members:
		l.members = s
	case Copies:
		l.takeCopies(s)
	}
}

func (l *liveState) takeCopies(copies Copies) {
	if l.primaries == nil {
		l.primaries, l.replicas = make(map[shardKey]string), make(map[shardKey]string)
	}
	for _, c := range copies { // all copies of each shard that is named
		delete(l.replicas, shardKey{c.Index, c.Shard})
	}
	for _, c := range copies {
		k, node := shardKey{c.Index, c.Shard}, ""
		if c.State == "STARTED" || c.State == "RELOCATING" {
			node = c.Node
		}
		switch first := l.replicas[k]; {
		case c.Primary:
			l.primaries[k] = node
		case node != "" && (first == "" || node < first):
			l.replicas[k] = node
		}
	}
}

// steady is green with nothing moving.
func (l *liveState) steady() bool {
	h := l.health
	return l.seen && h.Status == "green" && h.Master && h.Relocating == 0 && h.Initializing == 0 && h.Unassigned == 0
}

func (h Health) text() string {
	return fmt.Sprintf("status %s, %d nodes, %d active, %d initializing, %d relocating, %d unassigned copies", h.Status, h.Nodes, h.Active, h.Initializing, h.Relocating, h.Unassigned)
}

// liveView answers selectors from the observations.
type liveView struct{ r *Run }

var _ chaos.View = liveView{}

func (v liveView) Topology() chaos.Topology { return v.r.scenario.Topology() }
func (v liveView) Master() string           { return v.r.live().members.Master }
func (v liveView) Primary(index string, shard int) string {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	return v.r.state.primaries[shardKey{index, shard}]
}

func (v liveView) Replica(index string, shard int) string {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	return v.r.state.replicas[shardKey{index, shard}]
}

// Lives implements [chaos.View].
func (v liveView) Lives(node string) bool { return slices.Contains(v.r.live().members.Nodes, node) }

// Copies implements [chaos.View]. It is asked seldom, so that nobody keeps count.
func (v liveView) Copies(node string) (n int) {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	for _, c := range v.r.history.lastCopies() {
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
		disks, is := o.Sight.(Disks)
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
