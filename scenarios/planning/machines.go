package planning

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// mostNodesTried is the largest fleet that is tried where the file of machines names no other.
const mostNodesTried = 200

// machinesFile is candidate machine types for the fleet of a cluster.
type machinesFile struct {
	Machines []Machine `yaml:"machines"`
	// Most is the largest number of nodes in a tier.
	Most int `yaml:"most,omitempty"`
}

// Machine is a type of machine that nodes may run on.
type Machine struct {
	Name string `yaml:"name" json:"name"`
	// Tier is the role of the nodes that it is for: data, data_hot, data_warm, ….
	Tier     string          `yaml:"tier,omitempty" json:"tier"`
	CPUs     int             `yaml:"cpus" json:"cpus"`
	Heap     units.Size      `yaml:"heap" json:"heap"`
	Disk     units.Size      `yaml:"disk" json:"disk"`
	DiskRate units.Bandwidth `yaml:"disk-rate,omitempty" json:"disk_rate,omitempty"`
	Network  units.Bandwidth `yaml:"network" json:"network"`
	// Price of one, in whatever unit the file has: only sums are compared.
	Price *float64 `yaml:"price" json:"price"`

	asNow bool // it stands for the nodes that there are
}

// readMachines reads a file of machine types for a cluster with these tiers.
func readMachines(path string, tiers []string) (*machinesFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w: machine types: %w", ErrConfig, err)
	}
	f, err := source.Parse(path, text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	var out machinesFile
	if err := f.Decode(&out); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if err := f.Annotate(out.check(f.Has, tiers)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	out.Most = cmp.Or(out.Most, mostNodesTried)
	return &out, nil
}

func (m *machinesFile) check(has func(string) bool, tiers []string) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	if len(m.Machines) == 0 {
		bad("$", "there is no machine type; expected machines: with one at least")
	}
	if m.Most < 0 || m.Most > scenarios.MostNodes || has("$.most") && m.Most == 0 {
		bad("$.most", "%d nodes; expected 1 to %d", m.Most, scenarios.MostNodes)
	}
	var names []string
	for i := range m.Machines {
		t := &m.Machines[i]
		at := fmt.Sprintf("$.machines[%d]", i)
		t.Tier = cmp.Or(t.Tier, "data")
		if !has(at + ".price") {
			bad(at, "%s has no price, so that no fleet of it can be compared with another; expected price:, such as 0.42", cmp.Or(t.Name, "the machine"))
		} else if *t.Price < 0 {
			bad(at+".price", "a price can't be negative")
		}
		if t.Name == "" || slices.Contains(names, t.Name) {
			bad(at+".name", "expected a name that no other machine type has")
		}
		names = append(names, t.Name)
		if !slices.Contains(tiers, t.Tier) {
			bad(at+".tier", "no node of this cluster is of that tier; %s", source.Unknown("tier", t.Tier, tiers))
		}
		for _, q := range []struct {
			key   string
			value int64
		}{{"cpus", int64(t.CPUs)}, {"heap", int64(t.Heap)}, {"disk", int64(t.Disk)}, {"network", int64(t.Network)}} {
			if q.value <= 0 {
				bad(at+"."+q.key, "%s has no %s; expected more than nothing", cmp.Or(t.Name, "the machine"), q.key)
			}
		}
	}
	return ps
}

// tiersOf are the roles by which nodes hold data, in order.
func tiersOf(s *scenarios.Scenario) []string {
	var out []string
	for _, n := range s.NodeSpecs() {
		for _, r := range rolesOfData(n) {
			if !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	slices.Sort(out)
	return out
}

// rolesOfData are those by which a node holds data.
func rolesOfData(n scenarios.NodeSpec) []string {
	if len(n.Roles) == 0 {
		return []string{"data"}
	}
	var out []string
	for _, r := range n.Roles {
		if r == "data" || strings.HasPrefix(r, "data_") {
			out = append(out, r)
		}
	}
	return out
}
