package clusterfile

import (
	"errors"
	"fmt"
	"slices"
)

// Elasticsearch is the system that a file may describe.
const Elasticsearch = "elasticsearch"

// States of a copy.
const (
	Started      = "STARTED"
	Relocating   = "RELOCATING"
	Initializing = "INITIALIZING"
	NoNode       = "UNASSIGNED"
)

// mostProblems are told of a file at once.
const mostProblems = 20

// Bounds of what a file may describe.
const (
	mostNodes  = 5000
	mostShards = 1024
)

// Check finds what can't be true of a cluster: names used twice, copies on nodes that are
// not there, shards with two primaries.
func (c *Cluster) Check() error {
	k := checker{nodes: map[string]bool{}}
	k.cluster(c)
	if len(k.wrong) > mostProblems {
		rest := len(k.wrong) - mostProblems
		k.wrong = append(k.wrong[:mostProblems], fmt.Errorf("… and %d more", rest))
	}
	return errors.Join(k.wrong...)
}

type checker struct {
	nodes map[string]bool
	wrong []error
}

func (k *checker) bad(format string, args ...any) {
	k.wrong = append(k.wrong, fmt.Errorf(format, args...))
}

func (k *checker) cluster(c *Cluster) {
	if c.System != Elasticsearch {
		k.bad("system %q; expected elasticsearch", c.System)
	}
	if len(c.Nodes) == 0 || len(c.Nodes) > mostNodes {
		k.bad("%d nodes; expected 1 to %d", len(c.Nodes), mostNodes)
	}
	ids := map[string]bool{}
	for _, n := range c.Nodes {
		switch {
		case n.Name == "":
			k.bad("a node has no name")
		case k.nodes[n.Name]:
			k.bad("there are two nodes %q", n.Name)
		case n.ID != "" && ids[n.ID]:
			k.bad("there are two nodes with the id %q", n.ID)
		}
		k.nodes[n.Name], ids[n.ID] = true, true
		if d := n.Disk; d.Total.Known() && d.Available.Known() && (d.Total.V < 0 || d.Available.V < 0 || d.Available.V > d.Total.V) {
			k.bad("node %s: %d bytes of %d are available", n.Name, d.Available.V, d.Total.V)
		}
	}
	if m := c.Coordination.Master; m != "" && !k.nodes[m] {
		k.bad("the master %q is none of the nodes", m)
	}
	seen := map[string]bool{}
	for i := range c.Indices {
		if seen[c.Indices[i].Name] {
			k.bad("there are two indices %q", c.Indices[i].Name)
		}
		seen[c.Indices[i].Name] = true
		k.index(&c.Indices[i])
	}
}

func (k *checker) index(ix *Index) {
	switch {
	case ix.Name == "":
		k.bad("an index has no name")
	case ix.ShardCount < 1 || ix.ShardCount > mostShards:
		k.bad("index %s: %d shards; expected 1 to %d", ix.Name, ix.ShardCount, mostShards)
	case len(ix.Shards) != ix.ShardCount:
		k.bad("index %s: %d shards are described; its number_of_shards is %d", ix.Name, len(ix.Shards), ix.ShardCount)
	}
	for i := range ix.Shards {
		k.shard(ix, i, &ix.Shards[i])
	}
}

func (k *checker) shard(ix *Index, num int, s *Shard) {
	where := fmt.Sprintf("[%s][%d]", ix.Name, num)
	primaries := 0
	on := map[string]bool{}
	for _, c := range s.Copies {
		if c.Primary {
			primaries++
		}
		if !slices.Contains([]string{Started, Relocating, Initializing, NoNode}, c.State) {
			k.bad("%s: unknown state %q of a copy", where, c.State)
		}
		if (c.State == NoNode) != (c.Node == "") {
			k.bad("%s: a copy is %s on node %q", where, c.State, c.Node)
		}
		if (c.State == Relocating) != (c.To != "") {
			k.bad("%s: a copy is %s and goes to node %q", where, c.State, c.To)
		}
		for _, n := range []string{c.Node, c.To} {
			switch {
			case n == "":
			case !k.nodes[n]:
				k.bad("%s: a copy is on node %q, which is not there", where, n)
			case on[n]:
				k.bad("%s: node %s holds two copies", where, n)
			}
			on[n] = true
		}
		if c.Bytes.V < 0 || c.Docs.V < 0 {
			k.bad("%s: a copy of %d bytes and %d documents", where, c.Bytes.V, c.Docs.V)
		}
	}
	if primaries != 1 {
		k.bad("%s: %d primaries; expected one, with a node or without", where, primaries)
	}
}
