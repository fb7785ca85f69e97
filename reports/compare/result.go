package compare

import (
	"encoding/json"
	"math"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/reports/divergence"
)

// Schema is the version of a comparison in JSON.
const Schema = "shardquake.compare/1"

// Verdict is the answer to a comparison.
type Verdict string

// The verdicts, from the best to the worst.
const (
	Unchanged Verdict = "unchanged" // the same traces
	Same      Verdict = "same"      // within the tolerance, shown
	Better    Verdict = "better"
	Differs   Verdict = "differs" // a figure that is neither good nor bad
	Undecided Verdict = "undecided"
	Worse     Verdict = "worse"
)

// verdicts are all of them; the last weighs most when they are summed up.
var verdicts = [...]Verdict{Unchanged, Same, Differs, Better, Undecided, Worse}

// order ranks verdicts for summing up.
func (v Verdict) order() int {
	for i, o := range verdicts {
		if o == v {
			return i
		}
	}
	return 0
}

// worst is the one that weighs more.
func worst(a, b Verdict) Verdict {
	if b.order() > a.order() {
		return b
	}
	return a
}

// Result is a comparison of contenders with a base.
type Result struct {
	Schema  string        `json:"schema" jsonschema:"required"`
	Version version.Build `json:"version"`
	// Verdict is the worst of the contenders'.
	Verdict    Verdict     `json:"verdict" jsonschema:"required"`
	Base       string      `json:"base" jsonschema:"required"`
	Contenders []Contender `json:"contenders" jsonschema:"required"`
	// Policies are the means, with lower bounds on moves and bytes, where the sides are policies.
	Policies *reports.Policies `json:"policies,omitempty"`
	// Level is the chance of a false alarm over all that gates, Looks how often the growing
	// sample may be looked at, Look which of them this is (from 1).
	Level float64 `json:"level"`
	Looks int     `json:"looks"`
	Look  int     `json:"look"`
	// Notes are what could not be compared, and why.
	Notes []string `json:"notes,omitempty"`
}

// Contender is one side against the base.
type Contender struct {
	Label     string     `json:"label" jsonschema:"required"`
	Verdict   Verdict    `json:"verdict" jsonschema:"required"`
	Scenarios []Scenario `json:"scenarios" jsonschema:"required"`
}

// Scenario is what a change made of one scenario.
type Scenario struct {
	Name    string  `json:"scenario" jsonschema:"required"`
	File    string  `json:"file,omitempty"`
	Verdict Verdict `json:"verdict" jsonschema:"required"`
	// Paired is whether runs were paired by seed; Runs how many there are of each side, and
	// Equal how many pairs have the same trace.
	Paired bool `json:"paired"`
	// Exact is whether there is one result of each side that is no sample, and needs no test.
	Exact bool   `json:"exact,omitempty"`
	Runs  [2]int `json:"runs"`
	Equal int    `json:"equal"`
	// Verdicts compares how often the expectations held.
	Verdicts Held  `json:"verdicts"`
	Rows     []Row `json:"quantities"`
	// Worst is the seed of the pair in which it got worse most; 0 none.
	Worst uint64 `json:"worst_seed,omitempty"`
	// Why is where the traces of that pair part; nil where they are not at hand.
	Why      *divergence.Parting `json:"why,omitempty"`
	Warnings []string            `json:"warnings,omitempty"`

	open bool // of what is exact: one side looks too short a time ahead
}

// Held is how often runs held: by side, and what changed pair by pair.
type Held struct {
	Verdict Verdict `json:"verdict"`
	Passed  [2]int  `json:"passed"`
	// Lost are the seeds that the base passes and the contender doesn't, Won the others.
	Lost     []uint64 `json:"lost,omitempty"`
	Won      []uint64 `json:"won,omitempty"`
	P        float64  `json:"p"`
	Adjusted float64  `json:"p_adjusted"`

	runs [2]int
}

// Amount is a figure's value that may be infinite: what never happened is infinitely late.
type Amount float64

// MarshalJSON writes null for never, as JSON has no infinity.
func (a Amount) MarshalJSON() ([]byte, error) {
	if !finite(float64(a)) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(a))
}

// UnmarshalJSON reads null as never.
func (a *Amount) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*a = Amount(math.Inf(1))
		return nil
	}
	return json.Unmarshal(text, (*float64)(a))
}

// Row is one figure compared.
type Row struct {
	Name    string  `json:"name" jsonschema:"required"`
	Unit    string  `json:"unit,omitempty"`
	Better  string  `json:"better,omitempty"`
	Gates   bool    `json:"gates"`
	Verdict Verdict `json:"verdict" jsonschema:"required"`
	N       int     `json:"n"`
	// Base and Now are the medians; null in JSON where at least half of the runs never had it.
	Base Amount `json:"base_median"`
	Now  Amount `json:"contender_median"`
	// Difference is the median paired difference (of unpaired runs that of the medians) with
	// its interval; null where one side never had the figure.
	Difference *float64    `json:"difference" jsonschema:"oneof_type=number;null"`
	Interval   *[2]float64 `json:"interval" jsonschema:"nullable"`
	// Quantiles are those of both sides where runs are not paired, the median first.
	Quantiles []Quantile `json:"quantiles,omitempty"`
	// Minimum is the smallest difference that counts.
	Minimum float64 `json:"minimum"`
	// P is of a difference, PSame of sameness; both also after the corrections.
	P            float64 `json:"p"`
	Adjusted     float64 `json:"p_adjusted"`
	PSame        float64 `json:"p_same"`
	AdjustedSame float64 `json:"p_same_adjusted"`
	// Points are the pairs, base and contender; of unpaired runs one of them is null.
	Points   [][2]*float64 `json:"points"`
	Line     int           `json:"line,omitempty"`
	Warnings []string      `json:"warnings,omitempty"`
	// Exact says that it is no sample: the probabilities say nothing.
	Exact bool `json:"exact,omitempty"`

	sign   float64 // +1: more is worse
	equal  bool    // every pair has the same value
	median float64 // of the differences, more is worse
	never  [2]int  // runs of each side in which it never happened
	open   bool    // of what is exact: it can't be told
}
