package scenarios

import (
	"context"
	"slices"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// System is a kind of cluster that a scenario may describe: what only such clusters have
// in a file and in a run. Each has a package of its own; package catalog lists them.
type System interface {
	// Name is what files call it.
	Name() string
	// Starter is the commented scenario that a newcomer begins with.
	Starter() []byte
	// Expectations are those that make sense of such clusters only.
	Expectations() []ExpectationKind
	// Complete fills in what a file leaves out of the system's own parts.
	Complete(s *Scenario, d *Defaults)
	// Check returns what is wrong with the system's own parts. It changes nothing.
	Check(s *Scenario, voc Vocabulary) []source.Problem
	// Shapes are the indices of the cluster, or what stands for them.
	Shapes(s *Scenario) []chaos.IndexShape
	// Viewers are the endpoints beside the nodes.
	Viewers(s *Scenario) []string
	// Own is what the backends have to know of the cluster besides its nodes.
	Own(s *Scenario) any
	// Describe says in lines what the cluster holds and bears, for a preview.
	Describe(s *Scenario) []string
	// Offer adds what the runner itself does to a cluster to what a backend offers.
	Offer(s *Scenario, t chaos.Target) chaos.Target
	// Begin makes the system's side of a run.
	Begin(r *Run) (Session, error)
}

// Reducer is a system whose imported clusters may be more than a small machine bears.
type Reducer interface {
	// Reduce describes the cluster of such a scenario so that real nodes can stand for it, and
	// says what has become of what.
	Reduce(s *Scenario) (ClusterSection, []string)
}

// Standing is a system whose clusters may stand, with all their data, when a run begins.
type Standing interface {
	// Stands reports whether the scenario's does.
	Stands(s *Scenario) bool
}

// Session is the system's side of one run. The runner calls it from the run's process.
type Session interface {
	// Target is what faults act on.
	Target() chaos.Target
	// Prepare brings the cluster to what the file describes; t=0 has not come.
	Prepare(ctx context.Context) error
	// Release lets go of what held copies in place; t=0 has come.
	Release(ctx context.Context) error
	// Start starts load and controller, as processes of the group.
	Start(ctx context.Context, group clock.Group) error
	// Stop ends the load that is no process of the group.
	Stop(ctx context.Context) error
	// Traffic counts the operations of the load until now.
	Traffic() observed.Traffic
	// Verify looks at the cluster when all is over and notes what it finds.
	Verify(ctx context.Context) error
	// Summary is the fate of the writes that are followed one by one.
	Summary() observed.TracerSummary
}

// SystemNames are those of all systems that files may name.
func (v Vocabulary) SystemNames() []string {
	var out []string
	for _, s := range v.Systems {
		out = append(out, s.Name())
	}
	return out
}

// System is the one of a name, nil for none.
func (v Vocabulary) System(name string) System {
	for _, s := range v.Systems {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// Starter is the commented scenario of a system; nil for one that there isn't.
func (v Vocabulary) Starter(system string) []byte {
	if s := v.System(system); s != nil {
		return s.Starter()
	}
	return nil
}

// Expectations are all that files may name: those of every system, then each system's own.
func (v Vocabulary) Expectations() []ExpectationKind {
	out := slices.Clone(v.Common)
	for _, s := range v.Systems {
		out = append(out, s.Expectations()...)
	}
	return append(out, v.More...)
}

// expectationNames are the names of all expectations.
func (v Vocabulary) expectationNames() []string {
	var out []string
	for _, k := range v.Expectations() {
		out = append(out, k.Name)
	}
	return out
}
