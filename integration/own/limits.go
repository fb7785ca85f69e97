package own

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Picture is a cluster as its nodes show it at a moment.
type Picture struct {
	Members []string          // the nodes of the cluster now
	Voters  []string          // the voting configuration
	Zones   map[string]string // of nodes, by the attribute of the cluster file
	Copies  []Copy
}

// Copy is one of a shard, on a node or none.
type Copy struct {
	Index   string
	Shard   int
	Node    string // "": unassigned
	Started bool
}

// Allows refuses to lose nodes beyond what the file allows: others than it names, more at once
// than the budget, of two zones, a majority of the voters, or the last started copy of a shard.
// Nodes that are down already count.
func (c *Config) Allows(p Picture, victims []string) error {
	down := slices.Clone(victims)
	for name := range c.Nodes {
		if !slices.Contains(p.Members, name) && !slices.Contains(down, name) {
			down = append(down, name)
		}
	}
	slices.Sort(down)
	for _, v := range victims {
		if c.Nodes[v] == nil {
			return fmt.Errorf("node %s is not in the cluster file", v)
		}
	}
	if len(down) > c.Budget {
		return fmt.Errorf("%s would be down at once; the budget is %d (budget: in the cluster file)", strings.Join(down, ", "), c.Budget)
	}
	if err := c.oneZone(p, down); err != nil {
		return err
	}
	lost := 0
	for _, v := range p.Voters {
		if slices.Contains(down, v) {
			lost++
		}
	}
	if 2*(len(p.Voters)-lost) <= len(p.Voters) && len(p.Voters) > 0 {
		return fmt.Errorf("without %s there is no majority of the master-eligible nodes (%s)", strings.Join(down, ", "), strings.Join(p.Voters, ", "))
	}
	return lastCopies(p, down)
}

// Unsteady says what isn't as it should be before anything is done: nodes of the file that are
// not in the cluster, copies that are not started.
func (c *Config) Unsteady(p Picture) (what []string) {
	for _, name := range slices.Sorted(maps.Keys(c.Nodes)) {
		if !slices.Contains(p.Members, name) {
			what = append(what, "node "+name+" is not in the cluster")
		}
	}
	for _, copy := range p.Copies {
		if !copy.Started {
			what = append(what, fmt.Sprintf("a copy of [%s][%d] is not started", copy.Index, copy.Shard))
		}
	}
	return what
}

func (c *Config) oneZone(p Picture, down []string) error {
	if c.Zone == "" {
		return nil
	}
	var zones []string
	for _, n := range down {
		z, known := p.Zones[n]
		if !known {
			return fmt.Errorf("node %s has no attribute %s (zone: in the cluster file), so that its zone isn't known", n, c.Zone)
		}
		if !slices.Contains(zones, z) {
			zones = append(zones, z)
		}
	}
	if len(zones) > 1 {
		return fmt.Errorf("%s would be down at once, in zones %s", strings.Join(down, ", "), strings.Join(zones, ", "))
	}
	return nil
}

// lastCopies refuses what would leave a shard without a started copy that it has now.
func lastCopies(p Picture, down []string) error {
	type shard struct {
		index  string
		number int
	}
	has, left := map[shard]bool{}, map[shard]bool{}
	var order []shard
	for _, c := range p.Copies {
		if !c.Started || c.Node == "" {
			continue
		}
		s := shard{c.Index, c.Shard}
		if !has[s] {
			has[s] = true
			order = append(order, s)
		}
		if !slices.Contains(down, c.Node) {
			left[s] = true
		}
	}
	for _, s := range order {
		if !left[s] {
			return fmt.Errorf("%s would take the last started copy of [%s][%d]", strings.Join(down, ", "), s.index, s.number)
		}
	}
	return nil
}

// ByShard orders copies.
func ByShard(a, b Copy) int {
	return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Node, b.Node))
}
