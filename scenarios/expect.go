package scenarios

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/observed"
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
	// Idle: the run never came to what is asked about, or did not stay with it for long
	// enough: another fault struck first. Who wrote the scenario wants to know; of a plan of
	// chance nobody had asked it.
	Idle bool `json:"-"`
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
	Judge(*observed.History) []Outcome
}

// Momentous is an expectation that looks at a moment of the run. Where a run is shorter
// than described its moments come sooner; how long things take, and so what limits them,
// does not change.
type Momentous interface {
	Scaled(time units.Fraction) Expectation
}

// Completer is an expectation that fills in what a file leaves out of it.
type Completer interface {
	Complete(*Scenario)
}

// ExpectationKind is an expectation as files, schema, checks and documentation know it.
type ExpectationKind struct {
	Name  string
	About string
	// Systems are those that it makes sense of; nil: all.
	Systems []string
	New     func() Expectation
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

// UnmarshalYAML leaves the entry to [readExpectations], which knows the vocabulary.
func (e *Expect) UnmarshalYAML(ast.Node) error { return nil }

// readExpectations reads the entries of a list at a path of a file, {KIND: …, parameters}.
func readExpectations(f *source.File, path string, kinds []ExpectationKind) ([]Expect, error) {
	var out []Expect
	var errs []error
	for _, n := range f.Items(path) {
		e, err := readExpectation(n, kinds)
		if err != nil {
			errs = append(errs, f.Located(err))
		}
		out = append(out, e)
	}
	return out, errors.Join(errs...)
}

// ReadExpectation reads one expectation from its text.
func (v Vocabulary) ReadExpectation(text []byte) (Expect, error) {
	f, err := source.Parse("expectation", text)
	if err != nil {
		return Expect{}, err
	}
	e, err := readExpectation(f.Root(), v.Expectations())
	if err != nil {
		return e, f.Located(err)
	}
	return e, nil
}

func readExpectation(n ast.Node, kinds []ExpectationKind) (Expect, error) {
	e := Expect{Line: n.GetToken().Position.Line}
	if n.Type() == ast.NullType {
		return e, nil // the check says so
	}
	n, err := e.takeTolerance(n)
	if err != nil {
		return e, err
	}
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	for _, kv := range source.Pairs(n) {
		i := slices.Index(names, kv.Key.GetToken().Value)
		if i < 0 {
			continue
		}
		if e.Expectation != nil {
			return e, &yaml.SyntaxError{Message: fmt.Sprintf("two expectations in one entry: %s and %s; write two entries", e.Kind(), names[i]), Token: kv.Key.GetToken()}
		}
		e.Expectation = kinds[i].New()
	}
	if e.Expectation == nil {
		tok, got := n.GetToken(), ""
		if pairs := source.Pairs(n); len(pairs) > 0 {
			tok = pairs[0].Key.GetToken()
			got = tok.Value
		}
		return e, &yaml.SyntaxError{Message: source.Unknown("expectation", got, names), Token: tok}
	}
	return e, source.DecodeNode(n, e.Expectation)
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

// Undecided is the outcome of what could not be decided, with the reason.
func Undecided(name, format string, args ...any) Outcome {
	return Outcome{Name: name, Verdict: Unknown, Reason: fmt.Sprintf(format, args...)}
}

// Idled is the outcome of what nothing in the run called for.
func Idled(name, format string, args ...any) Outcome {
	o := Undecided(name, format, args...)
	o.Idle = true
	return o
}

// WithinLimit judges a time against a limit.
func WithinLimit(name string, took, limit time.Duration, at time.Duration, reason string) Outcome {
	o := Outcome{Name: name, Verdict: Pass, Unit: "s", Reason: reason}
	o.Observed, o.Limit, o.Margin, o.At = Seconds(took), Seconds(limit), Seconds(limit-took), Seconds(at)
	if took > limit {
		o.Verdict = Fail
	}
	return o
}

// NeverWithin is the failure of something that did not happen while it was watched, from a
// moment to t.Until; unknown when the watch was shorter than the limit.
func NeverWithin(name string, limit, since time.Duration, t observed.FaultTimes, what string) Outcome {
	watched := t.Until - since
	o := Outcome{Name: name, Verdict: Fail, Unit: "s", Limit: Seconds(limit), Reason: fmt.Sprintf("%s when %s, %s later", what, t.Ended(), watched.Round(time.Millisecond))}
	if watched < limit {
		o.Verdict, o.Idle = Unknown, t.Next != ""
		o.Reason += fmt.Sprintf(", before the limit of %s", limit)
	}
	return o
}

// Seconds are a time for an outcome.
func Seconds(d time.Duration) *float64 {
	v := math.Round(d.Seconds()*1e6) / 1e6
	return &v
}

// Number is a figure for an outcome.
func Number(v float64) *float64 { return &v }
