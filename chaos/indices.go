package chaos

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
)

// CreateIndex has an operator create an index.
type CreateIndex struct {
	forGood `yaml:"-" json:"-"`

	Index    string            `yaml:"index" json:"index" jsonschema:"required,description=its name"`
	Shards   int               `yaml:"shards,omitempty" json:"shards,omitempty" jsonschema:"minimum=1,description=default 1"`
	Replicas *int              `yaml:"replicas,omitempty" json:"replicas,omitempty" jsonschema:"minimum=0,description=default 1"`
	Settings map[string]string `yaml:"settings,omitempty" json:"settings,omitempty" jsonschema:"description=index settings by their full names"`
}

func createIndex() Kind {
	return Kind{
		Name: "create-index", About: "an index is created, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &CreateIndex{} },
		Draw: func(d *Dice) Fault {
			replicas := d.between(0, 1)
			return &CreateIndex{Index: fmt.Sprintf("drawn-%d", d.Rand.IntN(1e6)), Shards: d.between(1, 3), Replicas: &replicas}
		},
	}
}

// Kind implements [Fault].
func (*CreateIndex) Kind() string { return "create-index" }

var newIndexName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

func (f *CreateIndex) copies() int {
	if f.Replicas == nil {
		return 1
	}
	return *f.Replicas
}

// makes implements [maker].
func (f *CreateIndex) makes() []IndexShape {
	return []IndexShape{{Name: f.Index, Shards: max(f.Shards, 1), Replicas: f.copies()}}
}

// Sets implements [Setter].
func (f *CreateIndex) Sets() (values map[string]string, ofIndex bool, at string) {
	return f.Settings, true, "settings"
}

// Check implements [Fault].
func (f *CreateIndex) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if !newIndexName.MatchString(f.Index) {
		ps = append(ps, source.Problemf("index", "%q is not an index name; expected lower-case letters, digits, dashes, dots and underscores", f.Index))
	}
	if slices.ContainsFunc(t.Indices, func(i IndexShape) bool { return i.Name == f.Index }) {
		ps = append(ps, source.Problemf("index", "there is an index %s already", f.Index))
	}
	if f.Shards < 0 || f.Shards > 1024 {
		ps = append(ps, source.Problemf("shards", "%d shards; expected 1 to 1024", f.Shards))
	}
	if f.copies() < 0 {
		ps = append(ps, source.Problemf("replicas", "%d replicas; expected 0 or more", f.copies()))
	}
	return ps
}

// Resolve implements [Fault].
func (f *CreateIndex) Resolve(View) (Resolved, error) {
	set := map[string]any{"index.number_of_shards": max(f.Shards, 1), "index.number_of_replicas": f.copies()}
	for k, v := range f.Settings {
		set[k] = v
	}
	return Resolved{Fault: f, Primitives: []Primitive{&request{
		what:   fmt.Sprintf("create the index %s with %d shards and %d replicas", f.Index, max(f.Shards, 1), f.copies()),
		method: http.MethodPut, path: "/" + f.Index + "?wait_for_active_shards=0", body: map[string]any{"settings": set},
		seen: there(f.Index, true),
	}}}, nil
}

// DeleteIndex has an operator delete an index.
type DeleteIndex struct {
	forGood `yaml:"-" json:"-"`

	Index string `yaml:"index" json:"index" jsonschema:"required,description=its name"`
}

func deleteIndex() Kind {
	return Kind{
		Name: "delete-index", About: "an index is deleted, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &DeleteIndex{} },
	}
}

// Kind implements [Fault].
func (*DeleteIndex) Kind() string { return "delete-index" }

// Check implements [Fault].
func (f *DeleteIndex) Check(t Topology) []source.Problem { return checkIndex(t, f.Index, 0) }

// Resolve implements [Fault].
func (f *DeleteIndex) Resolve(View) (Resolved, error) {
	return Resolved{Fault: f, Primitives: []Primitive{&request{
		what: "delete the index " + f.Index, method: http.MethodDelete, path: "/" + f.Index, seen: there(f.Index, false),
	}}}, nil
}
