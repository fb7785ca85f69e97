package kv

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// CopiesConverge expects that all copies of each shard are equal when all is healed.
type CopiesConverge struct {
	At string `yaml:"copies-converge" jsonschema:"required,enum=end"`
}

// Kind implements [scenarios.Expectation].
func (*CopiesConverge) Kind() string { return "copies-converge" }

// Check implements [scenarios.Expectation].
func (e *CopiesConverge) Check(*scenarios.Scenario) []source.Problem {
	return checkWord("copies-converge", e.At, "end")
}

// checkWord verifies the only word that a field may have.
func checkWord(field, got, want string) []source.Problem {
	if got != want {
		return []source.Problem{source.Problemf(field, "%s", source.Unknown("moment", got, []string{want}))}
	}
	return nil
}

// Judge implements [scenarios.Expectation].
func (e *CopiesConverge) Judge(h *observed.History) []scenarios.Outcome {
	const name = "equal copies"
	if SeenBy(h) == nil || SeenBy(h).Copies.Shards == 0 {
		return []scenarios.Outcome{scenarios.Undecided(name, "the copies were not looked at")}
	}
	c := SeenBy(h).Copies
	saw := fmt.Sprintf("%d copies of %d shards with %d items compared", c.Copies, c.Shards, c.Items)
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(float64(len(c.Differing))), Limit: scenarios.Number(0), Margin: scenarios.Number(float64(-len(c.Differing))), Reason: saw}
	switch {
	case len(c.Differing) > 0:
		o.Verdict, o.Reason = scenarios.Fail, strings.Join(c.Differing, "; ")+"; "+saw
	case len(c.Silent) > 0:
		o.Verdict, o.Reason = scenarios.Unknown, "without an answer: "+strings.Join(c.Silent, "; ")+"; "+saw
	case c.Copies < 2 || c.Items == 0:
		o.Verdict, o.Reason = scenarios.Unknown, "too little to compare: "+saw
	}
	return []scenarios.Outcome{o}
}

// RangesTile expects of every shard map that its ranges tile the key space, and that each
// follows from the one before.
type RangesTile struct {
	When    string `yaml:"ranges-tile" jsonschema:"required,enum=always"`
	AtLeast int    `yaml:"of-at-least,omitempty" jsonschema:"description=fewer maps leave the verdict unknown; default 2"`
}

// Kind implements [scenarios.Expectation].
func (*RangesTile) Kind() string { return "ranges-tile" }

// Complete implements [scenarios.Completer].
func (e *RangesTile) Complete(*scenarios.Scenario) { e.AtLeast = cmp.Or(e.AtLeast, 2) }

// Check implements [scenarios.Expectation].
func (e *RangesTile) Check(*scenarios.Scenario) []source.Problem {
	return checkWord("ranges-tile", e.When, "always")
}

// Judge implements [scenarios.Expectation].
func (e *RangesTile) Judge(h *observed.History) []scenarios.Outcome {
	const name = "ranges tile the keys"
	known := make(map[uint64]Ranges)
	var last *shardmap.Map
	var revision uint64
	fails := func(at time.Duration, format string, args ...any) []scenarios.Outcome {
		return []scenarios.Outcome{{Name: name, Verdict: scenarios.Fail, At: scenarios.Seconds(at), Reason: fmt.Sprintf(format, args...)}}
	}
	for _, o := range h.Observations {
		r, ok := o.Sight.(Ranges)
		if !ok {
			continue
		}
		if was, ok := known[r.Revision]; ok {
			if !reflect.DeepEqual(was.Shards, r.Shards) {
				return fails(o.At, "%s and %s know different maps of revision %d: %v and %v", was.Node, r.Node, r.Revision, was.Shards, r.Shards)
			}
			continue
		}
		known[r.Revision] = r
		m, err := shardmap.FromShards(r.Version, r.Shards)
		if err != nil {
			return fails(o.At, "the map of revision %d: %v", r.Revision, err)
		}
		if r.Revision < revision {
			continue
		}
		if last != nil {
			if err := shardmap.CheckStep(last, m); err != nil {
				return fails(o.At, "from revision %d to %d: %v", revision, r.Revision, err)
			}
		}
		last, revision = m, r.Revision
	}
	if len(known) < e.AtLeast {
		return []scenarios.Outcome{scenarios.Undecided(name, "%d maps were seen, at least %d are needed", len(known), e.AtLeast)}
	}
	return []scenarios.Outcome{{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(0), Limit: scenarios.Number(0), Margin: scenarios.Number(0),
		Reason: fmt.Sprintf("%d maps, each of which tiles the keys and follows from the one before; the last has %d shards", len(known), last.Len())}}
}

// OnePrimaryPerEpoch expects that nobody acts as the primary of a shard in an epoch in
// which somebody else does or did.
type OnePrimaryPerEpoch struct {
	When    string `yaml:"one-primary-per-epoch" jsonschema:"required,enum=always"`
	AtLeast int    `yaml:"of-at-least,omitempty" jsonschema:"description=fewer new primaries after t=0 leave the verdict unknown; default 1"`
}

// Kind implements [scenarios.Expectation].
func (*OnePrimaryPerEpoch) Kind() string { return "one-primary-per-epoch" }

// Complete implements [scenarios.Completer].
func (e *OnePrimaryPerEpoch) Complete(*scenarios.Scenario) { e.AtLeast = cmp.Or(e.AtLeast, 1) }

