package planning

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// Change is the kind of what an operator does to bring the cluster to the changed side.
const Change = "change"

const (
	// longestChange is for how long a change is watched.
	longestChange = 48 * time.Hour
	// betweenDrains is how long after the order the next node's turn comes, if nothing moves.
	betweenDrains = 30 * time.Second
)

// Transition is what a change itself costs: the cluster as it is, changed while it runs.
type Transition struct {
	Changes []string `json:"changes"`
	// Untold are changes of which that is not known, and why.
	Untold []string `json:"cost_not_known,omitempty"`
	// Steps are what is done, in words; none: there is nothing to simulate.
	Steps []string `json:"steps"`
	Cost  *Way     `json:"cost,omitempty"`
	Ways  []Way    `json:"ways,omitempty"` // of draining several nodes, or one, at several speeds
	Best  int      `json:"best"`           // of Ways: the fastest that is safe; -1: none is
}

// Way is one way of making a change, and what it costs.
type Way struct {
	Order string `json:"order"`
	Speed string `json:"speed,omitempty"` // indices.recovery.max_bytes_per_sec
	Moves Figure `json:"moves"`
	Bytes Figure `json:"bytes"`
	Took  Figure `json:"took"` // until nothing moves any more
	Disk  Figure `json:"peak_disk"`
	CPU   Figure `json:"peak_cpu"`
	Safe  bool   `json:"safe"`
	// Reason is why it isn't, or that nothing spoke against it.
	Reason string `json:"reason"`
}

// way is how a change is made.
type way struct {
	order, speed string
	entries      []chaos.Entry
}

// transition finds out what the changes cost; nil where there are none.
func (c *Config) transition(ctx context.Context, b *bench, asItIs *side, changes []change) (*Transition, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	out := &Transition{Steps: []string{}, Best: -1}
	var steps []chaos.Fault
	var before []func(*scenarios.Scenario) error
	leaves, untold := 0, 0
	for _, x := range changes {
		out.Changes = append(out.Changes, x.text)
		if x.untold != "" {
			out.Untold = append(out.Untold, x.text+": "+x.untold)
			untold++
		}
		if x.before != nil {
			before = append(before, x.before)
		}
		steps, leaves = append(steps, x.steps...), leaves+len(x.leaves)
	}
	if untold == len(changes) {
		return out, nil
	}
	for _, f := range steps {
		out.Steps = append(out.Steps, stepWords(f))
	}
	ways := waysOf(steps, leaves, asItIs.loaded.Scenario)
	for i, w := range ways {
		s, err := asItIs.changing(w, before)
		if err != nil {
			return nil, err
		}
		if err := b.run(ctx, "the change itself", s.cells(c.Seeds, nil)); err != nil {
			return out, err
		}
		got := s.way(w)
		if i == 0 {
			out.Cost = &got
		}
		if len(ways) > 1 {
			out.Ways = append(out.Ways, got)
		}
	}
	for i := range out.Ways {
		if w := &out.Ways[i]; w.Safe && (out.Best < 0 || *w.Took.Value < *out.Ways[out.Best].Took.Value) {
			out.Best = i
		}
	}
	return out, nil
}

// stepWords is a step for people.
func stepWords(f chaos.Fault) string {
	switch f := f.(type) {
	case *chaos.SettingsChange:
		var parts []string
		for k, v := range f.Set {
			parts = append(parts, k+"="+v)
		}
		slices.Sort(parts)
		text := "set " + strings.Join(parts, ", ")
		if f.Index != "" {
			text += " of " + f.Index
		}
		return text
	case *chaos.NodeJoin:
		return "start " + f.Node
	case *chaos.Drain:
		return "drain " + string(f.Node)
	case *chaos.DeleteIndex:
		return "delete " + f.Index
	}
	return f.Kind()
}

