package cases

import (
	"fmt"
	"maps"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// descriptive are index settings that do not bear on allocation.
var descriptive = []string{
	"index.number_of_shards", "index.number_of_replicas", "index.uuid", "index.creation_date",
	"index.version.created", "index.provided_name",
}

// check refuses a case that contradicts itself, or that says something this
// allocator would ignore.
func (c *Case) check() error {
	switch {
	case c.Name == "":
		return fmt.Errorf("no name")
	case c.MaxRounds < 1:
		return fmt.Errorf("max_rounds is %d", c.MaxRounds)
	}
	cluster := settings.Of(c.Settings)
	if _, ok := cluster.Get(settings.AllocationType.Key()); ok {
		return fmt.Errorf("setting %s does not belong in a case: both types are run", settings.AllocationType.Key())
	}
	if err := settings.CheckAllocation(cluster, settings.Node, nil); err != nil {
		return err
	}
	if err := c.checkNodes(); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, idx := range c.Indices {
		if seen[idx.Name] {
			return fmt.Errorf("index %s stands twice", idx.Name)
		}
		seen[idx.Name] = true
		if err := settings.CheckAllocation(settings.Of(idx.Settings), settings.Index, descriptive); err != nil {
			return fmt.Errorf("index %s: %w", idx.Name, err)
		}
		for _, s := range idx.Shards {
			if err := c.checkCopies(s); err != nil {
				return fmt.Errorf("index %s, shard %d: %w", idx.Name, s.Shard, err)
			}
		}
	}
	for _, e := range c.Events {
		if e.Round < 1 || e.Round > c.MaxRounds {
			return fmt.Errorf("an event is in round %d of %d", e.Round, c.MaxRounds)
		}
	}
	return nil
}

// checkNodes checks the nodes and that node_order is an order that the HashMap can have.
func (c *Case) checkNodes() error {
	st := &state.State{}
	ids := make(map[string]bool)
	for _, n := range c.Nodes {
		if n.ID == "" || ids[n.ID] {
			return fmt.Errorf("node id %q is missing or stands twice", n.ID)
		}
		ids[n.ID] = true
		st.Nodes = append(st.Nodes, &state.Node{ID: n.ID, Roles: n.Roles})
	}
	if order := allocation.NodeOrder(st, c.NodeOrder); !slices.Equal(order, c.NodeOrder) {
		return fmt.Errorf("node_order is %v, but a java.util.HashMap of these nodes iterates as %v, in any order within a bucket", c.NodeOrder, order)
	}
	return nil
}

func (c *Case) checkCopies(s Shard) error {
	on := make(map[string]int)
	for _, x := range s.Copies {
		switch x.State {
		case "UNASSIGNED":
			if x.Node != "" {
				return fmt.Errorf("an UNASSIGNED copy is on node %q", x.Node)
			}
			continue
		case "RELOCATING":
			on[x.RelocatingNode]++
		}
		on[x.Node]++
		if x.AllocationID == "" {
			return fmt.Errorf("the copy on node %q has no allocation_id", x.Node)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(on)) {
		if !slices.Contains(c.NodeOrder, id) {
			return fmt.Errorf("a copy is on %q, which is not a data node of the case", id)
		}
		if on[id] > 1 {
			return fmt.Errorf("node %s holds %d copies", id, on[id])
		}
	}
	return nil
}