// Check implements [scenarios.Expectation].
func (e *OnePrimaryPerEpoch) Check(*scenarios.Scenario) []source.Problem {
	return checkWord("one-primary-per-epoch", e.When, "always")
}

// Judge implements [scenarios.Expectation].
func (e *OnePrimaryPerEpoch) Judge(h *observed.History) []scenarios.Outcome {
	const name = "one primary for each epoch"
	type epoch struct {
		shard string
		epoch uint64
	}
	acted := make(map[epoch]Acting)
	after := 0
	for _, o := range h.Observations {
		a, ok := o.Sight.(Acting)
		if !ok {
			continue
		}
		key := epoch{a.Shard, a.Epoch}
		was, known := acted[key]
		if known && (was.Node != a.Node || was.Life != a.Life) {
			return []scenarios.Outcome{{Name: name, Verdict: scenarios.Fail, At: scenarios.Seconds(o.At),
				Reason: fmt.Sprintf("%s (process %d) and %s (process %d) both acted as the primary of %s in epoch %d", was.Node, was.Life, a.Node, a.Life, a.Shard, a.Epoch)}}
		}
		if acted[key] = a; !known && o.At > 0 {
			after++
		}
	}
	saw := fmt.Sprintf("%d epochs with a primary, %d of them begun after t=0", len(acted), after)
	if after < e.AtLeast {
		return []scenarios.Outcome{scenarios.Idled(name, "too few to mean anything (at least %d): %s", e.AtLeast, saw)}
	}
	return []scenarios.Outcome{{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(0), Limit: scenarios.Number(0), Margin: scenarios.Number(0), Reason: saw}}
}

// Refused expects that no write at a level is acknowledged while a fault is in force, and
// that they are refused instead: the client is told, and nothing is done.
type Refused struct {
	Level   string `yaml:"refused" jsonschema:"required,enum=all,enum=quorum"`
	Of      string `yaml:"of" jsonschema:"required,description=a kind of fault"`
	AtLeast int    `yaml:"of-at-least,omitempty" jsonschema:"description=fewer refused writes leave the verdict unknown; default 10"`
}

// noticeWithin is after how long a primary knows that a copy doesn't take part.
const noticeWithin = 5 * time.Second

// Kind implements [scenarios.Expectation].
func (*Refused) Kind() string { return "refused" }

// Complete implements [scenarios.Completer].
func (e *Refused) Complete(*scenarios.Scenario) { e.AtLeast = cmp.Or(e.AtLeast, 10) }

// Check implements [scenarios.Expectation].
func (e *Refused) Check(s *scenarios.Scenario) []source.Problem {
	ps := expectations.CheckFaultRef(s, e.Of, 1)
	if e.Level != "all" && e.Level != "quorum" {
		ps = append(ps, source.Problemf("refused", "%s", source.Unknown("level", e.Level, []string{"all", "quorum"})))
	}
	return ps
}

// Judge implements [scenarios.Expectation].
func (e *Refused) Judge(h *observed.History) []scenarios.Outcome {
	name := "writes at " + e.Level + " refused"
	if SeenBy(h) == nil {
		return []scenarios.Outcome{scenarios.Undecided(name, "no clients of a key-value cluster were seen")}
	}
	level, _ := wireLevel(e.Level)
	acked, refused, open := 0, 0, 0
	first := ""
	count := func(what string, start, end time.Duration, o check.Outcome) {
		if !inForce(h, e.Of, start, end) {
			return
		}
		switch o {
		case check.Done:
			if acked++; first == "" {
				first = fmt.Sprintf("%s from %s to %s", what, start, end)
			}
		case check.Refused:
			refused++
		default:
			open++
		}
	}
	for i := range SeenBy(h).Ops {
		if o := &SeenBy(h).Ops[i]; o.Kind == check.Write && o.Level == level {
			count(o.String(), time.Duration(o.Start), time.Duration(o.End), o.Outcome)
		}
	}
	for _, t := range SeenBy(h).Tracers {
		if t.Level == level {
			count("tracer "+t.Key, t.Start, t.End, t.Outcome)
		}
	}
	o := scenarios.Outcome{Name: name, Verdict: scenarios.Pass, Observed: scenarios.Number(float64(acked)), Limit: scenarios.Number(0), Margin: scenarios.Number(float64(-acked)),
		Reason: fmt.Sprintf("while the fault was in force %d were refused, %d acknowledged, of %d the outcome is unknown", refused, acked, open)}
	switch {
	case acked > 0:
		o.Verdict, o.Reason = scenarios.Fail, "acknowledged: "+first+"; "+o.Reason
	case refused < e.AtLeast:
		o.Verdict, o.Reason = scenarios.Unknown, fmt.Sprintf("too few refusals to mean anything (at least %d): %s", e.AtLeast, o.Reason)
	}
	return []scenarios.Outcome{o}
}

// inForce reports whether a fault of a kind was in force, and could be known to be,
// during all of an operation.
func inForce(h *observed.History, kind string, start, end time.Duration) bool {
	for _, f := range h.Faults {
		if f.Kind == kind && f.Injected && start >= f.At+noticeWithin && (f.HealedAt < 0 || end <= f.HealedAt) {
			return true
		}
	}
	return false
}
