package controller

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// tally is what one list of all copies says of the cluster as a whole. It is made at every
// check; the other figures of [Metrics] cost more and are looked at less often.
type tally struct {
	at        time.Time
	of        []ShardInfo // the list
	total     int
	primaries int // that serve
	active    int
	states    map[string]int
	nodes     []NodeShards
	status    string
}

// renewed is the tally of a list: this one, where the cluster's answer has not changed.
func (t tally) renewed(shards []ShardInfo, at time.Time) tally {
	if !sameShards(t.of, shards) {
		t = tallyOf(shards)
	}
	t.at = at
	return t
}

// tallyOf counts copies; a relocating one counts where it is going to be. The status is as Elasticsearch has it: red where a primary is
// missing, yellow where a replica is.
func tallyOf(shards []ShardInfo) tally {
	t := tally{of: shards, total: len(shards), states: map[string]int{}, status: "green"}
	counts := map[string]int{}
	for _, s := range shards {
		t.states[s.State]++
		if node := cmp.Or(s.RelocatingTo, s.Node); node != "" {
			counts[node]++
		}
		switch {
		case s.Active():
			t.active++
			if s.Primary {
				t.primaries++
			}
		case s.Primary:
			t.status = "red"
		case t.status == "green":
			t.status = "yellow"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		t.nodes = append(t.nodes, NodeShards{name, counts[name]})
	}
	return t
}

// refresh brings those figures up to date that every check gives.
func (t tally) refresh(m Metrics) Metrics {
	c := &m.Cluster
	c.Status, c.ActivePrimaryShards, c.ActiveShards = t.status, t.primaries, t.active
	c.RelocatingShards, c.InitializingShards, c.UnassignedShards = t.states[StateRelocating], t.states[StateInitializing], t.states[StateUnassigned]
	if c.ActiveShardsPercent = 100; t.total > 0 {
		c.ActiveShardsPercent = 100 * float64(t.active) / float64(t.total)
	}
	m.Nodes = slices.Clone(m.Nodes)
	for i := range m.Nodes {
		n := &m.Nodes[i]
		n.Shards = 0
		for _, x := range t.nodes {
			if x.Name == n.Name {
				n.Shards = x.Shards
			}
		}
	}
	return m
}
