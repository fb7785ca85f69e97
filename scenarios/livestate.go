package scenarios

import (
	"fmt"

	"github.com/shardquake/shardquake/chaos"
)

// liveState is what the observations say now.
type liveState struct {
	health  Health
	members Members
	// primaries is the node of each shard's active primary.
	primaries map[shardKey]string
	seen      bool
}

func (l *liveState) take(o Observation) {
	if o.Health != nil {
		l.health, l.seen = *o.Health, true
	}
	if o.Members != nil {
		l.members = *o.Members
	}
	for _, c := range o.Shards {
		if l.primaries == nil {
			l.primaries = make(map[shardKey]string)
		}
		if c.Primary {
			node := ""
			if c.State == "STARTED" || c.State == "RELOCATING" {
				node = c.Node
			}
			l.primaries[shardKey{c.Index, c.Shard}] = node
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
type liveView struct{ r *run }

var _ chaos.View = liveView{}

func (v liveView) Topology() chaos.Topology { return v.r.scenario.Topology() }
func (v liveView) Master() string           { return v.r.live().members.Master }
func (v liveView) Primary(index string, shard int) string {
	v.r.mu.Lock()
	defer v.r.mu.Unlock()
	return v.r.state.primaries[shardKey{index, shard}]
}
