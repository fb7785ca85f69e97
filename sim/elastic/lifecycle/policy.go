package lifecycle

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Phases are the phases of a policy that the model has, in the order of an index's life.
var Phases = []string{"hot", "warm", "cold", "delete"}

// Actions are the actions of each phase that the model carries out, in Elasticsearch's order.
var Actions = map[string][]string{
	"hot":    {"set_priority", "rollover", "readonly", "forcemerge"},
	"warm":   {"set_priority", "readonly", "migrate", "allocate", "forcemerge"},
	"cold":   {"set_priority", "readonly", "migrate", "allocate"},
	"delete": {"delete"},
}

// Complete is the action of an index that has done all that its phase asks for.
const Complete = "complete"

// Age is how old an index is for its policy: since its rollover where there was one, else
// since it was made, or since the date that its settings name.
func Age(m *state.Index, now time.Time) time.Duration {
	return now.Sub(time.UnixMilli(Since(m)).UTC())
}

// Since is from when an index's age counts, in milliseconds since 1970.
func Since(m *state.Index) int64 {
	if at := settings.IndexLifecycleOriginate.Get(m.Settings); at >= 0 {
		return at
	}
	if n := len(m.Rollovers); n > 0 {
		return m.Rollovers[n-1].AtMillis
	}
	return m.CreationDate
}

// Next is the phase that an index enters which has done all of its phase; nil: it is not old
// enough for another.
func Next(p *state.Policy, at *state.Lifecycle, age time.Duration) *state.Phase {
	from := 0
	if at != nil {
		from = slices.Index(Phases, at.Phase) + 1
	}
	for _, name := range Phases[from:] {
		if ph := p.Phase(name); ph != nil {
			if age >= ph.MinAge {
				return ph
			}
			return nil
		}
	}
	return nil
}

// Action is the action of a phase that an index is at, or nil where it has done them all.
func Action(ph *state.Phase, name string) *state.PhaseAction {
	for i := range ph.Actions {
		if ph.Actions[i].Name == name {
			return &ph.Actions[i]
		}
	}
	return nil
}

// After is the name of the action behind another, [Complete] behind the last; the first
// behind "".
func After(ph *state.Phase, name string) string {
	at := slices.IndexFunc(ph.Actions, func(a state.PhaseAction) bool { return a.Name == name }) + 1
	if at >= len(ph.Actions) {
		return Complete
	}
	return ph.Actions[at].Name
}

// TierOf is the tier preference that a phase migrates to: its own tier, and what is nearest
// where no node has it.
func TierOf(phase string) string {
	if phase == "cold" {
		return "data_cold,data_warm,data_hot"
	}
	return "data_warm,data_hot"
}

// PolicyOf is the policy that an index or template is under; "" none.
func PolicyOf(s settings.Settings) string {
	name, _ := s.Get("index.lifecycle.name")
	return name
}
