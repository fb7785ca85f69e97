package reports

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// traceLine is one line of trace.jsonl: when, what kind, and the thing itself.
type traceLine struct {
	At   time.Duration `json:"-"`
	AtS  float64       `json:"at_s"`
	Kind string        `json:"kind"`
	Data any           `json:"data"`
}

// tracerLine is a followed write; what is usual is left out.
type tracerLine struct {
	LatencyMs float64        `json:"latency_ms"`
	Result    string         `json:"result"`
	Cause     observed.Cause `json:"cause,omitempty"`
	Node      string         `json:"n,omitempty"`
	Requests  int            `json:"requests,omitempty"`
}

func furtherThanOne(n int) int {
	if n > 1 {
		return n
	}
	return 0
}

// traceHead is the first line of trace.jsonl: which format and what wrote it. It is left
// out of trace_sha256, or no two versions could be told to behave the same.
type traceHead struct {
	Kind    string        `json:"kind"`
	Schema  string        `json:"schema"`
	Version version.Build `json:"version"`
	// Scenario, Backend and Seed say whose trace it is.
	Scenario string `json:"scenario"`
	Backend  string `json:"backend"`
	Seed     uint64 `json:"seed"`
}

// TraceHead is the first line of a run's trace.jsonl.
func TraceHead(r *Report) ([]byte, error) {
	text, err := json.Marshal(traceHead{"head", TraceSchema, r.Version, r.Scenario, r.Backend, r.Seed})
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	return append(text, '\n'), nil
}

// Trace is the text of trace.jsonl after its head: everything observed, done and decided, in order
// of time; what happened at the same moment in the order observations, faults,
// decisions, log, clients.
func Trace(res *scenarios.Result) ([]byte, error) {
	h := res.History
	var lines []traceLine
	add := func(at time.Duration, kind string, data any) {
		lines = append(lines, traceLine{at, secs(at), kind, data})
	}
	for _, o := range h.Observations {
		add(o.At, o.Sight.SightKind(), o.Sight)
	}
	for _, f := range h.Faults {
		add(f.At, "fault", f)
		if f.HealedAt >= 0 {
			add(f.HealedAt, "healed", map[string]any{"kind": f.Kind, "gone": f.Gone})
		}
	}
	for _, d := range h.Decisions {
		add(d.At, "decision", d)
	}
	for _, l := range res.LogLines {
		add(l.At, "log", l.Text)
	}
	for _, op := range h.Tracers.Operations {
		add(op.At, "tracer", tracerLine{float64(op.Latency.Microseconds()) / 1000, op.Result, op.Cause, op.Node, furtherThanOne(op.Requests)})
	}
	slices.SortStableFunc(lines, func(a, b traceLine) int { return cmp.Compare(a.At, b.At) })
	var out bytes.Buffer
	for _, l := range lines {
		text, err := json.Marshal(l)
		if err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
		out.Write(text)
		out.WriteByte('\n')
	}
	return out.Bytes(), nil
}
