package fidelity

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// sameMoment is how close two marks must be to open one phase.
const sameMoment = 500 * time.Millisecond

// phaseStart is the name of the phase of a run without faults.
const phaseStart = "start"

// mark opens a phase.
type mark struct {
	name string
	at   time.Duration
	// zero is what times of the phase count from: the moment when what was done was in
	// force. That is later than at where doing it took its time (a container killed, a
	// disk filled) and the cluster could not notice before.
	zero    time.Duration
	victims []string
}

// span is a phase's time.
type span struct {
	mark
	until time.Duration
}

// marksOf lists what was done to a cluster: faults as they struck and as they were
// healed while the run went on. What is healed only to end the run opens no phase.
func marksOf(h *observed.History) []mark {
	var marks []mark
	for _, f := range h.Faults {
		if !f.Injected {
			continue
		}
		m := mark{f.Kind, f.At, f.At, f.Victims}
		if chaos.KindOf(f.Kind).FromForce {
			m.zero = max(f.At, f.InForce)
		}
		marks = append(marks, m)
		if f.HealedAt >= 0 && f.HealedAt < h.End && !chaos.ForGood(f.Params) {
			marks = append(marks, mark{f.Kind + " healed", f.HealedAt, f.HealedAt, nil})
		}
	}
	if len(marks) == 0 {
		return []mark{{name: phaseStart}}
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return cmp.Compare(a.at, b.at) })
	var out []mark
	times := make(map[string]int)
	for _, m := range marks {
		if n := len(out); n > 0 && m.at-out[n-1].at < sameMoment && m.name == out[n-1].name {
			continue
		}
		out = append(out, m)
	}
	for i := range out {
		times[out[i].name]++
		if n := times[out[i].name]; n > 1 {
			out[i].name = fmt.Sprintf("%s #%d", out[i].name, n)
		}
	}
	return out
}

// spansOf gives each phase its end: the next mark, or the end of the run.
func spansOf(marks []mark, end time.Duration) []span {
	out := make([]span, len(marks))
	for i, m := range marks {
		out[i] = span{m, end}
		if i+1 < len(marks) {
			out[i].until = marks[i+1].at
		}
	}
	return out
}
