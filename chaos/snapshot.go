package chaos

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
)

// Snapshot has the cluster take a snapshot, as an operator would. Like a node that joins
// it is no harm, but what comes of it is looked at like a fault: whether it is complete.
type Snapshot struct {
	forGood `yaml:"-" json:"-"`

	Name       string   `yaml:"name,omitempty" json:"name,omitempty" jsonschema:"description=of the snapshot; default snapshot-1"`
	Repository string   `yaml:"repository,omitempty" json:"repository,omitempty" jsonschema:"description=registered if it is not there yet; default backup"`
	Indices    []string `yaml:"indices,omitempty" json:"indices,omitempty" jsonschema:"description=which; default all"`
}

func snapshot() Kind {
	return Kind{
		Name: "snapshot", About: "the cluster takes a snapshot, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &Snapshot{} },
	}
}

// Kind implements [Fault].
func (*Snapshot) Kind() string { return "snapshot" }

// Check implements [Fault].
func (f *Snapshot) Check(t Topology) []source.Problem {
	var names []string
	for _, i := range t.Indices {
		names = append(names, i.Name)
	}
	var ps []source.Problem
	for i, name := range f.Indices {
		if !slices.Contains(names, name) {
			ps = append(ps, source.Problemf(fmt.Sprintf("indices[%d]", i), "%s", source.Unknown("index", name, names)))
		}
	}
	return ps
}

// Resolve implements [Fault].
func (f *Snapshot) Resolve(View) (Resolved, error) {
	concrete := &Snapshot{Name: cmp.Or(f.Name, "snapshot-1"), Repository: cmp.Or(f.Repository, "backup"), Indices: f.Indices}
	return Resolved{Fault: concrete, Primitives: []Primitive{takeSnapshot{concrete.Repository, concrete.Name, concrete.Indices}}}, nil
}

// Snapshots are the cluster's snapshots as an operator takes them.
type Snapshots interface {
	// Take registers the repository, if it isn't, and begins a snapshot of the indices
	// named, or of all.
	Take(ctx context.Context, repository, name string, indices []string) error
	// Snapshot is how far a snapshot is: SUCCESS, PARTIAL, FAILED or IN_PROGRESS.
	Snapshot(ctx context.Context, repository, name string) (string, error)
}

// takeSnapshot takes a snapshot.
type takeSnapshot struct {
	repository, name string
	indices          []string
}

func (s takeSnapshot) String() string { return "take the snapshot " + s.repository + ":" + s.name }

func (s takeSnapshot) of(t Target) (Snapshots, error) {
	if t.Snapshots != nil {
		return t.Snapshots, nil
	}
	return nil, lacks("snapshots")
}

func (s takeSnapshot) Needs(t Target) error {
	_, err := s.of(t)
	return err
}

// Holds implements [Primitive]: a snapshot, once begun, is nobody's to hold.
func (s takeSnapshot) Holds() Hold { return Hold{} }

func (s takeSnapshot) Inject(ctx context.Context, t Target) error {
	snapshots, err := s.of(t)
	if err != nil {
		return err
	}
	return snapshots.Take(ctx, s.repository, s.name, s.indices)
}

// Heal leaves the snapshot: it goes with the cluster.
func (s takeSnapshot) Heal(context.Context, Target) error { return nil }

func (s takeSnapshot) look(ctx context.Context, t Target) Evidence {
	snapshots, err := s.of(t)
	if err != nil {
		return evidence(s, err, false, "")
	}
	state, err := snapshots.Snapshot(ctx, s.repository, s.name)
	return evidence(s, err, state == "SUCCESS" || state == "IN_PROGRESS", "the snapshot is %s", state)
}

func (s takeSnapshot) Bites(ctx context.Context, t Target) Evidence { return s.look(ctx, t) }
func (s takeSnapshot) Gone(ctx context.Context, t Target) Evidence  { return s.look(ctx, t) }
