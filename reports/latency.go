package reports

import (
	"time"

	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// NodeLatency is what operations took on one node, in milliseconds, before the cluster
// was looked after and after it: in the first and in the last tenth of the time from t=0
// until faults and load end. Null where it was not observed.
type NodeLatency struct {
	Node      string   `json:"node"`
	BeforeMs  *float64 `json:"before_ms" jsonschema:"oneof_type=number;null"` // mean
	AfterMs   *float64 `json:"after_ms" jsonschema:"oneof_type=number;null"`
	BeforeP99 *float64 `json:"before_p99_ms" jsonschema:"oneof_type=number;null"`
	AfterP99  *float64 `json:"after_p99_ms" jsonschema:"oneof_type=number;null"`
}

// latenciesOf follows what operations took on each node; nil when it was never observed.
func latenciesOf(h *observed.History) []NodeLatency {
	frames := h.NodeLoads()
	var out []NodeLatency
	known := false
	for i, name := range h.Nodes {
		mean := func(from, to time.Duration, of func(*observed.NodeLoad) float64) *float64 {
			return meanWithin(frames, i, from, to, of)
		}
		ms := func(l *observed.NodeLoad) float64 { return l.MeanMs }
		p99 := func(l *observed.NodeLoad) float64 { return l.P99Ms }
		l := NodeLatency{
			Node: name, BeforeMs: mean(0, h.End/10, ms), AfterMs: mean(h.End-h.End/10, h.End, ms),
			BeforeP99: mean(0, h.End/10, p99), AfterP99: mean(h.End-h.End/10, h.End, p99),
		}
		known = known || l.BeforeMs != nil || l.AfterMs != nil
		out = append(out, l)
	}
	if !known {
		return nil
	}
	return out
}

// meanWithin is the mean over a stretch of time of what is known of a node; a zero is not
// known.
func meanWithin(frames []observed.LoadFrame, node int, from, to time.Duration, of func(*observed.NodeLoad) float64) *float64 {
	area, held := 0.0, 0.0
	for i, f := range frames {
		until := to
		if i+1 < len(frames) {
			until = min(to, frames[i+1].At)
		}
		span := (until - max(f.At, from)).Seconds()
		if span <= 0 || f.Loads[node] == nil || of(f.Loads[node]) == 0 {
			continue
		}
		area += of(f.Loads[node]) * span
		held += span
	}
	if held == 0 {
		return nil
	}
	return ptr(score.Round(area / held))
}
