package compare

import (
	"fmt"

	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/reports/stats"
)

// Quantile is one of both sides' distributions: the base's, then the contender's.
type Quantile struct {
	Of    float64   `json:"of" jsonschema:"required"`
	Sides [2]Spread `json:"sides" jsonschema:"required"`
}

// Spread is a quantile with its interval, for which nothing is assumed of the distribution.
type Spread struct {
	// Value is null in JSON where so many runs never had the figure.
	Value Amount `json:"value"`
	// Interval is null where there are too few runs for one, or it reaches into never.
	Interval *[2]float64 `json:"interval" jsonschema:"nullable"`
}

// confidence is that of a quantile's interval.
const confidence = 0.95

// quantilesOf are the median and the value that nine of ten runs are not above.
func quantilesOf(was, is []float64) []Quantile {
	var out []Quantile
	for _, of := range [...]float64{0.5, 0.9} {
		q := Quantile{Of: of}
		for i, values := range [][]float64{was, is} {
			q.Sides[i].Value = Amount(stats.Quantile(values, of))
			if lo, hi, ok := stats.QuantileInterval(values, of, confidence); ok {
				q.Sides[i].Interval = &[2]float64{score.Round(lo), score.Round(hi)}
			}
		}
		out = append(out, q)
	}
	return out
}

// Name is how a quantile is called.
func (q Quantile) Name() string {
	if q.Of == 0.5 {
		return "median"
	}
	return fmt.Sprintf("%g %% of runs", 100*q.Of)
}

// words are a quantile's value and interval.
func (s Spread) words(unit string) string {
	return amount(float64(s.Value), unit) + " " + s.between(unit)
}

func (s Spread) between(unit string) string {
	if s.Interval == nil {
		return "(too few runs for an interval)"
	}
	return fmt.Sprintf("(%s … %s)", amount(s.Interval[0], unit), amount(s.Interval[1], unit))
}
