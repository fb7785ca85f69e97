package chaos

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Entry is a fault and when it strikes: at a time counted from t=0, or by a trigger.
type Entry struct {
	At units.Duration
	// Trigger, where there is one, takes the place of At.
	Trigger *Trigger
	// Until is the state with which the fault heals; "": after its own time.
	Until State
	Fault Fault
}

// Passes is whether the fault heals by itself.
func (e Entry) Passes() bool { return e.Until != "" || e.Fault.Lasts() > 0 }

// UnmarshalYAML reads {at: 5m, KIND: {…}}, or with a trigger in place of the time.
func (e *Entry) UnmarshalYAML(n ast.Node) error {
	pairs := source.Pairs(n)
	if pairs == nil {
		return &yaml.SyntaxError{Message: "expected a fault such as {at: 5m, node-loss: {node: n2}}", Token: n.GetToken()}
	}
	moments := 0
	for _, kv := range pairs {
		key := kv.Key.GetToken()
		var err error
		switch {
		case key.Value == "at":
			moments++
			err = source.DecodeNode(kv.Value, &e.At)
		case slices.Contains(triggerKeys, key.Value):
			moments++
			e.Trigger = &Trigger{}
			err = e.Trigger.read(key.Value, kv.Value)
		default:
			err = e.readFault(key, kv.Value)
		}
		if err != nil {
			return err
		}
	}
	if e.Fault == nil {
		return &yaml.SyntaxError{Message: source.Unknown("fault", "", KindNames()), Token: n.GetToken()}
	}
	if moments == 0 {
		return &yaml.SyntaxError{Message: "the fault has no time; expected at: with the time since the steady state first held, or when:, while: or after:", Token: n.GetToken()}
	}
	if moments > 1 {
		return &yaml.SyntaxError{Message: "the fault has two times; expected one of at:, when:, while: and after:", Token: n.GetToken()}
	}
	return nil
}

// readFault reads KIND: {…}.
func (e *Entry) readFault(key *token.Token, n ast.Node) error {
	f := New(key.Value)
	if f == nil {
		return &yaml.SyntaxError{Message: source.Unknown("fault", key.Value, append(KindNames(), append([]string{"at"}, triggerKeys...)...)), Token: key}
	}
	if e.Fault != nil {
		return &yaml.SyntaxError{Message: fmt.Sprintf("two faults in one entry: %s and %s; write two entries", e.Fault.Kind(), key.Value), Token: key}
	}
	var err error
	if n, e.Until, err = takeUntil(n); err != nil {
		return err
	}
	e.Fault = f
	return source.DecodeNode(n, f)
}

// entryJSON is the form in which plans are kept.
type entryJSON struct {
	At      units.Duration  `json:"at"`
	Trigger *Trigger        `json:"trigger,omitempty"`
	Until   State           `json:"until,omitempty"`
	Kind    string          `json:"kind"`
	Params  json.RawMessage `json:"params"`
}

// MarshalJSON writes {"at": "5m", "kind": KIND, "params": {…}}.
func (e Entry) MarshalJSON() ([]byte, error) {
	params, err := json.Marshal(e.Fault)
	if err != nil {
		return nil, err
	}
	return json.Marshal(entryJSON{e.At, e.Trigger, e.Until, e.Fault.Kind(), params})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *Entry) UnmarshalJSON(data []byte) error {
	var raw entryJSON
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
	*e = Entry{raw.At, raw.Trigger, raw.Until, f}
	return nil
}

// Lasting is the fault with another time. It goes by way of the form that plans are
// kept in, where every fault calls it "for".
func Lasting(f Fault, d time.Duration) (Fault, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	var params map[string]json.RawMessage
	if err := json.Unmarshal(text, &params); err != nil {
		return nil, err
	}
	if params["for"], err = json.Marshal(units.Duration(d)); err != nil {
		return nil, err
	}
	if text, err = json.Marshal(params); err != nil {
		return nil, err
	}
	out := New(f.Kind())
	if err := json.Unmarshal(text, out); err != nil {
		return nil, fmt.Errorf("fault %s: %w", f.Kind(), err)
	}
	if out.Lasts() != d {
		return nil, fmt.Errorf("fault %s has no time of its own", f.Kind())
	}
	return out, nil
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
		if i > 0 {
			t = WithMade(t, p.Entries[i-1:i])
		}
		at := fmt.Sprintf("$.faults[%d]", i)
		if e.Trigger != nil {
			for _, bad := range e.Trigger.check(t, p.Entries[:i]) {
				ps = append(ps, source.Problem{Path: at + "." + bad.Path, Message: bad.Message})
			}
		}
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
		if e.Until != "" {
			if _, err := Lasting(e.Fault, time.Hour); err != nil {
				ps = append(ps, source.Problemf(kind, "%s stays or passes by itself; it has no for:", e.Fault.Kind()))
			}
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
