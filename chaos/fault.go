package chaos

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
)

// Fault is one kind of trouble with its parameters, as a scenario file has it.
type Fault interface {
	// Kind is the fault's name in files and reports.
	Kind() string
	// Check returns what is wrong with the parameters for a cluster of this shape;
	// paths are relative to the fault ("between[0]").
	Check(Topology) []source.Problem
	// Lasts is how long the fault stays; 0: for good, or until the run heals it.
	Lasts() time.Duration
	// Resolve turns selectors ("master") into the names they mean now, and the fault
	// into primitives.
	Resolve(View) (Resolved, error)
}

// Resolved is a fault at the moment it strikes.
type Resolved struct {
	// Fault has concrete names where the file had selectors.
	Fault Fault
	// Victims are the endpoints at which the fault is aimed.
	Victims []string
	// Primitives are what to do, in order; healing undoes them in reverse.
	Primitives []Primitive
}

// Kind describes a fault for the registry, the schema and the help.
type Kind struct {
	Name  string
	About string
	New   func() Fault
}

// Kinds are all faults there are, in the order of the documentation. A new fault is
// a file and a line here.
func Kinds() []Kind {
	return []Kind{
		{"node-loss", "a node's process is killed, stopped or paused", func() Fault { return &NodeLoss{} }},
		{"partition", "links between two sets of endpoints are cut", func() Fault { return &Partition{} }},
		{"link", "links between two sets of endpoints become slow or narrow", func() Fault { return &Link{} }},
		{"disk-pressure", "a node's disk fills to a percentage", func() Fault { return &DiskPressure{} }},
		{"snapshot", "the cluster takes a snapshot, as an operator would have it", func() Fault { return &Snapshot{} }},
		{"split", "a shard is split at a key, as an operator would have it", func() Fault { return &Split{} }},
		{"move", "a copy of a shard moves to another node, as an operator would have it", func() Fault { return &Move{} }},
		{"drain", "all copies are taken off a node, as an operator would have it", func() Fault { return &Drain{} }},
		{"corruption", "the data of a shard copy is damaged on a node's disk", func() Fault { return &Corruption{} }},
		{"node-join", "a node that was not there at the start joins", func() Fault { return &NodeJoin{} }},
		{"settings", "settings of the cluster or of an index change", func() Fault { return &SettingsChange{} }},
		{"controller-loss", "an instance of the controller is killed or stopped", func() Fault { return &ControllerLoss{} }},
		{"api-errors", "nodes answer the controller with 429 or 503, or not at all", func() Fault { return &APIErrors{} }},
		{"clock-jump", "the wall clock of the controller or of a node is set forward or back", func() Fault { return &ClockJump{} }},
	}
}

// New makes an empty fault of a kind, nil when there is none of that name.
func New(kind string) Fault {
	for _, k := range Kinds() {
		if k.Name == kind {
			return k.New()
		}
	}
	return nil
}

// KindNames are the names of all faults.
func KindNames() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, k.Name)
	}
	return out
}

// BlastRadius is what a fault can reach, for the preview of a plan.
func BlastRadius(r Resolved, all []string) string {
	hit := slices.Clone(r.Victims)
	slices.Sort(hit)
	hit = slices.Compact(hit)
	steps := "primitives"
	if len(r.Primitives) == 1 {
		steps = "primitive"
	}
	return fmt.Sprintf("%d of %d nodes %v, %d %s", len(hit), len(all), hit, len(r.Primitives), steps)
}
