package compare

import (
	"github.com/shardquake/shardquake/internal/version"
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

// order ranks verdicts for summing up: the last weighs most.
func (v Verdict) order() int {
	for i, o := range []Verdict{Unchanged, Same, Differs, Better, Undecided, Worse} {
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
	Verdict    Verdict     `json:"verdict" jsonschema:"required,enum=unchanged,enum=same,enum=better,enum=differs,enum=undecided,enum=worse"`
	Base       string      `json:"base" jsonschema:"required"`
	Contenders []Contender `json:"contenders" jsonschema:"required"`
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
	Paired bool   `json:"paired"`
	Runs   [2]int `json:"runs"`
	Equal  int    `json:"equal"`
	// Verdicts compares how often the expectations held.
	Verdicts Held  `json:"verdicts"`
	Rows     []Row `json:"quantities"`
	// Worst is the seed of the pair in which it got worse most; 0 none.
	Worst uint64 `json:"worst_seed,omitempty"`
	// Why is where the traces of that pair part; nil where they are not at hand.
	Why      *divergence.Parting `json:"why,omitempty"`
	Warnings []string            `json:"warnings,omitempty"`
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
}

// Row is one figure compared.
type Row struct {
	Name    string  `json:"name" jsonschema:"required"`
	Unit    string  `json:"unit,omitempty"`
	Better  string  `json:"better,omitempty"`
	Gates   bool    `json:"gates"`
	Verdict Verdict `json:"verdict" jsonschema:"required"`
	N       int     `json:"n"`
	Base    float64 `json:"base_median"`
	Now     float64 `json:"contender_median"`
	// Difference is the median paired difference (of unpaired runs that of the medians) with
	// its interval; null where one side never had the figure.
	Difference *float64    `json:"difference"`
	Interval   *[2]float64 `json:"interval"`
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

	sign   float64 // +1: more is worse
	equal  bool    // every pair has the same value
	median float64 // of the differences, more is worse
}
