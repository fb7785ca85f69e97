package kv

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// FailoverWithin expects that in no range writes fail for longer, as long as a majority of
// the nodes is well. The limit and the bound that follows from the cluster's settings
// both count.
type FailoverWithin struct {
	Limit   units.Duration `yaml:"failover-within" jsonschema:"required"`
	AtLeast int            `yaml:"of-at-least,omitempty" jsonschema:"description=fewer new primaries leave the verdict unknown; default 1"`
}

const (
	// clientSlack is how much longer a client may see an outage than the shard has been
	// without a primary: an attempt under way, a pause, a look for the new primary.
	clientSlack = 4 * time.Second
	// leastTracers of a range are needed to see its outages.
	leastTracers = 5
)

// Kind implements [scenarios.Expectation].
func (*FailoverWithin) Kind() string { return "failover-within" }

// Complete implements [scenarios.Completer].
func (e *FailoverWithin) Complete(*scenarios.Scenario) { e.AtLeast = cmp.Or(e.AtLeast, 1) }

// Check implements [scenarios.Expectation].
func (e *FailoverWithin) Check(s *scenarios.Scenario) []source.Problem {
	if e.Limit <= 0 {
		return []source.Problem{source.Problemf("failover-within", "the expectation has no limit; expected a time such as 30s")}
	}
	if b := FailoverBound(s.Cluster.KV); b > e.Limit.D() {
		return []source.Problem{source.Problemf("failover-within", "with the heartbeat and threshold of this cluster a failover may take %s", b)}
	}
	tracers := slices.ContainsFunc(s.Workload, func(w scenarios.LoadSection) bool { return *w.Tracers > 0 && w.Level != "all" })
	if !tracers {
		return []source.Problem{source.Problemf("failover-within", "no workload writes tracers, so no outage would show")}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *FailoverWithin) Judge(h *observed.History) []scenarios.Outcome {
	const name = "failover"
	if SeenBy(h) == nil || SeenBy(h).Settings.Heartbeat == 0 {
		return []scenarios.Outcome{scenarios.Undecided(name, "the cluster's settings were not seen at the end")}
	}
	bound := failover.Bound(&SeenBy(h).Settings, failover.Usual())
	limit := min(e.Limit.D(), bound+clientSlack)
	worst, at, in, blind := worstOutage(h)
	changes := len(failovers(h))
	o := scenarios.WithinLimit(name, worst, limit, at, fmt.Sprintf(
		"the longest time without an acknowledged write while a majority was well: %s in range %d until %s; the bound by the settings is %s and %s for clients to notice; %d new primaries",
		worst.Round(time.Millisecond), in, at.Round(time.Millisecond), bound, clientSlack, changes))
	switch {
	case o.Verdict == scenarios.Fail:
	case blind >= 0:
		o.Verdict, o.Reason = scenarios.Unknown, fmt.Sprintf("range %d had fewer than %d tracers; %s", blind, leastTracers, o.Reason)
	case changes < e.AtLeast:
		o.Idle = true
		o.Verdict, o.Reason = scenarios.Unknown, fmt.Sprintf("too few new primaries to mean anything (at least %d): %s", e.AtLeast, o.Reason)
	}
	return []scenarios.Outcome{o}
}

// worstOutage is the longest stretch without an acknowledged tracer in a range, in which
// nothing struck or healed and a majority of the nodes was well; it ended at a moment.
// Blind is a range without enough tracers, or -1.
func worstOutage(h *observed.History) (worst, at time.Duration, in, blind int) {
	acked := make(map[int][]time.Duration)
	ranges := 0
	for _, t := range SeenBy(h).Tracers {
		ranges = max(ranges, t.Range+1)
		if t.Outcome == check.Done {
			acked[t.Range] = append(acked[t.Range], t.End)
		}
	}
	blind = -1
	turns := turnsOf(h)
	for i := range ranges {
		ends := append(acked[i], h.End)
		slices.Sort(ends)
		if len(acked[i]) < leastTracers && blind < 0 {
			blind = i
		}
		since := time.Duration(0)
		for _, end := range ends {
			if d, until := longestCalm(turns, since, end); d > worst {
				worst, at, in = d, until, i
			}
			since = end
		}
	}
	return worst, at, in, blind
}

// WorstOutage is the longest time in which, while a majority of the nodes was well, a range of
// a key-value cluster had no acknowledged write; false where too little was written to tell.
func WorstOutage(h *observed.History) (time.Duration, bool) {
	if SeenBy(h) == nil || len(SeenBy(h).Tracers) == 0 {
		return 0, false
	}
	worst, _, _, blind := worstOutage(h)
	return worst, blind < 0
}

// turn is a moment at which faults begin or end, and whether a majority of the nodes is
// well from then on.
type turn struct {
	at   time.Duration
	well bool
}

// turnsOf are the turns of a run, in order.
func turnsOf(h *observed.History) []turn {
	out := []turn{{0, true}}
	var moments []time.Duration
	for _, f := range h.Faults {
		if f.Injected {
			moments = append(moments, f.At)
			if f.HealedAt >= 0 {
				moments = append(moments, f.HealedAt)
			}
		}
	}
	slices.SortFunc(moments, cmp.Compare[time.Duration])
	for _, m := range slices.Compact(moments) {
		out = append(out, turn{m, majorityAt(h, m)})
	}
	return out
}

// majorityAt reports whether at a moment the faults leave a majority of the nodes to each
// other.
func majorityAt(h *observed.History, at time.Duration) bool {
	var ill []string
	for _, f := range h.Faults {
		if !f.Injected || f.At > at || f.HealedAt >= 0 && f.HealedAt <= at {
			continue
		}
		if !chaos.KindOf(f.Kind).Ails {
			continue
		}
		var nodes []string
		for _, v := range f.Victims {
			if slices.Contains(h.Nodes, v) {
				nodes = append(nodes, v)
			}
		}
		if _, cut := f.Params.(*chaos.Partition); cut && 2*len(nodes) > len(h.Nodes) {
			continue // the victims are the majority
		}
		ill = append(ill, nodes...)
	}
	slices.Sort(ill)
	return 2*len(slices.Compact(ill)) < len(h.Nodes)
}

// longestCalm is the longest part of a stretch of time without a turn, with a majority
// well; and its end.
func longestCalm(turns []turn, from, to time.Duration) (longest, until time.Duration) {
	for i, t := range turns {
		end := to
		if i+1 < len(turns) {
			end = min(end, turns[i+1].at)
		}
		if d := end - max(t.at, from); t.well && d > longest {
			longest, until = d, end
		}
	}
	return longest, until
}
