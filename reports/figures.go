package reports

import (
	figure "github.com/shardquake/shardquake/reports/quantity"
)

// Figure is a number of a run by which it can be compared.
type Figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
}

// Figures are all that a run has: what its expectations observed, then the quantities of the
// table. What did not happen or was not observed is absent.
func Figures(r *Report) []Figure {
	var out []Figure
	for _, e := range r.Expectations {
		if e.Observed != nil {
			out = append(out, Figure{e.Name, e.Unit, *e.Observed})
		}
	}
	of := scored(r)
	for _, q := range figure.Table() {
		if v := of[q.Name]; v != nil {
			out = append(out, Figure{q.Name, q.Unit, *v})
		}
	}
	return out
}

// scored are the quantities of the table, nil where they were not observed.
func scored(r *Report) map[string]*float64 {
	rec := r.Scores.Recovery
	out := map[string]*float64{
		figure.TimeToDetect: rec.TimeToDetectS, figure.TimeToYellow: rec.TimeToYellowS, figure.TimeToGreen: rec.TimeToGreenS,
		figure.Red: &rec.RedS, figure.Yellow: &rec.YellowS, figure.Actions: ptr(float64(r.Control.Actions)),
		figure.P99Latency: r.Scores.Clients.P99Ms,
	}
	if rec.BytesMoved != nil {
		out[figure.BytesCopied] = ptr(float64(*rec.BytesMoved))
	}
	if m := r.Scores.Movement; m != nil {
		out[figure.Moves], out[figure.RedundantMoves] = ptr(float64(m.Moves)), ptr(float64(m.RedundantMoves))
		out[figure.Thrash] = ptr(float64(m.Thrash))
	}
	if b := r.Scores.Balance.Shards; b != nil {
		out[figure.FinalCV], out[figure.WorstCV], out[figure.AverageCV] = &b.Final.CV, &b.Worst.CV, &b.AverageCV
	}
	if t := r.Scores.Clients.Tracers; t.Attempted > 0 {
		out[figure.FailedWrites] = ptr(float64(t.Failed + t.Unknown))
	}
	return out
}

// Amount writes a figure with its unit.
func Amount(v float64, unit string) string {
	if unit == "b" && v < 0 {
		return "-" + quantity(ptr(-v), unit)
	}
	return quantity(&v, unit)
}
