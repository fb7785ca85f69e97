package reports

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Schema is the version of report.json. Fields are added without changing it; a
// field that changes its meaning or goes away changes it.
const Schema = "shardquake.report/1"

// Report is report.json. Times end in _s and are seconds; those of events count from
// t=0. A pointer that is null says that the thing did not happen or was not seen.
type Report struct {
	Schema       string              `json:"schema"`
	Version      version.Build       `json:"version"` // of the Shardquake that ran it
	Scenario     string              `json:"scenario"`
	About        string              `json:"about"`
	System       string              `json:"system"`
	Backend      string              `json:"backend"`
	Scale        scenarios.Scale     `json:"scale"`
	Seed         uint64              `json:"seed"`
	Varied       []scenarios.Draw    `json:"varied,omitempty"` // what the seed drew where the scenario varies
	Verdict      scenarios.Verdict   `json:"verdict"`
	Aborted      string              `json:"aborted,omitempty"`
	Expectations []scenarios.Outcome `json:"expectations"`
	Faults       []Fault             `json:"faults"`
	Scores       Scores              `json:"scores"`
	FaultLoads   []FaultLoad         `json:"fault_loads,omitempty"` // where the nodes' load was observed
	Control      Control             `json:"controller"`
	Ailments     []observed.Ailment  `json:"ailments,omitempty"` // why the cluster was not green at the end
	Notes        []string            `json:"notes"`
	SteadyS      float64             `json:"steady_s"` // from the start to t=0
	EndS         float64             `json:"end_s"`    // faults and load ended
	VirtualS     float64             `json:"virtual_s"`
	WallS        float64             `json:"wall_s"`
	Events       uint64              `json:"events"`
	TraceHash    string              `json:"trace_hash"`
	TraceSHA256  string              `json:"trace_sha256"`
}

// Fault is one fault with its effect.
type Fault struct {
	Kind           string           `json:"kind"`
	Params         json.RawMessage  `json:"params"`
	Victims        []string         `json:"victims"`
	Primitives     []string         `json:"primitives"`
	AtS            float64          `json:"at"`
	HealedAtS      *float64         `json:"healed_at"`
	DetectedAfterS *float64         `json:"detected_after_s"`
	YellowAfterS   *float64         `json:"yellow_after_s"`
	GreenAfterS    *float64         `json:"green_after_s"`
	Injected       bool             `json:"injected"`
	Shown          bool             `json:"shown"`
	Bites          []chaos.Evidence `json:"bites"`
	Gone           []chaos.Evidence `json:"gone,omitempty"`
	Error          string           `json:"error,omitempty"`
}

// Scores are the figures of a run.
type Scores struct {
	Balance  Balances `json:"balance"`
	Recovery Recovery `json:"recovery"`
	// Movement is absent where moves were not observed.
	Movement *Movement `json:"movement,omitempty"`
	Clients  Clients   `json:"clients"`
	// Nodes is what operations took on each node; absent where it was not observed.
	Nodes []NodeLatency `json:"nodes,omitempty"`
}

// Balances are the balance scores by quantity; nil where nothing was observed.
type Balances struct {
	Shards *BalanceOverTime `json:"shards,omitempty"`
	Bytes  *BalanceOverTime `json:"bytes,omitempty"`
	CPU    *BalanceOverTime `json:"cpu,omitempty"`
	Disk   *BalanceOverTime `json:"disk,omitempty"`
}

// BalanceOverTime is a balance at t=0, at its worst by the coefficient of variation,
// and at the end.
type BalanceOverTime struct {
	Initial score.Balance `json:"initial"`
	Worst   score.Balance `json:"worst"`
	WorstS  float64       `json:"worst_at_s"`
	Final   score.Balance `json:"final"`
	// AverageCV is the mean of the coefficient of variation over the time from t=0 until
	// faults and load end.
	AverageCV float64 `json:"average_cv"`
}

// RecoveryScore says how fast the cluster noticed and mended a fault.
type RecoveryScore struct {
	TimeToDetectS *float64 `json:"time_to_detect_s"`
	TimeToYellowS *float64 `json:"time_to_yellow_s"`
	TimeToGreenS  *float64 `json:"time_to_green_s"`
	// BytesMoved were copied by recoveries that began in this time; null where that was not
	// observed.
	BytesMoved *int64  `json:"bytes_moved"`
	RedS       float64 `json:"red_s"`
	YellowS    float64 `json:"yellow_s"`
}

// Recovery holds the scores of the whole run (times: the worst of the faults) and of
// each fault, in the order of Report.Faults.
type Recovery struct {
	RecoveryScore
	PerFault []FaultRecovery `json:"per_fault"`
	// Recoveries counts them by kind: files, ops, local.
	Files int `json:"files"`
	Ops   int `json:"ops"`
	Local int `json:"local"`
	// Failed recoveries are in none of the three.
	Failed int `json:"failed"`
}

