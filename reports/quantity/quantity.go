// Package quantity says of a figure by which runs are compared which way is better, and which
// difference is worth speaking of. The table of those that every run has is reports.ScoreKinds.
package quantity

import "github.com/shardquake/shardquake/internal/units"

// Better says which way a figure improves.
type Better int

// The ways.
const (
	Neither Better = iota // a difference is neither good nor bad by itself
	Lower
	Higher
)

// Quantity is a figure that runs have.
type Quantity struct {
	Name   string
	Unit   string // s, ms, b for bytes, "" for a count or a ratio
	Better Better
	// Minimum is the smallest difference that is called one, unless the scenario says another.
	Minimum units.Tolerance
	// Gates is whether a change for the worse makes the comparison worse; the others are told.
	Gates bool
	// Never is whether a run that lacks it did worse than any that has it: the cluster was
	// never green again.
	Never bool
}

// The names that reports fill in.
const (
	TimeToDetect   = "time to detect"
	TimeToYellow   = "time to yellow"
	TimeToGreen    = "time to green"
	BytesCopied    = "bytes copied"
	Red            = "red"
	Yellow         = "yellow"
	Moves          = "moves"
	RedundantMoves = "redundant moves"
	Thrash         = "thrash"
	Actions        = "controller actions"
	FinalCV        = "final cv of shards"
	WorstCV        = "worst cv of shards"
	AverageCV      = "average cv of shards"
	P99Latency     = "p99 latency"
	FailedWrites   = "followed writes that failed"
)

// OfExpectation is the quantity that an expectation observed. Lower is better where it has a
// limit from above.
func OfExpectation(name, unit string, better Better) Quantity {
	q := Quantity{Name: name, Unit: unit, Better: better, Gates: true}
	switch unit {
	case "s":
		q.Minimum = units.Tolerance{Relative: 0.02, Absolute: 0.1}
	case "ms":
		q.Minimum = units.Tolerance{Relative: 0.05, Absolute: 0.5}
	case "b":
		q.Minimum = units.Tolerance{Relative: 0.02, Absolute: 1 << 20}
	default:
		q.Minimum = units.Tolerance{Relative: 0.02, Absolute: 0.005}
	}
	return q
}
