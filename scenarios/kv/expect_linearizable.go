package kv

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kvload"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Linearizable expects of every register that what clients saw could have happened at
// one moment each, between the begin and the end of each operation.
type Linearizable struct {
	Of string `yaml:"linearizable" jsonschema:"required,enum=registers"`
	// Floors below which the verdict is unknown.
	AtLeast  int `yaml:"of-at-least,omitempty" jsonschema:"description=fewer operations leave the verdict unknown; default 200"`
	Overlaps int `yaml:"overlaps,omitempty" jsonschema:"description=fewer operations that overlap another on their key leave the verdict unknown; default 10"`
}

// Kind implements [scenarios.Expectation].
func (*Linearizable) Kind() string { return "linearizable" }

// Complete implements [scenarios.Completer].
func (e *Linearizable) Complete(*scenarios.Scenario) {
	e.AtLeast, e.Overlaps = cmp.Or(e.AtLeast, 200), cmp.Or(e.Overlaps, 10)
}

// Check implements [scenarios.Expectation].
func (e *Linearizable) Check(s *scenarios.Scenario) []source.Problem {
	if e.Of != kvload.Registers {
		return []source.Problem{source.Problemf("linearizable", "%s", source.Unknown("history", e.Of, []string{kvload.Registers}))}
	}
	found, clients := false, 0
	for _, w := range s.Workload {
		if w.KV != kvload.Registers || w.Writes == 0 && w.Reads == 0 {
			continue
		}
		found, clients = true, clients+w.Clients
		if w.Level == "one" || w.ReadLevel == "one" {
			return []source.Problem{source.Problemf("linearizable", "at level one reads may be stale and writes be lost, so nothing of the kind is promised")}
		}
	}
	if !found {
		return []source.Problem{source.Problemf("linearizable", "no workload has registers; expected workload: with kv: registers")}
	}
	if clients == 1 {
		return []source.Problem{source.Problemf("linearizable", "operations of one client never overlap; expected clients: 2 or more")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *Linearizable) Judge(h *observed.History) []scenarios.Outcome {
	const name = "linearizable registers"
	if SeenBy(h) == nil {
		return []scenarios.Outcome{scenarios.Undecided(name, "no clients of a key-value cluster were seen")}
	}
	ops := make([]check.Op, len(SeenBy(h).Ops))
	for i := range ops {
		ops[i] = SeenBy(h).Ops[i].Op
	}
	r := check.Registers(ops, check.Floor{Ops: e.AtLeast, Overlaps: e.Overlaps})
	o := scenarios.Outcome{Name: name, Verdict: verdictOf(r.Verdict), Observed: scenarios.Number(float64(len(r.Violations))), Limit: scenarios.Number(0), Margin: scenarios.Number(float64(-len(r.Violations))),
		Reason: fmt.Sprintf("%d operations on %d keys, of which %d overlapped another; %d new primaries meanwhile", r.Ops, r.Keys, r.Overlaps, len(failovers(h)))}
	switch r.Verdict {
	case check.Fail:
		o.Reason = fmt.Sprintf("%s\n%s", excerpt(r.Violations[0].String()), o.Reason)
		o.Drawing = r.Violations[0].SVG()
	case check.Undecided:
		o.Observed, o.Margin = nil, nil
		o.Reason = r.Why + "; " + o.Reason
	}
	return []scenarios.Outcome{o}
}

// mostShown is how many bytes of a contradiction a reason shows; the drawing shows all.
const mostShown = 3000

func excerpt(s string) string {
	if len(s) <= mostShown {
		return s
	}
	return strings.ToValidUTF8(s[:mostShown], "") + "…"
}

func verdictOf(v check.Verdict) scenarios.Verdict {
	switch v {
	case check.Pass:
		return scenarios.Pass
	case check.Fail:
		return scenarios.Fail
	}
	return scenarios.Unknown
}

// failovers are the moments after t=0 at which another node became the primary of a shard.
func failovers(h *observed.History) []int64 {
	var out []int64
	last := make(map[string]string)
	for _, o := range h.Observations {
		a, ok := o.Sight.(Acting)
		if !ok {
			continue
		}
		if was := last[a.Shard]; o.At > 0 && was != "" && was != a.Node {
			out = append(out, int64(o.At))
		}
		last[a.Shard] = a.Node
	}
	slices.Sort(out)
	return out
}
