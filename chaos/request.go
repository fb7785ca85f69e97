package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
)

// API is Elasticsearch's HTTP interface, as an operator uses it from where the clients are.
type API interface {
	// Call sends a request to one node after another until one answers, and reads the answer
	// into a value where there is one. An answer that is an error is returned as an
	// [*APIError].
	Call(ctx context.Context, method, path string, body, into any) error
	// Begin sends a request whose work may take longer than anybody waits for the answer:
	// having waited for that is no error, for the work goes on.
	Begin(ctx context.Context, method, path string) error
}

// APIError is an error that Elasticsearch answered with.
type APIError struct {
	Status int
	Reason string
}

func (e *APIError) Error() string { return fmt.Sprintf("%d: %s", e.Status, e.Reason) }

// request is what an operator asks of Elasticsearch; it stays.
type request struct {
	what         string
	method, path string
	body         any
	into         any // gets the answer; nil drops it
	// long requests do what may take longer than anybody waits for the answer.
	long bool
	// seen looks whether it was done.
	seen func(context.Context, API) (done bool, saw string, err error)
}

func (r *request) String() string { return r.what }

func (r *request) Needs(t Target) error {
	if t.API == nil {
		return lacks("Elasticsearch's API")
	}
	return nil
}

// Holds implements [Primitive]: what was done is done.
func (r *request) Holds() Hold { return Hold{} }

func (r *request) Inject(ctx context.Context, t Target) error {
	if r.long {
		return t.API.Begin(ctx, r.method, r.path)
	}
	return t.API.Call(ctx, r.method, r.path, r.body, r.into)
}

// Heal leaves what an operator did.
func (r *request) Heal(context.Context, Target) error { return nil }

func (r *request) look(ctx context.Context, t Target) Evidence {
	done, saw, err := r.seen(ctx, t.API)
	return evidence(r, err, done, "%s", saw)
}

func (r *request) Bites(ctx context.Context, t Target) Evidence { return r.look(ctx, t) }
func (r *request) Gone(ctx context.Context, t Target) Evidence  { return r.look(ctx, t) }

// exists is whether there is an index.
func exists(ctx context.Context, api API, index string) (bool, error) {
	var answer map[string]any
	err := api.Call(ctx, http.MethodGet, "/"+index+"/_settings", nil, &answer)
	if e, is := err.(*APIError); is && e.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// there looks for an index.
func there(index string, want bool) func(context.Context, API) (bool, string, error) {
	return func(ctx context.Context, api API) (bool, string, error) {
		is, err := exists(ctx, api, index)
		saw := "there is no index " + index
		if is {
			saw = "there is an index " + index
		}
		return is == want, saw, err
	}
}

// shardRow is a copy as _cat/shards tells of it.
type shardRow struct {
	Shard string `json:"shard"`
	State string `json:"state"`
	Node  string `json:"node"` // of one that moves: "n1 -> ADDRESS ID n2"
}

// copyOn looks for a copy of a shard on a node, also one that is on its way there.
func copyOn(index string, shard int, node string) func(context.Context, API) (bool, string, error) {
	return func(ctx context.Context, api API) (bool, string, error) {
		var rows []shardRow
		if err := api.Call(ctx, http.MethodGet, "/_cat/shards/"+index+"?format=json", nil, &rows); err != nil {
			return false, "", err
		}
		var saw []string
		on := false
		for _, r := range rows {
			if r.Shard != fmt.Sprint(shard) {
				continue
			}
			saw = append(saw, strings.TrimSpace(r.State+" "+r.Node))
			words := strings.Fields(r.Node)
			on = on || len(words) > 0 && words[len(words)-1] == node
		}
		return on, fmt.Sprintf("copies of %s[%d]: %s", index, shard, strings.Join(saw, ", ")), nil
	}
}

// checkIndex says what is wrong with an index's name, or with a shard of it.
func checkIndex(t Topology, index string, shard int) []source.Problem {
	var names []string
	for _, i := range t.Indices {
		if i.Name == index {
			if shard < 0 || shard >= i.Shards {
				return []source.Problem{source.Problemf("shard", "index %s has no shard %d; expected 0 to %d", index, shard, i.Shards-1)}
			}
			return nil
		}
		names = append(names, i.Name)
	}
	return []source.Problem{source.Problemf("index", "%s", source.Unknown("index", index, names))}
}

// maker is a fault that makes an index, which later ones may name.
type maker interface{ makes() []IndexShape }

// WithMade adds to a topology what the entries make.
func WithMade(t Topology, entries []Entry) Topology {
	for _, e := range entries {
		if m, is := e.Fault.(maker); is {
			t.Indices = append(slices.Clip(t.Indices), m.makes()...)
		}
	}
	return t
}
