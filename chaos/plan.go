package chaos

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Entry is a fault and when it strikes, counted from t=0.
type Entry struct {
	At    units.Duration
	Fault Fault
}

// UnmarshalYAML reads {at: 5m, KIND: {…}}.
func (e *Entry) UnmarshalYAML(n ast.Node) error {
	pairs := source.Pairs(n)
	if pairs == nil {
		return &yaml.SyntaxError{Message: "expected a fault such as {at: 5m, node-loss: {node: n2}}", Token: n.GetToken()}
	}
	hasAt := false
	for _, kv := range pairs {
		key := kv.Key.GetToken()
		if key.Value == "at" {
			if err := source.DecodeNode(kv.Value, &e.At); err != nil {
				return err
			}
			hasAt = true
			continue
		}
		f := New(key.Value)
		if f == nil {
			return &yaml.SyntaxError{Message: source.Unknown("fault", key.Value, append(KindNames(), "at")), Token: key}
		}
		if e.Fault != nil {
			return &yaml.SyntaxError{Message: fmt.Sprintf("two faults in one entry: %s and %s; write two entries", e.Fault.Kind(), key.Value), Token: key}
		}
		if err := source.DecodeNode(kv.Value, f); err != nil {
			return err
		}
		e.Fault = f
	}
	if e.Fault == nil {
		return &yaml.SyntaxError{Message: source.Unknown("fault", "", KindNames()), Token: n.GetToken()}
	}
	if !hasAt {
		return &yaml.SyntaxError{Message: "the fault has no time; expected at: with the time since the steady state first held", Token: n.GetToken()}
	}
	return nil
}

// MarshalJSON writes {"at": "5m", KIND: {…}}, the form that a scenario file has too.
func (e Entry) MarshalJSON() ([]byte, error) {
	params, err := json.Marshal(e.Fault)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		At     units.Duration  `json:"at"`
		Kind   string          `json:"kind"`
		Params json.RawMessage `json:"params"`
	}{e.At, e.Fault.Kind(), params})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Entry) UnmarshalJSON(data []byte) error {
	var raw struct {
		At     units.Duration  `json:"at"`
		Kind   string          `json:"kind"`
		Params json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	f := New(raw.Kind)
	if f == nil {
		return fmt.Errorf("%s", source.Unknown("fault", raw.Kind, KindNames()))
	}
	if err := json.Unmarshal(raw.Params, f); err != nil {
		return fmt.Errorf("fault %s: %w", raw.Kind, err)
	}
	e.At, e.Fault = raw.At, f
	return nil
}

// Ends is when the fault has healed; for one that stays for good, the end of the run.
func (e Entry) Ends(end time.Duration) time.Duration {
	if d := e.Fault.Lasts(); d > 0 {
		return e.At.D() + d
	}
	return end
}

// Plan is every fault of a run, in order of time.
type Plan struct {
	Entries []Entry `json:"entries"`
}

// Check validates a plan for a cluster and a run of the given length; paths begin
// with "$.faults".
func (p Plan) Check(t Topology, duration time.Duration) []source.Problem {
	var ps []source.Problem
	for i, e := range p.Entries {
		at := fmt.Sprintf("$.faults[%d]", i)
		if e.At < 0 {
			ps = append(ps, source.Problemf(at+".at", "the fault strikes before t=0; expected a time from 0s on"))
		}
		if duration > 0 && e.At.D() >= duration {
			ps = append(ps, source.Problemf(at+".at", "the fault strikes at %s, but the run ends at %s; expected an earlier time or a longer duration:", e.At, units.Duration(duration)))
		}
		kind := at + "." + e.Fault.Kind()
		if k := KindOf(e.Fault.Kind()); slices.Contains(both(), t.System) && !k.For(t.System) {
			ps = append(ps, source.Problemf(kind, "%s is for system %s", k.Name, strings.Join(k.Systems, " or ")))
		}
		if e.Fault.Lasts() < 0 {
			ps = append(ps, source.Problemf(kind+".for", "a fault can't last less than nothing"))
		}
		for _, bad := range e.Fault.Check(t) {
			path := kind
			if bad.Path != "" {
				path += "." + bad.Path
			}
			ps = append(ps, source.Problem{Path: path, Message: bad.Message})
		}
	}
	return ps
}
