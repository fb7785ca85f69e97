package recovery

import (
	"context"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/controller"
)

// lookForPeople finds out, for copies that wait for allocation to be switched on, whether
// somebody is at work: a node that is restarted comes back to its copies, which are not to
// be made anew elsewhere meanwhile.
func (m *Manager) lookForPeople(ctx context.Context, found map[key]Diagnosis) {
	var waiting []key
	m.mu.Lock()
	for _, f := range m.open {
		if d, known := found[f.key]; known && d.Cause == Disabled && d.Scope != scopeIndex {
			waiting = append(waiting, f.key)
		}
	}
	m.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	w, err := m.desk.Work(ctx)
	if err != nil {
		if ctx.Err() == nil {
			m.desk.Warnf(ctx, "[RECOVERY] Error looking for people at work: %v", err)
		}
		for _, k := range waiting {
			delete(found, k) // the next round looks again; until then nothing is done
		}
		return
	}
	for _, k := range waiting {
		d := found[k]
		d.Work, d.Trigger = w, m.desk.Trigger()
		found[k] = d
	}
	if w.Left == 0 && m.desk.Trigger() != controller.TriggerNever && m.desk.Alarm() {
		m.desk.Errorf(ctx, "[ALERT] %s", w.Forgotten())
	}
}

// enable switches allocation on where that is wanted and nobody is at work. A setting of an
// index was made for that index by somebody.
func enable(_ *Fault, d Diagnosis, _ Config) Proposal {
	if d.Scope == scopeIndex {
		return Proposal{Action: Ask, Advice: "index.routing.allocation.enable of this index keeps its copies from being assigned"}
	}
	switch {
	case d.Trigger == "": // of an explanation alone: this is the cure
		return Proposal{Action: EnableAllocation}
	case d.Trigger == controller.TriggerNever:
		return Proposal{Action: Wait, Advice: "left alone, as configured: " + d.Work.String()}
	case d.Work.Left > 0:
		return Proposal{Action: Wait, Advice: fmt.Sprintf("somebody may be at work: %s; left alone until %s at least", d.Work, d.Work.Until.Format(time.TimeOnly))}
	case d.Trigger == controller.TriggerAct && len(d.Work.Shutdown) == 0 && d.Work.Allocation != "":
		return Proposal{Action: EnableAllocation}
	}
	return Proposal{Action: Ask, Advice: d.Work.Forgotten()}
}
