package gameday

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// Action is a fault of the plan: what it may hit, and how it is undone.
type Action struct {
	At      string      `json:"at"`
	Kind    string      `json:"kind"`
	Fault   chaos.Fault `json:"fault"`
	Lasts   string      `json:"lasts"`
	MayHit  []string    `json:"may_hit"`
	AtOnce  int         `json:"at_once"`
	Selects bool        `json:"selects,omitempty"` // which of them is known only when it strikes
	Does    []string    `json:"does"`
}

// Plan is what will be done, as people approve it.
type Plan struct {
	Scenario   string         `json:"scenario"`
	System     string         `json:"system"`
	Backend    string         `json:"backend"`
	Text       string         `json:"text_sha256"` // of the scenario file
	Hypothesis string         `json:"hypothesis"`
	Duration   units.Duration `json:"duration"`
	Nodes      []string       `json:"nodes"`
	// Cluster and Orders are of a cluster that was there before: which it is, and every command
	// that will be given there.
	Cluster    string                   `json:"cluster,omitempty"`
	Orders     []string                 `json:"orders,omitempty"`
	Steps      []scenarios.GamedayStep  `json:"steps,omitempty"`
	Actions    []Action                 `json:"actions"`
	Guardrails []string                 `json:"guardrails"`
	Probes     []scenarios.GamedayProbe `json:"probes,omitempty"`
	Prediction string                   `json:"prediction_sha256"`
	Asks       []string                 `json:"asks,omitempty"`
}

// NewPlan is the plan of a scenario, scaled for the backend, with its prediction.
func NewPlan(l *scenarios.Loaded, scaled *scenarios.Scenario, backend string, p *Prediction) (*Plan, error) {
	text := sha256.Sum256(l.Text)
	predicted, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(predicted)
	g := l.Gameday
	plan := &Plan{
		Scenario: l.Name, System: l.System, Backend: backend, Text: hex.EncodeToString(text[:]), Hypothesis: g.Hypothesis, Duration: scaled.Duration,
		Nodes: scaled.Topology().Nodes, Steps: g.Steps, Probes: g.Probes, Prediction: hex.EncodeToString(sum[:]), Asks: g.Asks, Guardrails: Rails(l),
	}
	for _, e := range scaled.Faults {
		a, err := actionOf(e, scaled.Topology())
		if err != nil {
			return nil, fmt.Errorf("fault %s: %w", e.Fault.Kind(), err)
		}
		plan.Actions = append(plan.Actions, a)
	}
	return plan, nil
}

func actionOf(e chaos.Entry, t chaos.Topology) (Action, error) {
	a := Action{At: e.At.String(), Kind: e.Fault.Kind(), Fault: e.Fault, Lasts: "until the end"}
	if e.Trigger != nil {
		a.At = e.Trigger.String()
	}
	switch {
	case e.Until != "":
		a.Lasts = "until " + string(e.Until)
	case e.Fault.Lasts() > 0:
		a.Lasts = units.Duration(e.Fault.Lasts()).String()
	}
	r, err := chaos.Preview(e.Fault, t)
	if err != nil {
		return a, err
	}
	hit := slices.Clone(r.Victims)
	slices.Sort(hit)
	hit = slices.Compact(hit)
	a.AtOnce, a.MayHit = len(hit), hit
	if selects(e.Fault, t) {
		a.Selects, a.MayHit = true, t.Nodes
	}
	for _, p := range r.Primitives {
		a.Does = append(a.Does, p.String())
	}
	return a, nil
}

// selects reports whether a fault names what only a running cluster can tell: its words are
// neither endpoints nor attributes.
func selects(f chaos.Fault, t chaos.Topology) bool {
	text, err := json.Marshal(f)
	if err != nil {
		return true
	}
	for _, word := range []string{"master", "follower", "emptiest", "fullest", "primary(", "replica(", "copies("} {
		if strings.Contains(string(text), `"`+word) || strings.Contains(string(text), `"another `+word) {
			return true
		}
	}
	return false
}

// Rails are the guardrails in words; those of the registry as the file has them, each on one line.
func Rails(l *scenarios.Loaded) (out []string) {
	g := l.Gameday
	out = written(l)
	if d := g.Departure; d != nil {
		out = append(out, fmt.Sprintf("worse than predicted by more than %s of the band for %s", d.By, d.For))
	}
	out = append(out, fmt.Sprintf("no node answers for %s", g.Silence))
	for _, p := range g.Probes {
		out = append(out, fmt.Sprintf("probe %s fails for %s", p.Name, p.For))
	}
	return out
}

// Hash is what is approved.
func (p *Plan) Hash() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// Approval is who lets a plan, or a step, be done; recorded, not authenticated.
type Approval struct {
	Hash   string `json:"hash"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Allows refuses what the plan doesn't say: other endpoints, or more of them at once.
func (p *Plan) Allows(f chaos.Fault, victims []string) error {
	for _, a := range p.Actions {
		if a.Kind != f.Kind() || len(victims) > a.AtOnce {
			continue
		}
		inside := true
		for _, v := range victims {
			inside = inside && slices.Contains(a.MayHit, v)
		}
		if inside {
			return nil
		}
	}
	return fmt.Errorf("not approved: %s of %s is not what the approved plan says", f.Kind(), strings.Join(victims, ", "))
}

// Reach is what an action may hit, in words.
func (a Action) Reach() string {
	switch {
	case len(a.MayHit) == 0:
		return "the cluster as a whole"
	case a.Selects:
		return fmt.Sprintf("%d of %s", a.AtOnce, strings.Join(a.MayHit, ", "))
	}
	return strings.Join(a.MayHit, ", ")
}

// written are the guardrails as the file has them; where it can't be read again, their kinds.
func written(l *scenarios.Loaded) (out []string) {
	file, err := source.Parse(l.File, l.Text)
	if err == nil {
		for _, n := range file.Items("$.gameday.guardrails") {
			v, err := source.Ordered(n)
			if err == nil {
				out = append(out, strings.TrimSuffix(strings.TrimPrefix(source.Flow(v), "{"), "}"))
			}
		}
	}
	if len(out) == len(l.Gameday.Guardrails) {
		return out
	}
	out = nil
	for _, e := range l.Gameday.Guardrails {
		out = append(out, e.Kind())
	}
	return out
}
