package gameday

import (
	"time"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/scenarios"
)

// toolkit is the record in the shape of Chaos Toolkit's journal: hypothesis, method, hypothesis,
// rollbacks. What the toolkit's own readers need is there; what it has no place for stays in
// [FileRecord].
func (r *Record) toolkit(res *scenarios.Result) map[string]any {
	stamp := func(at time.Duration) string { return r.Began.Add(at).Format("2006-01-02T15:04:05.000000") }
	var method, run, rollbacks []any
	for i, a := range r.Plan.Actions {
		provider := map[string]any{"type": "python", "module": "shardquake", "func": a.Kind, "arguments": a.Fault}
		method = append(method, map[string]any{"type": "action", "name": a.Kind, "provider": provider})
		if i >= len(res.History.Faults) {
			continue
		}
		f := res.History.Faults[i]
		status := "succeeded"
		if !f.Injected {
			status = "failed"
		}
		run = append(run, map[string]any{"activity": method[i], "output": f.Victims, "status": status, "start": stamp(f.At), "end": stamp(f.InForce), "duration": (f.InForce - f.At).Seconds()})
		if f.HealedAt >= 0 {
			rollbacks = append(rollbacks, map[string]any{"activity": map[string]any{"type": "action", "name": "undo " + a.Kind}, "status": "succeeded", "start": stamp(f.HealedAt), "end": stamp(f.HealedAt), "duration": 0.0})
		}
	}
	var probes []any
	met := true
	for _, o := range r.outcomes {
		met = met && o.Verdict == scenarios.Pass
		probes = append(probes, map[string]any{"activity": map[string]any{"type": "probe", "name": o.Name}, "output": o.Verdict, "status": "succeeded", "tolerance_met": o.Verdict == scenarios.Pass})
	}
	status := "completed"
	switch {
	case r.Halt != nil:
		status = "interrupted"
	case !met:
		status = "failed"
	}
	return map[string]any{
		"chaoslib-version": "1.0.0", "platform": "shardquake " + version.Current().String(), "node": r.Plan.Backend,
		"experiment": map[string]any{
			"version": "1.0.0", "title": r.Plan.Scenario, "description": r.Plan.Hypothesis, "method": method, "rollbacks": []any{},
			"steady-state-hypothesis": map[string]any{"title": r.Plan.Hypothesis, "probes": []any{}},
		},
		"start": stamp(0), "end": stamp(time.Duration(r.Took * float64(time.Second))), "duration": r.Took,
		"status": status, "deviated": !met,
		"steady_states": map[string]any{
			"before": map[string]any{"steady_state_met": true, "probes": []any{}},
			"after":  map[string]any{"steady_state_met": met, "probes": probes}, "during": []any{},
		},
		"run": run, "rollbacks": rollbacks,
	}
}
