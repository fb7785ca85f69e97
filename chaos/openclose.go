package chaos

import (
	"context"
	"fmt"
	"net/http"

	"github.com/shardquake/shardquake/internal/source"
)

// CloseIndex has an operator close an index.
type CloseIndex struct {
	forGood `yaml:"-" json:"-"`

	Index string `yaml:"index" json:"index" jsonschema:"required,description=its name"`
}

func closeIndex() Kind {
	return Kind{
		Name: "close-index", About: "an index is closed, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &CloseIndex{} },
	}
}

// Kind implements [Fault].
func (*CloseIndex) Kind() string { return "close-index" }

// Check implements [Fault].
func (f *CloseIndex) Check(t Topology) []source.Problem { return checkIndex(t, f.Index, 0) }

// Resolve implements [Fault].
func (f *CloseIndex) Resolve(View) (Resolved, error) {
	return Resolved{Fault: f, Primitives: []Primitive{&request{
		what: "close the index " + f.Index, method: http.MethodPost, path: "/" + f.Index + "/_close?wait_for_active_shards=0", seen: openIs(f.Index, "close"),
	}}}, nil
}

// OpenIndex has an operator open a closed index.
type OpenIndex struct {
	forGood `yaml:"-" json:"-"`

	Index string `yaml:"index" json:"index" jsonschema:"required,description=its name"`
}

func openIndex() Kind {
	return Kind{
		Name: "open-index", About: "a closed index is opened, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &OpenIndex{} },
	}
}

// Kind implements [Fault].
func (*OpenIndex) Kind() string { return "open-index" }

// Check implements [Fault].
func (f *OpenIndex) Check(t Topology) []source.Problem { return checkIndex(t, f.Index, 0) }

// Resolve implements [Fault].
func (f *OpenIndex) Resolve(View) (Resolved, error) {
	return Resolved{Fault: f, Primitives: []Primitive{&request{
		what: "open the index " + f.Index, method: http.MethodPost, path: "/" + f.Index + "/_open?wait_for_active_shards=0", seen: openIs(f.Index, "open"),
	}}}, nil
}

// openIs looks whether an index is open or closed.
func openIs(index, want string) func(context.Context, API) (bool, string, error) {
	return func(ctx context.Context, api API) (bool, string, error) {
		var rows []struct {
			Status string `json:"status"`
		}
		if err := api.Call(ctx, http.MethodGet, "/_cat/indices/"+index+"?h=status&format=json&expand_wildcards=all", nil, &rows); err != nil {
			return false, "", err
		}
		if len(rows) != 1 {
			return false, fmt.Sprintf("there are %d indices %s", len(rows), index), nil
		}
		return rows[0].Status == want, fmt.Sprintf("the index %s: %s", index, rows[0].Status), nil
	}
}
