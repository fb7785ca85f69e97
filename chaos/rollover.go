package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
)

// RollOver has the writes of an alias go on to a new index.
type RollOver struct {
	forGood `yaml:"-" json:"-"`

	Alias string `yaml:"alias" json:"alias" jsonschema:"required,description=an alias with a write index whose name ends with a number: logs-000001"`
	To    string `yaml:"to,omitempty" json:"to,omitempty" jsonschema:"description=the new index; default: the old one's name with the next number"`
	// When are conditions of which one is to be met, by Elasticsearch's names.
	When map[string]string `yaml:"when,omitempty" json:"when,omitempty" jsonschema:"description=conditions by Elasticsearch's names of which one is to be met: max_age or max_docs or max_size or max_primary_shard_size …; absent: at once"`
}

func rollOver() Kind {
	return Kind{
		Name: "roll-over", About: "the writes of an alias go on to a new index, as an operator would have it",
		Systems: []string{Elasticsearch},
		New:     func() Fault { return &RollOver{} },
	}
}

// Kind implements [Fault].
func (*RollOver) Kind() string { return "roll-over" }

// makes implements [maker]: later entries may name the new index where its name is known.
func (f *RollOver) makes() []IndexShape {
	if f.To == "" {
		return nil
	}
	return []IndexShape{{Name: f.To, Shards: 1, Replicas: 1}}
}

// rolloverConditions are those of Elasticsearch, with what their values are.
var rolloverConditions = []string{
	"max_age", "max_docs", "max_size", "max_primary_shard_size", "max_primary_shard_docs",
	"min_age", "min_docs", "min_size", "min_primary_shard_size", "min_primary_shard_docs",
}

// Check implements [Fault].
func (f *RollOver) Check(t Topology) []source.Problem {
	var ps []source.Problem
	if !aliasName.MatchString(f.Alias) {
		ps = append(ps, source.Problemf("alias", "%q is not an alias; expected letters, digits, dashes, dots and underscores", f.Alias))
	}
	if slices.ContainsFunc(t.Indices, func(i IndexShape) bool { return i.Name == f.Alias }) {
		ps = append(ps, source.Problemf("alias", "%s is an index; expected an alias of one (the step alias gives one, or a template)", f.Alias))
	}
	if f.To != "" && !newIndexName.MatchString(f.To) {
		ps = append(ps, source.Problemf("to", "%q is not an index name; expected lower-case letters, digits, dashes, dots and underscores", f.To))
	}
	for _, name := range slices.Sorted(maps.Keys(f.When)) {
		if !slices.Contains(rolloverConditions, name) {
			ps = append(ps, source.Problemf("when."+name, "%s", source.Unknown("condition", name, rolloverConditions)))
		}
	}
	return ps
}

// rolledOver is the answer to a rollover.
type rolledOver struct {
	From       string          `json:"old_index"`
	To         string          `json:"new_index"`
	Done       bool            `json:"rolled_over"`
	Conditions map[string]bool `json:"conditions"`
}

// Resolve implements [Fault].
func (f *RollOver) Resolve(View) (Resolved, error) {
	what, path, body := "roll "+f.Alias+" over", "/"+f.Alias+"/_rollover", any(nil)
	if f.To != "" {
		what, path = what+" to "+f.To, path+"/"+f.To
	}
	if len(f.When) > 0 {
		body = map[string]any{"conditions": f.When}
	}
	answer := &rolledOver{}
	return Resolved{Fault: f, Primitives: []Primitive{&request{
		what: what, method: http.MethodPost, path: path + "?wait_for_active_shards=0", body: body, into: answer,
		seen: func(ctx context.Context, api API) (bool, string, error) { return answer.seen(ctx, api) },
	}}}, nil
}

// seen is whether the new index is there; one whose conditions were not met did what it should.
func (a *rolledOver) seen(ctx context.Context, api API) (bool, string, error) {
	if !a.Done {
		var unmet []string
		for _, name := range slices.Sorted(maps.Keys(a.Conditions)) {
			if !a.Conditions[name] {
				unmet = append(unmet, name)
			}
		}
		return len(unmet) > 0, fmt.Sprintf("%s goes on: not met: %s", a.From, strings.Join(unmet, " ")), nil
	}
	is, err := exists(ctx, api, a.To)
	return is, fmt.Sprintf("writes went on from %s to %s", a.From, a.To), err
}
