package explore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// story says what happened in a sentence: the faults, what they brought about, what was seen
// of the cluster's health, and what did not hold.
func story(res *scenarios.Result, claim int) string {
	h := res.History
	var faults []string
	for _, f := range h.Faults {
		text := named(f) + " at " + brief(f.At)
		if d := f.Params.Lasts(); d > 0 {
			text += " for " + units.FormatDuration(d)
		}
		faults = append(faults, text)
	}
	what := "Without any fault"
	if len(faults) > 0 {
		what = "With " + strings.Join(faults, ", then ")
	}
	if events := happened(h); events != "" {
		what += ", " + events
	}
	what += ", " + health(h)
	for _, o := range res.Outcomes {
		if o.Verdict == scenarios.Fail && o.Line == claim+1 {
			return what + ", and \"" + o.Name + "\" does not hold: " + o.Reason + figures(o) + "."
		}
	}
	return what + "."
}

// named is a fault with those that it struck.
func named(f *chaos.Record) string {
	if len(f.Victims) == 0 {
		return f.Kind
	}
	return f.Kind + " of " + strings.Join(f.Victims, " and ")
}

// event is something of a run that a person would tell: what, of which, where.
type event struct {
	at time.Duration
	// one and many have a %s where those stand to which it happened at the moment.
	one, many string
	of        string
}

// mostEvents bounds those that a sentence tells.
const mostEvents = 4

// happened tells what came of the faults: which copies were promoted or came from a node's
// disk, who became master, which recoveries failed, what a controller did.
func happened(h *observed.History) string {
	events := slices.Concat(rises(h), masters(h), failures(h), actions(h))
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	var texts []string
	for i := 0; i < len(events); {
		same := i + 1
		for same < len(events) && events[same].at == events[i].at && events[same].one == events[i].one {
			same++
		}
		var of []string
		for _, e := range events[i:same] {
			if !slices.Contains(of, e.of) {
				of = append(of, e.of)
			}
		}
		what := events[i].one
		if len(of) > 1 {
			what = events[i].many
		}
		text := fmt.Sprintf(what, listed(of)) + " at " + brief(events[i].at) + meanwhile(h, events[i].at)
		texts = append(texts, text)
		i = same
	}
	if more := len(texts) - mostEvents; more > 0 {
		texts = append(texts[:mostEvents], fmt.Sprintf("%d more such things happened", more))
	}
	return strings.Join(texts, ", ")
}

// listed are names in a sentence, the first of many.
func listed(names []string) string {
	const shown = 3
	if more := len(names) - shown; more > 0 {
		return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", more)
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// meanwhile says which faults were in force at a moment.
func meanwhile(h *observed.History, at time.Duration) string {
	var in []string
	for _, f := range h.Faults {
		if f.Injected && f.At <= at && (f.HealedAt < 0 || f.HealedAt > at) && !chaos.ForGood(f.Params) {
			in = append(in, "the "+named(f))
		}
	}
	switch len(in) {
	case 0:
		return ""
	case 1:
		return " while " + in[0] + " was in force"
	}
	return " while " + listed(in) + " were in force"
}

// rises are the copies that became primaries.
func rises(h *observed.History) []event {
	type known struct{ node, id string }
	primaries := map[observed.ShardKey]known{}
	seen := map[string]bool{} // ids of copies that were replicas
	var out []event
	for _, o := range h.Observations {
		copies, is := o.Sight.(observed.Copies)
		if !is {
			continue
		}
		for _, c := range copies {
			k := observed.ShardKey{Index: c.Index, Shard: c.Shard}
			was, before := primaries[k]
			switch {
			case c.Node == "":
			case !c.Primary:
				seen[c.ID] = true
			case before && o.At > 0 && was.id != c.ID && seen[c.ID]:
				out = append(out, event{o.At, "the copy of %s was promoted", "the copies of %s were promoted", shardName(k) + " on " + c.Node})
			case before && o.At > 0 && was.id != c.ID && c.State == "INITIALIZING" && c.Reason != "":
				out = append(out, event{o.At, "the primary of %s came back from disk", "the primaries of %s came back from disk", shardName(k) + " on " + c.Node})
			}
			if c.Primary && c.Node != "" {
				primaries[k] = known{c.Node, c.ID}
			}
		}
	}
	return out
}

func shardName(k observed.ShardKey) string { return fmt.Sprintf("%s[%d]", k.Index, k.Shard) }

// masters are those who were elected in the run.
func masters(h *observed.History) []event {
	var out []event
	last := ""
	for _, o := range h.Observations {
		m, is := o.Sight.(observed.Members)
		if !is || m.Master == "" {
			continue
		}
		if last != "" && m.Master != last && o.At > 0 {
			out = append(out, event{o.At, "%s became master", "%s became master", m.Master})
		}
		last = m.Master
	}
	return out
}

// failures are the recoveries that came to nothing.
func failures(h *observed.History) []event {
	var out []event
	for _, r := range h.LastRecoveries() {
		if r.Failed && r.Stop > 0 {
			out = append(out, event{r.Stop, "the recovery of %s failed", "the recoveries of %s failed", shardName(observed.ShardKey{Index: r.Index, Shard: r.Shard}) + " to " + r.To})
		}
	}
	return out
}

// actions are what controllers did.
func actions(h *observed.History) []event {
	var out []event
	for _, d := range h.Decisions {
		if d.Acted && !d.Shadow && d.At > 0 {
			who := d.Controller
			if who == "" {
				who = "the controller"
			}
			out = append(out, event{d.At, who + " decided %s", who + " decided %s", d.Decided})
		}
	}
	return out
}

// health says how long the cluster was in which state.
func health(h *observed.History) string {
	total := map[string]time.Duration{}
	for _, span := range h.HealthSpans() {
		total[span.Status] += span.To - span.From
	}
	var parts []string
	for _, status := range []string{"red", "yellow"} {
		if d := total[status]; d > 0 {
			parts = append(parts, status+" for "+brief(d))
		}
	}
	if len(parts) == 0 {
		return "the cluster is green throughout"
	}
	return "the cluster is " + strings.Join(parts, " and ")
}

// figures are an outcome's numbers, where it has them.
func figures(o scenarios.Outcome) string {
	if o.Observed == nil || o.Limit == nil {
		return ""
	}
	return fmt.Sprintf(" (%s, where %s is the limit)", reports.Amount(*o.Observed, o.Unit), reports.Amount(*o.Limit, o.Unit))
}

// brief is a time to the tenth of a second.
func brief(d time.Duration) string { return units.FormatDuration(d.Round(100 * time.Millisecond)) }
