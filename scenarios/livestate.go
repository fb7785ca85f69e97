package scenarios

import (
	"fmt"
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
