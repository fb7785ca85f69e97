package observed

import (
	"fmt"
	"slices"
)

// Live is what the observations say now.
type Live struct {
	Health  Health
	Members Members
	// primaries is the node of each shard's active primary.
	Primaries map[ShardKey]string
	// replicas is the node of each shard's first active replica, by name.
	Replicas map[ShardKey]string
	Seen     bool
	// mute are the nodes that didn't answer when they were asked last, by name.
	mute map[string]bool
}

func (l *Live) Take(o Observation) {
	switch s := o.Sight.(type) {
	case Health:
		l.Health, l.Seen = s, true
	case Members:
		l.Members = s
	case Copies:
		l.takeCopies(s)
	case View:
		if l.mute == nil {
			l.mute = make(map[string]bool)
		}
		l.mute[s.Node] = s.State != "ok"
	}
}

// Noticed reports whether the master knows of every node that doesn't answer: until then,
// and for a moment under a new master, it says of copies on dead nodes that they are well.
// Health that is of other members is older than they are.
func (l *Live) Noticed() bool {
	return l.Health.Nodes == len(l.Members.Nodes) && !slices.ContainsFunc(l.Members.Nodes, func(n string) bool { return l.mute[n] })
}

func (l *Live) takeCopies(copies Copies) {
	if l.Primaries == nil {
		l.Primaries, l.Replicas = make(map[ShardKey]string), make(map[ShardKey]string)
	}
	for _, c := range copies { // all copies of each shard that is named
		delete(l.Replicas, ShardKey{c.Index, c.Shard})
	}
	for _, c := range copies {
		k, node := ShardKey{c.Index, c.Shard}, ""
		if c.State == "STARTED" || c.State == "RELOCATING" {
			node = c.Node
		}
		switch first := l.Replicas[k]; {
		case c.Primary:
			l.Primaries[k] = node
		case node != "" && (first == "" || node < first):
			l.Replicas[k] = node
		}
	}
}

// Steady is green with nothing moving.
func (l *Live) Steady() bool {
	h := l.Health
	return l.Seen && h.Status == "green" && h.Master && h.Relocating == 0 && h.Initializing == 0 && h.Unassigned == 0
}

func (h Health) Text() string {
	return fmt.Sprintf("status %s, %d nodes, %d active, %d initializing, %d relocating, %d unassigned copies", h.Status, h.Nodes, h.Active, h.Initializing, h.Relocating, h.Unassigned)
}
