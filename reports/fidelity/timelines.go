package fidelity

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/scenarios/recorded"
)

// RunsOfTimeline takes the runs that a timeline's scenario repeats out of a recording.
func RunsOfTimeline(r *Recording, t recorded.Timeline) ([]Run, error) {
	if r.ID != t.ID {
		return nil, fmt.Errorf("recording %s does not hold %s", r.ID, t.Scenario)
	}
	reps := r.Of(t.Variant)
	if t.Reps != nil {
		var some []Rep
		for i, rep := range reps {
			if slices.Contains(t.Reps, i) {
				some = append(some, rep)
			}
		}
		reps = some
	}
	if len(reps) == 0 {
		return nil, fmt.Errorf("recording %s has no repetition of variant %q", r.ID, t.Variant)
	}
	return RunsOf(reps, FromForce)
}

// Condense takes the runs of every timeline out of recordings, in the timelines' order.
func Condense(all []*Recording) ([]Labelled, error) {
	var out []Labelled
	for _, t := range recorded.Timelines() {
		i := slices.IndexFunc(all, func(r *Recording) bool { return r.ID == t.ID })
		if i < 0 {
			return nil, fmt.Errorf("there is no recording %s", t.ID)
		}
		runs, err := RunsOfTimeline(all[i], t)
		if err != nil {
			return nil, err
		}
		for _, run := range runs {
			out = append(out, Labelled{t.Scenario, run})
		}
	}
	return out, nil
}
