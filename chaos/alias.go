package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/shardquake/shardquake/internal/source"
)

// Alias has an operator give an index another name, or take it away. With from it moves in
// one step from one index to another, as when writes go on to the next.
type Alias struct {
	forGood `yaml:"-" json:"-"`

	Alias  string `yaml:"alias" json:"alias" jsonschema:"required,description=the other name"`
	Index  string `yaml:"index" json:"index" jsonschema:"required,description=the index that has it then (with remove: no longer)"`
	From   string `yaml:"from,omitempty" json:"from,omitempty" jsonschema:"description=an index that loses it in the same step"`
	Write  bool   `yaml:"write,omitempty" json:"write,omitempty" jsonschema:"description=writes to the alias go to this index"`
	Remove bool   `yaml:"remove,omitempty" json:"remove,omitempty" jsonschema:"description=the index loses it"`
}

func alias() Kind {
	return Kind{
		Name: "alias", About: "an index gets or loses another name, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &Alias{} },
	}
}

// Kind implements [Fault].
func (*Alias) Kind() string { return "alias" }

var aliasName = regexp.MustCompile(`^[A-Za-z0-9.][A-Za-z0-9_.-]*$`)

// Check implements [Fault].
func (f *Alias) Check(t Topology) []source.Problem {
	ps := checkIndex(t, f.Index, 0)
	if !aliasName.MatchString(f.Alias) {
		ps = append(ps, source.Problemf("alias", "%q is not an alias; expected letters, digits, dashes, dots and underscores", f.Alias))
	}
	if slices.ContainsFunc(t.Indices, func(i IndexShape) bool { return i.Name == f.Alias }) {
		ps = append(ps, source.Problemf("alias", "%s is an index; expected a name that none has", f.Alias))
	}
	if f.From != "" {
		for _, p := range checkIndex(t, f.From, 0) {
			p.Path = "from"
			ps = append(ps, p)
		}
	}
	switch {
	case f.Remove && (f.From != "" || f.Write):
		ps = append(ps, source.Problemf("remove", "an alias that is removed is neither moved nor written to; expected alias and index alone"))
	case f.From != "" && f.From == f.Index:
		ps = append(ps, source.Problemf("from", "the alias would stay on %s; expected another index", f.Index))
	}
	return ps
}

// Resolve implements [Fault].
func (f *Alias) Resolve(View) (Resolved, error) {
	what := fmt.Sprintf("give %s the alias %s", f.Index, f.Alias)
	add := map[string]any{"index": f.Index, "alias": f.Alias}
	if f.Write {
		what += " for writes"
		add["is_write_index"] = true
	}
	actions := []any{map[string]any{"add": add}}
	switch {
	case f.Remove:
		what = fmt.Sprintf("take the alias %s from %s", f.Alias, f.Index)
		actions = []any{removeAlias(f.Index, f.Alias)}
	case f.From != "":
		what += ", and take it from " + f.From
		actions = append(actions, removeAlias(f.From, f.Alias))
	}
	return Resolved{Fault: f, Primitives: []Primitive{&request{
		what: what, method: http.MethodPost, path: "/_aliases", body: map[string]any{"actions": actions}, seen: f.seen,
	}}}, nil
}

func removeAlias(index, alias string) map[string]any {
	return map[string]any{"remove": map[string]any{"index": index, "alias": alias, "must_exist": true}}
}

// seen looks which indices have the alias, and whether writes go where they should.
func (f *Alias) seen(ctx context.Context, api API) (done bool, saw string, err error) {
	var answer map[string]struct {
		Aliases map[string]struct {
			Write bool `json:"is_write_index"`
		} `json:"aliases"`
	}
	if err := api.Call(ctx, http.MethodGet, "/_alias", nil, &answer); err != nil {
		return false, "", err
	}
	var on []string
	for _, index := range slices.Sorted(maps.Keys(answer)) {
		if _, has := answer[index].Aliases[f.Alias]; has {
			on = append(on, index)
		}
	}
	done = slices.Contains(on, f.Index) != f.Remove && (f.From == "" || !slices.Contains(on, f.From)) &&
		(!f.Write || answer[f.Index].Aliases[f.Alias].Write)
	return done, fmt.Sprintf("indices with the alias %s: %v", f.Alias, on), nil
}
