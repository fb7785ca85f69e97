package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
)

// PutPolicy has an operator say how indices age: an index lifecycle policy, as Elasticsearch
// takes it.
type PutPolicy struct {
	forGood `yaml:"-" json:"-"`

	Policy string `yaml:"policy" json:"policy" jsonschema:"required,description=its name; indices have it by index.lifecycle.name"`
	// Phases are those of the policy as Elasticsearch takes them.
	Phases map[string]any `yaml:"phases" json:"phases" jsonschema:"required,description=hot and warm and cold and delete as Elasticsearch takes them: {delete: {min_age: 7d, actions: {delete: {}}}}"`
}

func putPolicy() Kind {
	return Kind{
		Name: "put-policy", About: "a lifecycle policy of indices is put or changed, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &PutPolicy{} },
	}
}

// Kind implements [Fault].
func (*PutPolicy) Kind() string { return "put-policy" }

// agePhases are those of policies, but for the frozen one, which needs searchable snapshots.
var agePhases = []string{"hot", "warm", "cold", "delete"}

// Check implements [Fault].
func (f *PutPolicy) Check(Topology) []source.Problem {
	var ps []source.Problem
	if f.Policy == "" || strings.ContainsAny(f.Policy, " ,/_") {
		ps = append(ps, source.Problemf("policy", "%q is not a policy's name; expected letters, digits and dashes", f.Policy))
	}
	if len(f.Phases) == 0 {
		ps = append(ps, source.Problemf("phases", "the policy has no phases; expected such as {delete: {min_age: 7d, actions: {delete: {}}}}"))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Phases)) {
		if name == "frozen" {
			ps = append(ps, source.Problemf("phases.frozen", "the frozen phase needs searchable snapshots, which are not modelled; expected %s", strings.Join(agePhases, ", ")))
		} else if !slices.Contains(agePhases, name) {
			ps = append(ps, source.Problemf("phases."+name, "%s", source.Unknown("phase", name, agePhases)))
		}
	}
	return ps
}

// Resolve implements [Fault].
func (f *PutPolicy) Resolve(View) (Resolved, error) {
	return Resolved{Fault: f, Primitives: []Primitive{&aging{request{
		what: "put the policy " + f.Policy, method: http.MethodPut, path: "/_ilm/policy/" + f.Policy,
		body: map[string]any{"policy": map[string]any{"phases": f.Phases}}, seen: f.seen,
	}}}}, nil
}

// seen looks for the policy and its phases.
func (f *PutPolicy) seen(ctx context.Context, api API) (bool, string, error) {
	var answer map[string]struct {
		Policy struct {
			Phases map[string]any `json:"phases"`
		} `json:"policy"`
	}
	if err := api.Call(ctx, http.MethodGet, "/_ilm/policy/"+f.Policy, nil, &answer); err != nil {
		return false, "", err
	}
	has, want := slices.Sorted(maps.Keys(answer[f.Policy].Policy.Phases)), slices.Sorted(maps.Keys(f.Phases))
	return slices.Equal(has, want), fmt.Sprintf("the policy %s with phases %v", f.Policy, has), nil
}

// aging is a request about lifecycles, which only nodes with x-pack have.
type aging struct{ request }

func (a *aging) Needs(t Target) error {
	if err := a.request.Needs(t); err != nil {
		return err
	}
	if !t.XPack {
		return errors.New("the nodes have no lifecycle policies: they are part of x-pack, which the minimal distribution lacks")
	}
	return nil
}
