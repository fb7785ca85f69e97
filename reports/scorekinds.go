package reports

import (
	figure "github.com/shardquake/shardquake/reports/quantity"

	"github.com/shardquake/shardquake/internal/units"
)

// ScoreKind is a quantity by which any two runs are compared, and where a report has it.
type ScoreKind struct {
	figure.Quantity
	// Of is its value in a report; nil where it did not happen or was not observed.
	Of func(*Report) *float64
}

// ScoreKinds are all of them, in the order in which reports show them. A new one is an entry here:
// comparisons, tolerances in scenario files and histories ask this table.
func ScoreKinds() []ScoreKind {
	seconds, counts, cv := units.Tolerance{Relative: 0.02, Absolute: 0.1}, units.Tolerance{Relative: 0.02, Absolute: 0.5}, units.Tolerance{Relative: 0.02, Absolute: 0.005}
	recovery := func(of func(Recovery) *float64) func(*Report) *float64 {
		return func(r *Report) *float64 { return of(r.Scores.Recovery) }
	}
	return []ScoreKind{
		{figure.Quantity{Name: figure.TimeToDetect, Unit: "s", Better: figure.Lower, Minimum: seconds, Gates: true, Never: true}, recovery(func(r Recovery) *float64 { return r.TimeToDetectS })},
		{figure.Quantity{Name: figure.TimeToYellow, Unit: "s", Better: figure.Lower, Minimum: seconds, Gates: true, Never: true}, recovery(func(r Recovery) *float64 { return r.TimeToYellowS })},
		{figure.Quantity{Name: figure.TimeToGreen, Unit: "s", Better: figure.Lower, Minimum: seconds, Gates: true, Never: true}, recovery(func(r Recovery) *float64 { return r.TimeToGreenS })},
		{figure.Quantity{Name: figure.BytesCopied, Unit: "b", Better: figure.Lower, Minimum: units.Tolerance{Relative: 0.02, Absolute: 1 << 20}}, recovery(func(r Recovery) *float64 {
			if r.BytesMoved == nil {
				return nil
			}
			return ptr(float64(*r.BytesMoved))
		})},
		{figure.Quantity{Name: figure.Red, Unit: "s", Better: figure.Lower, Minimum: seconds, Gates: true}, recovery(func(r Recovery) *float64 { return &r.RedS })},
		{figure.Quantity{Name: figure.Yellow, Unit: "s", Better: figure.Lower, Minimum: seconds}, recovery(func(r Recovery) *float64 { return &r.YellowS })},
		{figure.Quantity{Name: figure.Moves, Better: figure.Lower, Minimum: counts, Gates: true}, ofMovement(func(m *Movement) int { return m.Moves })},
		{figure.Quantity{Name: figure.RedundantMoves, Better: figure.Lower, Minimum: counts}, ofMovement(func(m *Movement) int { return m.RedundantMoves })},
		{figure.Quantity{Name: figure.Thrash, Better: figure.Lower, Minimum: counts, Gates: true}, ofMovement(func(m *Movement) int { return m.Thrash })},
		{figure.Quantity{Name: figure.Actions, Minimum: counts}, func(r *Report) *float64 { return ptr(float64(r.Control.Actions)) }},
		{figure.Quantity{Name: figure.FinalCV, Better: figure.Lower, Minimum: cv, Gates: true}, ofShards(func(b *BalanceOverTime) float64 { return b.Final.CV })},
		{figure.Quantity{Name: figure.WorstCV, Better: figure.Lower, Minimum: cv}, ofShards(func(b *BalanceOverTime) float64 { return b.Worst.CV })},
		{figure.Quantity{Name: figure.AverageCV, Better: figure.Lower, Minimum: cv}, ofShards(func(b *BalanceOverTime) float64 { return b.AverageCV })},
		{figure.Quantity{Name: figure.P99Latency, Unit: "ms", Better: figure.Lower, Minimum: units.Tolerance{Relative: 0.05, Absolute: 0.5}}, func(r *Report) *float64 { return r.Scores.Clients.P99Ms }},
		{figure.Quantity{Name: figure.FailedWrites, Better: figure.Lower, Minimum: units.Tolerance{Relative: 0.02, Absolute: 1}, Gates: true}, func(r *Report) *float64 {
			t := r.Scores.Clients.Tracers
			if t.Attempted == 0 {
				return nil
			}
			return ptr(float64(t.Failed + t.Unknown))
		}},
	}
}

// ScoreNames are the names of the table.
func ScoreNames() []string {
	var out []string
	for _, s := range ScoreKinds() {
		out = append(out, s.Name)
	}
	return out
}

// ofMovement is a count of moves; nil where the backend does not tell of moves.
func ofMovement(of func(*Movement) int) func(*Report) *float64 {
	return func(r *Report) *float64 {
		if r.Scores.Movement == nil {
			return nil
		}
		return ptr(float64(of(r.Scores.Movement)))
	}
}

// ofShards is a figure of how evenly shards lay; nil where that was not observed.
func ofShards(of func(*BalanceOverTime) float64) func(*Report) *float64 {
	return func(r *Report) *float64 {
		if r.Scores.Balance.Shards == nil {
			return nil
		}
		return ptr(of(r.Scores.Balance.Shards))
	}
}