// FaultRecovery is the score of one fault.
type FaultRecovery struct {
	Kind string `json:"kind"`
	RecoveryScore
}

// Movement is what was relocated, see movementOf for the definitions.
type Movement struct {
	Moves          int   `json:"moves"`
	Bytes          int64 `json:"bytes"`
	RedundantMoves int   `json:"redundant_moves"`
	Thrash         int   `json:"thrash"`
	// IdealMoves and IdealBytes are lower bounds on what it takes to become as even as the
	// cluster was in the end, see [score.FewestMoves].
	IdealMoves int   `json:"ideal_moves"`
	IdealBytes int64 `json:"ideal_bytes"`
}

// Control sums up what the controller did.
type Control struct {
	Policy    string              `json:"policy"`
	Decisions int                 `json:"decisions"`
	Actions   int                 `json:"actions"`
	List      []observed.Decision `json:"list"`
}

// Build scores a run.
func Build(res *scenarios.Result) (*Report, error) {
	h := res.History
	r := &Report{
		Schema: Schema, Version: version.Current(), Scenario: res.Scenario.Name, About: res.Scenario.About, System: res.Scenario.System,
		Backend: res.Backend, Scale: res.Scale, Seed: res.Seed, Varied: res.Draws, Verdict: res.Verdict, Expectations: res.Outcomes,
		Ailments: h.Ailments, Notes: withDraws(withAilments(res.Notes, h.Ailments), res.Draws), SteadyS: secs(h.Steady), EndS: secs(h.End), VirtualS: secs(res.Virtual), WallS: secs(res.Wall),
		Events: res.Events, TraceHash: fmt.Sprintf("%016x", res.TraceHash), Faults: []Fault{},
	}
	if r.Expectations == nil {
		r.Expectations = []scenarios.Outcome{}
	}
	if r.Notes == nil {
		r.Notes = []string{}
	}
	if res.Aborted != nil {
		r.Aborted = res.Aborted.Error()
	}
	for i, f := range h.Faults {
		fault, err := faultOf(h, i, f)
		if err != nil {
			return nil, err
		}
		r.Faults = append(r.Faults, fault)
	}
	r.Scores = Scores{Balance: balancesOf(h), Recovery: recoveryOf(h), Clients: clientsOf(res), Nodes: latenciesOf(h)}
	if tellsMoves(res) {
		m := movementOf(h)
		r.Scores.Movement = &m
	} else {
		r.Scores.Recovery.forgetBytes()
	}
	r.FaultLoads = faultLoadsOf(h)
	r.Control = controlOf(res)
	return r, nil
}

func faultOf(h *observed.History, i int, f *chaos.Record) (Fault, error) {
	params, err := json.Marshal(f.Params)
	if err != nil {
		return Fault{}, fmt.Errorf("fault %s: %w", f.Kind, err)
	}
	out := Fault{
		Kind: f.Kind, Params: params, Victims: f.Victims, Primitives: f.Primitives, AtS: secs(f.At),
		Injected: f.Injected, Shown: f.Shown(), Bites: f.Bites, Gone: f.Gone, Error: f.Error,
	}
	if f.HealedAt >= 0 {
		out.HealedAtS = ptr(secs(f.HealedAt))
	}
	if f.Injected {
		t := h.FaultTimes(i, f.At)
		out.DetectedAfterS, out.YellowAfterS, out.GreenAfterS = after(t.Detected, f.At), after(t.Yellow, f.At), after(t.Green, f.At)
	}
	return out, nil
}

func controlOf(res *scenarios.Result) Control {
	c := Control{List: []observed.Decision{}}
	if res.Scenario.Controller != nil {
		c.Policy = res.Scenario.Controller.Policy
	}
	for _, d := range res.History.Decisions {
		c.List = append(c.List, d)
		if d.Shadow {
			continue
		}
		c.Decisions++
		if d.Acted {
			c.Actions++
		}
	}
	return c
}

func secs(d time.Duration) float64 { return score.Round(d.Seconds()) }

func ptr[T any](v T) *T { return &v }

// after is the time from since to t in seconds, nil when t never came.
func after(t, since time.Duration) *float64 {
	if t < 0 {
		return nil
	}
	return ptr(secs(t - since))
}

// withAilments adds to what is to be known about a run why it didn't end green.
func withAilments(notes []string, ailments []observed.Ailment) []string {
	notes = slices.Clone(notes)
	for _, a := range ailments {
		notes = append(notes, "not green at the end: "+a.Text)
	}
	return notes
}
