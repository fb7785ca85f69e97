package scenarios

import (
	"fmt"
	"math"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
)

// Verdict is the answer to an expectation.
type Verdict string

// The verdicts. Unknown means that it could not be decided; the outcome says why.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Unknown Verdict = "unknown"
)

// Outcome is an expectation's verdict with the numbers behind it.
type Outcome struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"verdict"`
	// Observed, Limit and Margin are in Unit; Margin is negative beyond the limit.
	// They are absent where nothing could be observed.
	Observed *float64 `json:"observed"`
	Limit    *float64 `json:"limit"`
	Margin   *float64 `json:"margin"`
	Unit     string   `json:"unit,omitempty"`
	// At is the moment that decided, since t=0, in seconds.
	At *float64 `json:"at_s,omitempty"`
	// Reason is a sentence: what was seen, or why nothing could be.
	Reason string `json:"reason"`
	// Tolerance and Line are those of the expectation in the file.
	Tolerance *units.Tolerance `json:"tolerance,omitempty"`
	Line      int              `json:"line,omitempty"`
	// Drawing is a picture of the operations that contradict each other, as SVG.
	Drawing string `json:"drawing,omitempty"`
}

// Expectation is something that must hold.
type Expectation interface {
	// Kind is the key that opens the expectation in a file.
	Kind() string
	// Check returns what is wrong with its parameters; paths are relative to it.
	Check(*Scenario) []source.Problem
	// Judge decides on the whole of a run. It answers at least one outcome.
	Judge(*History) []Outcome
}

// momentous is an expectation that looks at a moment of the run. Where a run is shorter
// than described its moments come sooner; how long things take, and so what limits them,
// does not change.
type momentous interface {
	scaled(time units.Fraction) Expectation
}

// ExpectationKind describes an expectation for the registry, the schema and the help.
type ExpectationKind struct {
	Name  string
	About string
	New   func() Expectation
}

// ExpectationKinds are all there are. A new expectation is a file and a line here.
func ExpectationKinds() []ExpectationKind {
	return []ExpectationKind{
		{"steady-state", "the steady state holds at the start or again after the end", func() Expectation { return &SteadyState{} }},
		{"recovered", "after a fault the cluster is green (or yellow) again within a limit", func() Expectation { return &Recovered{} }},
		{"detected", "a fault shows in the cluster's membership within a limit", func() Expectation { return &Detected{} }},
		{"balance", "shards, bytes or load are spread evenly", func() Expectation { return &Balanced{} }},
		{"node-load", "a figure of the nodes' load (cpu, latency, …) stays within a bound", func() Expectation { return &NodeLoadBound{} }},
		{"lost-acked-writes", "no more acknowledged writes than this are lost", func() Expectation { return &LostAckedWrites{} }},
		{"linearizable", "what clients saw of each register could have happened one after another", func() Expectation { return &Linearizable{} }},
		{"serializable", "what transactions saw could have happened one after another", func() Expectation { return &Serializable{} }},
		{"failover-within", "no range is without writes for longer when a majority is well", func() Expectation { return &FailoverWithin{} }},
		{"copies-converge", "all copies of each shard are equal at the end", func() Expectation { return &CopiesConverge{} }},
		{"ranges-tile", "in every shard map each key lies in exactly one shard, and each follows from the one before", func() Expectation { return &RangesTile{} }},
		{"one-primary-per-epoch", "no shard has two primaries in an epoch", func() Expectation { return &OnePrimaryPerEpoch{} }},
		{"refused", "writes at a level are refused, not lost, while a fault is in force", func() Expectation { return &Refused{} }},
		{"no-red-longer-than", "the cluster is never red for longer at a stretch", func() Expectation { return &NoRedLongerThan{} }},
		{"moves-at-most", "no more shard copies are relocated", func() Expectation { return &MovesAtMost{} }},
		{"controller-actions", "how often the controller acted, or a shadow policy would have", func() Expectation { return &ControllerActions{} }},
		{"repaired", "the cluster has replaced every corrupted copy by the end, or has left them", func() Expectation { return &Repaired{} }},
		{"inconsistency", "the comparison of copies names those that were silently corrupted, and no others", func() Expectation { return &Inconsistency{} }},
		{"decided", "the controller does something within a limit, or so often", func() Expectation { return &Decided{} }},
	}
}

// ExpectationNames are the names of all expectations.
func ExpectationNames() []string {
	var out []string
	for _, k := range ExpectationKinds() {
		out = append(out, k.Name)
	}
	return out
}

// Expect is an entry of a file's expect: section.
type Expect struct {
	Expectation
	// Tolerance is by how much its figure may differ between two runs that count as alike; nil:
	// the default of the figure.
	Tolerance *units.Tolerance
	// Line is where it stands in the file.
	Line int
}

// UnmarshalYAML reads {KIND: …, parameters}.
func (e *Expect) UnmarshalYAML(n ast.Node) error {
	e.Line = n.GetToken().Position.Line
	n, err := e.takeTolerance(n)
	if err != nil {
		return err
	}
	for _, kv := range source.Pairs(n) {
		for _, k := range ExpectationKinds() {
			if k.Name != kv.Key.GetToken().Value {
				continue
			}
			if e.Expectation != nil {
				return &yaml.SyntaxError{Message: fmt.Sprintf("two expectations in one entry: %s and %s; write two entries", e.Kind(), k.Name), Token: kv.Key.GetToken()}
			}
			e.Expectation = k.New()
		}
	}
	if e.Expectation == nil {
		tok, got := n.GetToken(), ""
		if pairs := source.Pairs(n); len(pairs) > 0 {
			tok = pairs[0].Key.GetToken()
			got = tok.Value
		}
		return &yaml.SyntaxError{Message: source.Unknown("expectation", got, ExpectationNames()), Token: tok}
	}
	return source.DecodeNode(n, e.Expectation)
}

// Worst sums verdicts up: a failure outweighs an unknown, which outweighs a pass.
func Worst(outcomes []Outcome) Verdict {
	worst := Pass
	for _, o := range outcomes {
		switch {
		case o.Verdict == Fail:
			return Fail
		case o.Verdict == Unknown:
			worst = Unknown
		}
	}
	return worst
}

func unknown(name, format string, args ...any) Outcome {
	return Outcome{Name: name, Verdict: Unknown, Reason: fmt.Sprintf(format, args...)}
}

// within judges a time against a limit.
func within(name string, took, limit time.Duration, at time.Duration, reason string) Outcome {
	o := Outcome{Name: name, Verdict: Pass, Unit: "s", Reason: reason}
	o.Observed, o.Limit, o.Margin, o.At = seconds(took), seconds(limit), seconds(limit-took), seconds(at)
	if took > limit {
		o.Verdict = Fail
	}
	return o
}

// never is the failure of something that did not happen while it was watched, from a
// moment to t.Until; unknown when the watch was shorter than the limit.
func never(name string, limit, since time.Duration, t FaultTimes, what string) Outcome {
	watched := t.Until - since
	o := Outcome{Name: name, Verdict: Fail, Unit: "s", Limit: seconds(limit), Reason: fmt.Sprintf("%s when %s, %s later", what, t.ended(), watched.Round(time.Millisecond))}
	if watched < limit {
		o.Verdict = Unknown
		o.Reason += fmt.Sprintf(", before the limit of %s", limit)
	}
	return o
}

func seconds(d time.Duration) *float64 {
	v := math.Round(d.Seconds()*1e6) / 1e6
	return &v
}

func number(v float64) *float64 { return &v }
