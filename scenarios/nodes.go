package scenarios

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// NodesSection describes the nodes n1, n2, …: all alike but for their attributes and, where
// it says so, their roles; or, as a list, groups of nodes that are alike.
type NodesSection struct {
	NodeGroup `yaml:",inline"`
	RolesOf   map[string][]string `yaml:"roles-of,omitempty" json:"roles_of,omitempty" jsonschema:"description=roles of single nodes by name; the others have those of roles"`
	// Groups are the entries of a list; then what stands above is empty but for the sums
	// Count and Late.
	Groups []NodeGroup `yaml:"-" json:"groups,omitempty"`
}

// NodeGroup is so many nodes that are alike.
type NodeGroup struct {
	Count      int                 `yaml:"count,omitempty" json:"count" jsonschema:"minimum=1,description=needed unless the cluster comes from a file; of a group default 1 or as many as names"`
	Names      []string            `yaml:"names,omitempty" json:"names,omitempty" jsonschema:"description=of the nodes in order; those without a name are n1 n2 … by their place in the cluster"`
	Late       int                 `yaml:"late,omitempty" json:"late,omitempty" jsonschema:"minimum=0,description=so many of the last nodes are not started with the cluster; a node-join starts them"`
	Disk       units.Size          `yaml:"disk,omitempty" json:"disk" jsonschema:"description=capacity of each data disk; default 100gb"`
	DiskRate   units.Bandwidth     `yaml:"disk-rate,omitempty" json:"disk_rate" jsonschema:"description=throughput of each disk, such as 500mb/s; default unlimited"`
	Network    units.Bandwidth     `yaml:"network,omitempty" json:"network" jsonschema:"description=of each node, each way; default 1gbit"`
	Latency    units.Duration      `yaml:"latency,omitempty" json:"latency" jsonschema:"description=one way between any two endpoints; default 200us"`
	CPUs       int                 `yaml:"cpus,omitempty" json:"cpus" jsonschema:"description=of each node; default 2"`
	Heap       units.Size          `yaml:"heap,omitempty" json:"heap" jsonschema:"description=of each node; default 256mb"`
	Roles      []string            `yaml:"roles,omitempty" json:"roles,omitempty" jsonschema:"description=of each node; default master and data and ingest"`
	Version    string              `yaml:"version,omitempty" json:"version,omitempty" jsonschema:"description=of Elasticsearch such as 8.18.2; default the one that is modelled. No copy goes to a node older than the one it comes from; what else versions change is not simulated"`
	Attributes map[string][]string `yaml:"attributes,omitempty" json:"attributes,omitempty" jsonschema:"description=values go round over the nodes"`
}

// plainNodes is a NodesSection that is read field by field.
type plainNodes NodesSection

// UnmarshalYAML reads a mapping, or a list of groups.
func (n *NodesSection) UnmarshalYAML(node ast.Node) error {
	if _, ok := node.(*ast.SequenceNode); !ok {
		err := source.DecodeNode(node, (*plainNodes)(n))
		if n.Count == 0 {
			n.Count = len(n.Names)
		}
		return err
	}
	if err := source.DecodeNode(node, &n.Groups); err != nil {
		return err
	}
	for i := range n.Groups {
		g := &n.Groups[i]
		if g.Count == 0 {
			g.Count = max(1, len(g.Names))
		}
		n.Count, n.Late = n.Count+g.Count, n.Late+g.Late
	}
	return nil
}

// all are the groups; of nodes that are alike there is one.
func (n *NodesSection) all() []NodeGroup {
	if len(n.Groups) > 0 {
		return n.Groups
	}
	return []NodeGroup{n.NodeGroup}
}

// at is the path of the i-th group.
func (n *NodesSection) at(i int) string {
	if len(n.Groups) > 0 {
		return fmt.Sprintf("$.cluster.nodes[%d]", i)
	}
	return "$.cluster.nodes"
}

// complete fills in what the groups leave out.
func (n *NodesSection) complete(d *Defaults) {
	fill := func(g *NodeGroup, at string) {
		Fill(d, at+".disk", &g.Disk, 100<<30, "a size such as 100gb")
		Fill(d, at+".network", &g.Network, 125_000_000, "a rate such as 1gbit")
		Fill(d, at+".latency", &g.Latency, units.Duration(200*time.Microsecond), "a time such as 200us")
		Fill(d, at+".cpus", &g.CPUs, 2, "1 or more")
		Fill(d, at+".heap", &g.Heap, 256<<20, "a size such as 256mb")
	}
	for i := range n.Groups {
		fill(&n.Groups[i], n.at(i))
	}
	if len(n.Groups) == 0 {
		fill(&n.NodeGroup, n.at(0))
	}
}

