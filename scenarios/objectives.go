package scenarios

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// ObjectivesSection is what a cluster must bear, whatever is lost: what `shardquake plan`
// tries. Its keys are short forms of expectations; Expect has any of them.
type ObjectivesSection struct {
	// Survive are the losses that must hold: node, master, pair, or an attribute, of which
	// every value is lost in turn.
	Survive []string       `yaml:"survive,omitempty" jsonschema:"description=losses that must not leave anything red: node or master or pair or restart or upgrade or drain or an attribute such as zone; default: nodes and master and attributes"`
	Yellow  units.Duration `yaml:"yellow-within,omitempty" jsonschema:"description=after such a loss nothing is red any more; default 1m"`
	Green   units.Duration `yaml:"green-within,omitempty" jsonschema:"description=after such a loss the cluster is green again"`
	Disk    string         `yaml:"disk-below,omitempty" jsonschema:"description=no disk gets fuller than a watermark (low or high or flood-stage) or a percentage"`
	CPU     string         `yaml:"cpu-below,omitempty" jsonschema:"description=no node has its processors busier than so many percent"`
	// Downtime is how long a node is away while it is restarted or upgraded.
	Downtime units.Duration  `yaml:"downtime,omitempty" jsonschema:"description=how long a node is away in a rolling restart or upgrade; default 2m"`
	Expect   []ScopedExpect  `yaml:"expect,omitempty" jsonschema:"description=any expectation; after: names the losses that it is for"`
	Bounds   map[string]bool `yaml:"-"` // keys that the file has, for who fills in defaults
}

// afterKey names the losses that an expectation is for.
const afterKey = "after"

// ScopedExpect is an expectation that must hold after some of the losses.
type ScopedExpect struct {
	Expect
	// After are kinds of losses, as in Survive; nil: those of Survive.
	After []string
	// Text is the expectation as a file has it.
	Text string
}

// UnmarshalYAML leaves the entry to [readObjectives], which knows the vocabulary.
func (e *ScopedExpect) UnmarshalYAML(ast.Node) error { return nil }

// readObjectives reads the entries of objectives: {expect: […]}.
func readObjectives(f *source.File, kinds []ExpectationKind) ([]ScopedExpect, error) {
	var out []ScopedExpect
	var errs []error
	for _, n := range f.Items("$.objectives.expect") {
		e, err := readScoped(n, kinds)
		if err != nil {
			errs = append(errs, f.Located(err))
		}
		out = append(out, e)
	}
	return out, errors.Join(errs...)
}

func readScoped(n ast.Node, kinds []ExpectationKind) (ScopedExpect, error) {
	var out ScopedExpect
	var err error
	if m, ok := n.(*ast.MappingNode); ok {
		i := slices.IndexFunc(m.Values, func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == afterKey })
		if i >= 0 {
			if err := source.DecodeNode(m.Values[i].Value, &out.After); err != nil {
				return out, &yaml.SyntaxError{Message: "expected a list of losses, such as [node, zone]", Token: m.Values[i].Value.GetToken()}
			}
			rest := *m
			rest.Values = slices.Delete(slices.Clone(m.Values), i, i+1)
			n = &rest
		}
	}
	out.Text = n.String()
	out.Expect, err = readExpectation(n, kinds)
	return out, err
}

// checkObjectives finds what no cluster could be asked.
func (s *Scenario) checkObjectives() []source.Problem {
	o := s.Objectives
	if o == nil {
		return nil
	}
	var ps []source.Problem
	bad := func(path, format string, args ...any) {
		ps = append(ps, source.Problemf("$.objectives"+path, format, args...))
	}
	for _, limit := range []struct {
		key string
		d   units.Duration
	}{{"yellow-within", o.Yellow}, {"green-within", o.Green}} {
		if limit.d < 0 || o.Bounds[limit.key] && limit.d == 0 {
			bad("."+limit.key, "%s is no time to recover in; expected a time such as 30m", limit.d)
		}
	}
	if o.Downtime < 0 || o.Bounds["downtime"] && o.Downtime == 0 {
		bad(".downtime", "%s is no time to restart a node in; expected a time such as 2m", o.Downtime)
	}
	if p, err := units.ParsePercent(cmp.Or(o.CPU, "100%")); err != nil || p <= 0 || p > 100 {
		bad(".cpu-below", "%q is no share of a node's processors; expected more than 0%% and at most 100%%, such as 80%%", o.CPU)
	}
	if o.Yellow > 0 && o.Green > 0 && o.Yellow > o.Green {
		bad(".yellow-within", "contradicts green-within: %s: a cluster that is green by then is not red either, so that %s could never decide", o.Green, o.Yellow)
	}
	for i, e := range o.Expect {
		if e.Expectation == nil {
			bad(fmt.Sprintf(".expect[%d]", i), "the entry is empty; expected an expectation, such as {unassigned-at-most: 0, after: [node]}")
		}
	}
	return ps
}

// note keeps the short forms that the file has: a zero is not the same as none.
func (o *ObjectivesSection) note(has func(path string) bool) {
	o.Bounds = map[string]bool{}
	for _, key := range []string{"yellow-within", "green-within", "downtime"} {
		o.Bounds[key] = has("$.objectives." + key)
	}
}