// waysOf are how the steps can be made: at once, and where nodes are drained also one after
// another, each at the speed that is set and at faster ones.
func waysOf(steps []chaos.Fault, leaves int, sc *scenarios.Scenario) []way {
	at := func(entries []chaos.Entry, f chaos.Fault) []chaos.Entry {
		return append(entries, chaos.Entry{At: units.Duration(strikesAt), Fault: f})
	}
	var once, turns []chaos.Entry
	drained := false
	for _, f := range steps {
		once = at(once, f)
		if _, is := f.(*chaos.Drain); !is || !drained {
			turns = at(turns, f)
			drained = drained || is
			continue
		}
		turns = append(turns, chaos.Entry{Fault: f, Trigger: &chaos.Trigger{After: &chaos.After{Struck: "drain", By: units.Duration(betweenDrains)}, When: "steady"}})
	}
	orders := []way{{order: "at once", entries: once}}
	if leaves > 1 {
		orders = append(orders, way{order: "one node after another", entries: turns})
	}
	if leaves == 0 || sc.System != chaos.Elasticsearch {
		return orders
	}
	const key = "indices.recovery.max_bytes_per_sec"
	now := settings.RecoveryMaxBytesPerSec.Get(settings.Of(es.EffectiveSettings(sc)))
	var out []way
	for _, o := range orders {
		for _, times := range []int64{1, 2, 4} {
			w := o
			w.speed = units.FormatBytes(now*times) + "/s"
			if times > 1 {
				set := &chaos.SettingsChange{Set: map[string]string{key: fmt.Sprintf("%db", now*times)}}
				w.entries = append([]chaos.Entry{{At: units.Duration(strikesAt), Fault: set}}, o.entries...)
			}
			out = append(out, w)
		}
	}
	return out
}

// changing is the side that runs a change: what objectives say of disks and processors at all
// times must hold meanwhile, and nothing may be red.
func (s *side) changing(w way, before []func(*scenarios.Scenario) error) (*side, error) {
	out := *s
	loaded := *s.loaded
	var failed error
	for _, f := range before {
		loaded.Amend(func(sc *scenarios.Scenario) {
			if err := f(sc); err != nil {
				failed = err
			}
		})
	}
	out.loaded, out.runs, out.label = &loaded, nil, "the change"
	out.losses, out.steps, out.objectives = []Loss{{Kind: Change, Name: w.order + " " + w.speed}}, w.entries, nil
	for _, o := range s.objectives {
		if o.key == "disk-below" || o.key == "cpu-below" {
			o.kinds = []string{Change}
			out.objectives = append(out.objectives, o)
		}
	}
	return &out, failed
}

// way is what the runs of a change came to: the worst of all seeds.
func (s *side) way(w way) Way {
	m := s.measured(0, &Config{})
	out := Way{Order: w.order, Speed: w.speed, Moves: m.Moves, Bytes: m.Bytes, Disk: m.PeakDisk, CPU: m.PeakCPU, Safe: true, Reason: "nothing was red, and every objective was met meanwhile"}
	took, bytes, red := []*float64{}, []*float64{}, time.Duration(0)
	for _, r := range s.runs[0] {
		took, bytes, red = append(took, r.Seen.Took), append(bytes, r.Seen.Bytes), max(red, r.Seen.RedFor)
	}
	out.Took, out.Bytes = figure(percentile(took, 1), "s", s.tags.times), figure(percentile(bytes, 0.5), "b", s.tags.bytes)
	switch {
	case out.Took.Value == nil:
		out.Safe, out.Reason = false, fmt.Sprintf("it did not come to rest within %s: %s", longestChange, m.Tells())
	case red > 0:
		out.Safe, out.Reason = false, fmt.Sprintf("something was red for %s", red.Round(time.Millisecond))
	}
	for i := range s.objectives {
		if j := s.judged(i); j.Verdict != scenarios.Pass {
			out.Safe, out.Reason = false, j.Name+": "+j.Reason
		}
	}
	return out
}

// await has losses of an imported cluster strike when the change that it began with has come to
// rest: it is not made afresh, and moves copies from the first moment on.
func (s *side) await(t *Transition) {
	if t == nil || t.Cost == nil || s.loaded.Imported() == nil {
		return
	}
	if t.Cost.Took.Value == nil {
		s.notes = append(s.notes, "the change did not come to rest while it was watched; losses strike in the midst of it")
		return
	}
	took := time.Duration(*t.Cost.Took.Value * float64(time.Second))
	s.strikes = (took + took/4 + strikesAt).Round(time.Minute) + strikesAt
}
