package expectations

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// ThrashAtMost bounds the moves that undo or repeat an earlier one (see [observed.History.Thrash]).
type ThrashAtMost struct {
	Limit int `yaml:"thrash-at-most" jsonschema:"required,minimum=0"`
}

// Kind implements [scenarios.Expectation].
func (*ThrashAtMost) Kind() string { return "thrash-at-most" }

// Check implements [scenarios.Expectation].
func (e *ThrashAtMost) Check(*scenarios.Scenario) []source.Problem {
	if e.Limit < 0 {
		return []source.Problem{source.Problemf("thrash-at-most", "a number of moves can't be negative")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *ThrashAtMost) Judge(h *observed.History) []scenarios.Outcome {
	const name = "thrash"
	if !slices.ContainsFunc(h.Observations, func(o observed.Observation) bool { _, is := o.Sight.(observed.Copies); return is }) {
		return []scenarios.Outcome{scenarios.Undecided(name, "where copies lie was not observed")}
	}
	n := h.Thrash()
	return []scenarios.Outcome{atMost(name, float64(n), float64(e.Limit), "", fmt.Sprintf("%d of %d moves undid or repeated an earlier one", n, len(h.Moves())))}
}

// atMost judges a figure against the most that it may be.
func atMost(name string, seen, limit float64, unit, reason string) scenarios.Outcome {
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Unit: unit, Observed: scenarios.Number(seen), Limit: scenarios.Number(limit), Margin: scenarios.Number(limit - seen), Reason: reason}
	if seen > limit {
		o.Verdict = scenarios.Fail
	}
	return o
}

// RecoveriesAtOnce bounds the copies that one node takes from others at one time. Of each
// recovery the last sight counts.
type RecoveriesAtOnce struct {
	Limit int `yaml:"recoveries-at-once" jsonschema:"required,minimum=1"`
}

// Kind implements [scenarios.Expectation].
func (*RecoveriesAtOnce) Kind() string { return "recoveries-at-once" }

// Check implements [scenarios.Expectation].
func (e *RecoveriesAtOnce) Check(*scenarios.Scenario) []source.Problem {
	if e.Limit < 1 {
		return []source.Problem{source.Problemf("recoveries-at-once", "a cluster could never recover with %d at a time; expected a number from 1 on", e.Limit)}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *RecoveriesAtOnce) Judge(h *observed.History) []scenarios.Outcome {
	most, at, node := 0, time.Duration(0), ""
	all := h.LastRecoveries()
	for i, r := range all {
		if r.Start < 0 {
			continue // the first placement
		}
		n := 1
		for _, o := range all[:i] {
			if o.To == r.To && (o.Stop == 0 || o.Stop > r.Start) {
				n++
			}
		}
		if n > most {
			most, at, node = n, r.Start, r.To
		}
	}
	const name = "recoveries at once"
	if most == 0 {
		return []scenarios.Outcome{scenarios.Idled(name, "nothing was copied from node to node")}
	}
	o := atMost(name, float64(most), float64(e.Limit), "", fmt.Sprintf("%s took %d copies from others at one time", node, most))
	o.At = scenarios.Seconds(at)
	return []scenarios.Outcome{o}
}

// BytesCopied bounds the bytes that recoveries copy between nodes from t=0 on: copies that
// come back in time are brought up to date by operations.
type BytesCopied struct {
	Limit units.Size `yaml:"bytes-copied-at-most" jsonschema:"required"`
}

// Kind implements [scenarios.Expectation].
func (*BytesCopied) Kind() string { return "bytes-copied-at-most" }

// Check implements [scenarios.Expectation].
func (e *BytesCopied) Check(*scenarios.Scenario) []source.Problem {
	if e.Limit < 0 {
		return []source.Problem{source.Problemf("bytes-copied-at-most", "a size can't be negative")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *BytesCopied) Judge(h *observed.History) []scenarios.Outcome {
	var bytes int64
	n := 0
	for _, r := range h.LastRecoveries() {
		if r.Start >= 0 {
			bytes += r.Bytes
			n++
		}
	}
	if n == 0 {
		return []scenarios.Outcome{scenarios.Idled("bytes copied", "nothing was copied from node to node")}
	}
	return []scenarios.Outcome{atMost("bytes copied", float64(bytes), float64(e.Limit), "b", fmt.Sprintf("%d recoveries copied %s between nodes", n, units.FormatBytes(bytes)))}
}