// CompleteRoles gives roles to the nodes of groups that name none.
func (n *NodesSection) CompleteRoles(roles ...string) {
	for i := range n.Groups {
		if n.Groups[i].Roles == nil {
			n.Groups[i].Roles = slices.Clone(roles)
		}
	}
	if len(n.Groups) == 0 && n.Roles == nil {
		n.Roles = roles
	}
}

// specs describe all nodes, in order.
func (n *NodesSection) specs() []NodeSpec {
	out := make([]NodeSpec, 0, max(n.Count, 0))
	for _, g := range n.all() {
		for i := range g.Count {
			name := fmt.Sprintf("n%d", len(out)+1)
			if i < len(g.Names) {
				name = g.Names[i]
			}
			spec := NodeSpec{
				Name: name, Disk: int64(g.Disk), DiskRate: int64(g.DiskRate), Network: int64(g.Network), Latency: g.Latency.D(),
				CPUs: g.CPUs, Heap: int64(g.Heap), Roles: g.Roles, Attributes: g.attributesOf(i), Version: g.Version, Late: i >= g.Count-g.Late,
			}
			if roles, ok := n.RolesOf[name]; ok {
				spec.Roles = roles
			}
			out = append(out, spec)
		}
	}
	return out
}

func (g *NodeGroup) attributesOf(i int) map[string]string {
	out := make(map[string]string, len(g.Attributes))
	for _, key := range slices.Sorted(maps.Keys(g.Attributes)) {
		if values := g.Attributes[key]; len(values) > 0 { // none is a problem that check tells
			out[key] = values[i%len(values)]
		}
	}
	return out
}

// Disks says how large the disks are.
func (n *NodesSection) Disks() string {
	var sizes []string
	for _, g := range n.all() {
		sizes = append(sizes, g.Disk.String())
	}
	slices.Sort(sizes)
	return strings.Join(slices.Compact(sizes), ", ")
}

// withDisk are the same nodes with other disks.
func (n NodesSection) withDisk(size units.Size) NodesSection {
	n.Groups = slices.Clone(n.Groups)
	for i := range n.Groups {
		n.Groups[i].Disk = size
	}
	n.Disk = size
	return n
}

// Describe says in lines what the nodes are like, for a preview.
func (n *NodesSection) Describe() []string {
	var out []string
	for _, g := range n.all() {
		line := fmt.Sprintf("cluster   %d nodes (%s disk, %s network each)", g.Count, g.Disk, g.Network)
		if len(n.Groups) > 0 {
			line += ": " + strings.Join(g.Roles, ", ")
		}
		out = append(out, line)
	}
	return out
}

// nodeName is what a node may be called: faults name nodes in lists parted by commas, and
// some words mean others.
var nodeName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)

// CheckNodes returns what is wrong with nodes of any system, of which there may be so many.
func (s *Scenario) CheckNodes(most int) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	n := &s.Cluster.Nodes
	if n.Count < 1 || n.Count > most {
		at := "$.cluster.nodes.count"
		if len(n.Groups) > 0 {
			at = "$.cluster.nodes"
		}
		bad(at, "%d nodes; expected 1 to %d", n.Count, most)
	}
	if n.Late >= max(n.Count, 1) {
		bad(n.at(0)+".late", "%d of %d nodes join later; expected at least one node from the start", n.Late, n.Count)
	}
	seen := make(map[string]bool)
	for i, g := range n.all() {
		at := n.at(i)
		if len(n.Groups) > 0 && g.Count < 1 {
			bad(at+".count", "%d nodes; expected 1 or more", g.Count)
		}
		if g.CPUs < 0 {
			bad(at+".cpus", "%d processors; expected 1 or more", g.CPUs)
		}
		if g.Latency < 0 {
			bad(at+".latency", "a latency can't be negative")
		}
		if g.Late < 0 || g.Late > max(g.Count, 0) {
			bad(at+".late", "%d of %d nodes join later; expected 0 to %d", g.Late, g.Count, g.Count)
		}
		if len(g.Names) > g.Count {
			bad(at+".names", "%d names for %d nodes", len(g.Names), g.Count)
		}
		for j, name := range g.Names {
			if !nodeName.MatchString(name) {
				bad(fmt.Sprintf("%s.names[%d]", at, j), "%q is not a node's name; expected letters, digits, dashes, dots and underscores, at most 63", name)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(g.Attributes)) {
			if len(g.Attributes[key]) == 0 {
				bad(at+".attributes."+key, "the attribute has no values; expected a list such as [a, b, c]")
			}
		}
	}
	if n.Count < 1 || n.Count > most || s.Imported() != nil {
		return ps
	}
	for _, name := range s.NodeNames() {
		if seen[name] {
			bad("$.cluster.nodes", "there are two nodes %q; those without a name are n1, n2, … by their place", name)
		}
		seen[name] = true
	}
	return ps
}

// Each calls back for every group with its path.
func (n *NodesSection) Each(f func(at string, g *NodeGroup)) {
	for i, g := range n.all() {
		f(n.at(i), &g)
	}
}
