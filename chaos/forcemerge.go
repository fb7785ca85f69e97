package chaos

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/shardquake/shardquake/internal/source"
)

// ForceMerge has an operator merge the segments of an index, which goes on for as long as it
// takes.
type ForceMerge struct {
	forGood `yaml:"-" json:"-"`

	Index    string `yaml:"index" json:"index" jsonschema:"required,description=its name"`
	Segments int    `yaml:"segments,omitempty" json:"segments,omitempty" jsonschema:"minimum=1,description=of each copy that are left at most; default 1"`
}

func forceMerge() Kind {
	return Kind{
		Name: "force-merge", About: "the segments of an index are merged, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &ForceMerge{} },
	}
}

// Kind implements [Fault].
func (*ForceMerge) Kind() string { return "force-merge" }

// Check implements [Fault].
func (f *ForceMerge) Check(t Topology) []source.Problem {
	ps := checkIndex(t, f.Index, 0)
	if f.Segments < 0 {
		ps = append(ps, source.Problemf("segments", "%d segments; expected 1 or more", f.Segments))
	}
	return ps
}

// Resolve implements [Fault].
func (f *ForceMerge) Resolve(View) (Resolved, error) {
	most := max(f.Segments, 1)
	return Resolved{Fault: f, Primitives: []Primitive{&request{
		what: fmt.Sprintf("merge %s to %d segments", f.Index, most), method: http.MethodPost,
		path: fmt.Sprintf("/%s/_forcemerge?max_num_segments=%d", f.Index, most), long: true,
		seen: func(ctx context.Context, api API) (bool, string, error) {
			var rows []struct {
				Segments string `json:"segments.count"`
			}
			if err := api.Call(ctx, http.MethodGet, "/_cat/shards/"+f.Index+"?h=segments.count&format=json", nil, &rows); err != nil {
				return false, "", err
			}
			worst := 0
			for _, r := range rows {
				if n, err := strconv.Atoi(r.Segments); err == nil {
					worst = max(worst, n)
				}
			}
			if len(rows) == 0 {
				return false, "there is no copy of " + f.Index, nil
			}
			if worst > most { // the order was taken, and is being carried out
				return true, fmt.Sprintf("the copies of %s are being merged, and have up to %d segments", f.Index, worst), nil
			}
			return true, fmt.Sprintf("the copies of %s have up to %d segments", f.Index, worst), nil
		},
	}}}, nil
}
