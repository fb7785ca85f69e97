package planning

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
)

const (
	// mostMasters of a large fleet may be master: all of them would only make elections slow.
	mostMasters = 3
	// smallFleet may have all of its nodes eligible.
	smallFleet = 10
)

// fleet is a cluster in which one tier has other nodes.
type fleet struct {
	machine *Machine
	nodes   int
}

// refit puts the fleet of a tier in place of the nodes that the tier has.
func (f fleet) refit(sc *scenarios.Scenario) {
	groups := []scenarios.NodeGroup{}
	var tier []scenarios.NodeSpec
	for _, n := range sc.NodeSpecs() {
		switch {
		case n.Late:
		case slices.Contains(rolesOfData(n), f.machine.Tier):
			tier = append(tier, n)
		default:
			groups = append(groups, groupOf(n))
		}
	}
	attributes := spread(tier)
	named := strings.ReplaceAll(f.machine.Tier, "_", "-")
	masters := 0
	for i := range f.nodes {
		n := tier[i%len(tier)]
		n.Name = fmt.Sprintf("%s-%d", named, i+1)
		n.CPUs, n.Heap, n.Disk, n.DiskRate, n.Network = f.machine.CPUs, int64(f.machine.Heap), int64(f.machine.Disk), int64(f.machine.DiskRate), int64(f.machine.Network)
		n.Attributes = map[string]string{}
		for _, a := range attributes {
			n.Attributes[a.name] = a.values[i%len(a.values)]
		}
		n.Roles = slices.Clone(n.Roles)
		if slices.Contains(n.Roles, "master") {
			if masters++; f.nodes > smallFleet && masters > mostMasters {
				n.Roles = slices.DeleteFunc(n.Roles, func(r string) bool { return r == "master" })
			}
		}
		groups = append(groups, groupOf(n))
	}
	indices := slices.Clone(es.NewIndices(sc))
	for i := range indices {
		indices[i].Placement = nil
	}
	if im := sc.Imported(); im != nil {
		for i := range im.Indices {
			ix := likeIndex(sc, im.Indices[i].Name)
			ix.Name, ix.Size = im.Indices[i].Name, units.Size(bytesOfPrimaries(&im.Indices[i]))
			ix.Docs = max(1, int64(ix.Size)/1024)
			indices = append(indices, ix)
		}
	}
	own := map[string]string{}
	for key, value := range es.EffectiveSettings(sc) {
		if !strings.HasPrefix(key, "cluster.routing.allocation.exclude._") {
			own[key] = value
		}
	}
	sc.Refit(groups, indices, own)
}

// attribute is one of a tier's, with the values that its nodes have.
type attribute struct {
	name   string
	values []string
}

// spread are the attributes that go round over the nodes of a tier. One by which every node is
// told from all others is no such.
func spread(tier []scenarios.NodeSpec) []attribute {
	var names []string
	for _, n := range tier {
		for _, a := range slices.Sorted(maps.Keys(n.Attributes)) {
			if !slices.Contains(names, a) {
				names = append(names, a)
			}
		}
	}
	slices.Sort(names)
	var out []attribute
	for _, a := range names {
		values, _ := valuesOf(tier, a)
		if len(values) < len(tier) || len(tier) <= mostMasters {
			out = append(out, attribute{a, values})
		}
	}
	return out
}

// groupOf is a node as a group of its own.
func groupOf(n scenarios.NodeSpec) scenarios.NodeGroup {
	g := scenarios.NodeGroup{
		Count: 1, Names: []string{n.Name}, Disk: units.Size(n.Disk), DiskRate: units.Bandwidth(n.DiskRate), Network: units.Bandwidth(n.Network),
		Latency: units.Duration(n.Latency), CPUs: n.CPUs, Heap: units.Size(n.Heap), Roles: n.Roles, Attributes: map[string][]string{},
	}
	for a, v := range n.Attributes {
		g.Attributes[a] = []string{v}
	}
	return g
}

// tierNodes are the nodes of a tier that are there.
func tierNodes(sc *scenarios.Scenario, tier string) []scenarios.NodeSpec {
	return slices.DeleteFunc(slices.Clone(sc.NodeSpecs()), func(n scenarios.NodeSpec) bool {
		return n.Late || !slices.Contains(rolesOfData(n), tier)
	})
}

// asNow is the type of machine that most nodes of a tier are.
func asNow(sc *scenarios.Scenario, tier string) *Machine {
	var kinds []Machine
	var counts []int
	for _, n := range tierNodes(sc, tier) {
		m := Machine{Tier: tier, CPUs: n.CPUs, Heap: units.Size(n.Heap), Disk: units.Size(n.Disk), DiskRate: units.Bandwidth(n.DiskRate), Network: units.Bandwidth(n.Network), asNow: true}
		i := slices.Index(kinds, m)
		if i < 0 {
			kinds, counts = append(kinds, m), append(counts, 0)
			i = len(kinds) - 1
		}
		counts[i]++
	}
	most := &kinds[slices.Index(counts, slices.Max(counts))]
	most.Name = "as they are"
	return most
}
