package policy

import (
	"fmt"
	"slices"
	"strings"
)

// generic is the role of nodes that hold data of every tier; frozen nodes hold nothing
// but mounted snapshots.
const (
	generic = "data"
	frozen  = "data_frozen"
)

// MayHold reports whether a node may hold copies of an index by its roles, as
// Elasticsearch's data_tier decider has it, and why not. It needs a data role; and where
// the index prefers tiers, it must belong to the first of them that any node belongs to
// (index.routing.allocation.include._tier_preference). Roles that are not known forbid
// nothing.
func (o Observation) MayHold(n Node, index string) (yes bool, why string) {
	if len(n.Roles) == 0 {
		return true, ""
	}
	if !slices.ContainsFunc(n.Roles, func(role string) bool { return isData(role) && role != frozen }) {
		return false, fmt.Sprintf("%s holds no data: its roles are %s", n.Name, strings.Join(n.Roles, ", "))
	}
	for _, tier := range o.Tiers[index] {
		if !slices.ContainsFunc(o.Nodes, func(n Node) bool { return n.inTier(tier) }) {
			continue
		}
		if n.inTier(tier) {
			return true, ""
		}
		return false, fmt.Sprintf("%s is not of the tier %s that %s prefers", n.Name, tier, index)
	}
	return true, ""
}

// inTier reports whether a node belongs to a tier by its roles.
func (n Node) inTier(tier string) bool {
	return slices.Contains(n.Roles, tier) || slices.Contains(n.Roles, generic)
}

func isData(role string) bool { return role == generic || strings.HasPrefix(role, generic+"_") }

// Tiered reports whether nodes with these roles need the tiers of indices to be known: some
// hold data of certain tiers only.
func Tiered(nodes []Node) bool {
	return slices.ContainsFunc(nodes, func(n Node) bool {
		return len(n.Roles) > 0 && !slices.Contains(n.Roles, generic) && slices.ContainsFunc(n.Roles, isData)
	})
}

// node is the node of a name; without one it is known by its name only.
func (o Observation) node(name string) Node {
	for _, n := range o.Nodes {
		if n.Name == name {
			return n
		}
	}
	return Node{Name: name}
}

// distance is how far the data of a copy has to go to a node: a copy is built from its
// primary, also when it is moved.
func (o Observation) distance(c Copy, target Node) float64 {
	from := c.Node
	for _, x := range o.Copies {
		if x.Primary && x.Index == c.Index && x.Shard == c.Shard {
			from = x.Node
		}
	}
	return o.Distance.Between(o.node(from), target)
}

// excluded says which nodes the copies of a source may not move to by roles and tiers,
// each once; "" where there are none.
func (o Observation) excluded(source string) string {
	var out []string
	for _, n := range o.Nodes {
		for _, c := range o.Copies {
			if c.Node != source || n.Name == source {
				continue
			}
			if ok, why := o.MayHold(n, c.Index); !ok {
				out = append(out, why)
				break
			}
		}
	}
	return strings.Join(out, "; ")
}

// howFar says how far moves go, for a reason; "" without distances.
func howFar(o Observation, moves []ShardMove) string {
	if !o.Distance.Known() || len(moves) == 0 {
		return ""
	}
	var parts []string
	for _, m := range moves {
		parts = append(parts, fmt.Sprintf("%s[%d] to %s at distance %s", m.Index, m.Shard, m.To, format(m.Distance)))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// distances are the numbers of it.
func distances(o Observation, moves []ShardMove) Numbers {
	if !o.Distance.Known() {
		return nil
	}
	far := 0.0
	for _, m := range moves {
		far += m.Distance
	}
	return Numbers{{"distance", far}}
}
