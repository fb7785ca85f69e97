package scenarios

import (
	"maps"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// tolerance is the key that every expectation may have beside its own.
const toleranceKey = "tolerance"

// takeTolerance reads the tolerance of an entry and returns the entry without it.
func (e *Expect) takeTolerance(n ast.Node) (ast.Node, error) {
	m, ok := n.(*ast.MappingNode)
	if !ok {
		return n, nil
	}
	i := slices.IndexFunc(m.Values, func(v *ast.MappingValueNode) bool { return v.Key.GetToken().Value == toleranceKey })
	if i < 0 {
		return n, nil
	}
	value := m.Values[i].Value.GetToken()
	var t units.Tolerance
	if err := t.UnmarshalText([]byte(value.Value)); err != nil {
		return nil, &yaml.SyntaxError{Message: err.Error(), Token: value}
	}
	e.Tolerance = &t
	rest := *m
	rest.Values = slices.Delete(slices.Clone(m.Values), i, i+1)
	return &rest, nil
}

// judged are the outcomes with what the file says of them.
func (e Expect) judged(h *observed.History) []Outcome {
	out := e.Judge(h)
	_, timely := e.Expectation.(Timely)
	for i := range out {
		out[i].Tolerance, out[i].Line = e.Tolerance, e.Line
		out[i].excuse(h, timely)
	}
	return out
}

// checkTolerance refuses quantities that no run has.
func (s *Scenario) checkTolerance(voc Vocabulary) []source.Problem {
	var ps []source.Problem
	for _, name := range slices.Sorted(maps.Keys(s.Tolerance)) {
		if len(voc.Quantities) > 0 && !slices.Contains(voc.Quantities, name) {
			ps = append(ps, source.Problemf("$.tolerance."+name, "%s", source.Unknown("quantity", name, voc.Quantities)))
		}
	}
	return ps
}
