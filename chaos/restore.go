package chaos

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
)

// Restore has an operator restore an index from a snapshot under another name.
type Restore struct {
	forGood `yaml:"-" json:"-"`

	Snapshot   string `yaml:"snapshot,omitempty" json:"snapshot,omitempty" jsonschema:"description=default snapshot-1"`
	Repository string `yaml:"repository,omitempty" json:"repository,omitempty" jsonschema:"description=default backup"`
	Index      string `yaml:"index" json:"index" jsonschema:"required,description=which index of the snapshot"`
	As         string `yaml:"as" json:"as" jsonschema:"required,description=the name that it gets"`
}

func restore() Kind {
	return Kind{
		Name: "restore", About: "an index is restored from a snapshot, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &Restore{} },
	}
}

// Kind implements [Fault].
func (*Restore) Kind() string { return "restore" }

// makes implements [maker]; how many shards the index has is known to the snapshot.
func (f *Restore) makes() []IndexShape { return []IndexShape{{Name: f.As, Shards: 1}} }

// Check implements [Fault].
func (f *Restore) Check(t Topology) []source.Problem {
	ps := checkIndex(t, f.Index, 0)
	switch {
	case !newIndexName.MatchString(f.As):
		ps = append(ps, source.Problemf("as", "%q is not an index name; expected lower-case letters, digits, dashes, dots and underscores", f.As))
	case len(checkIndex(t, f.As, 0)) == 0:
		ps = append(ps, source.Problemf("as", "there is an index %s already", f.As))
	}
	return ps
}

// Resolve implements [Fault].
func (f *Restore) Resolve(View) (Resolved, error) {
	concrete := *f
	concrete.Snapshot, concrete.Repository = cmp.Or(f.Snapshot, "snapshot-1"), cmp.Or(f.Repository, "backup")
	return Resolved{Fault: &concrete, Primitives: []Primitive{&request{
		what:   fmt.Sprintf("restore %s of %s:%s as %s", f.Index, concrete.Repository, concrete.Snapshot, f.As),
		method: http.MethodPost, path: "/_snapshot/" + concrete.Repository + "/" + concrete.Snapshot + "/_restore",
		body: map[string]any{
			"indices": f.Index, "include_global_state": false, "rename_pattern": strings.ReplaceAll(f.Index, ".", `\.`), "rename_replacement": f.As,
		},
		seen: there(f.As, true),
	}}}, nil
}
