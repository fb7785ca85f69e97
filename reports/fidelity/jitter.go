package fidelity

import (
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// Phase of the periodic timers: how far the faults of simulated runs are moved, at most.
// The first covers the longest period that hangs on the cluster's start (looks at the
// disks every 10 s), the second the search for peers every second.
const (
	latest  = 10 * time.Second
	longest = time.Second
)

// Moved is a scenario at the scale of real runs, to be run as it is, with its faults moved
// for run i of n so that the runs cover the phases of the cluster's periodic timers
// (checks, looks at the disks, searches for peers) evenly. Simulated, the first steady
// state comes at nearly the same phase with every seed; and for real, what begins with a
// fault, such as the search for peers, is always in the same phase when it heals.
func Moved(s *scenarios.Loaded, i, n int) (*scenarios.Loaded, error) {
	s, err := s.Drawn(s.Seed) // what is compared has the same values on both sides
	if err != nil {
		return nil, err
	}
	scaled, _ := s.Scaled(scenarios.AsReal)
	plan, later, err := spread(scaled.Faults, i, n)
	if err != nil {
		return nil, err
	}
	moved := *scaled
	moved.Duration += units.Duration(later)
	moved.Workload = append([]scenarios.LoadSection(nil), scaled.Workload...)
	if len(scaled.Faults) > 0 {
		for k := range moved.Workload {
			if moved.Workload[k].From > 0 {
				moved.Workload[k].From += plan.Entries[0].At - scaled.Faults[0].At
			}
		}
	}
	moved.Faults = plan.Entries
	out := *s
	out.Scenario = &moved
	return &out, nil
}

// spread moves every fault by run i's share of the longest period, and lets those that
// end last up to a second longer.
func spread(entries []chaos.Entry, i, n int) (chaos.Plan, time.Duration, error) {
	var plan chaos.Plan
	by := time.Duration(float64(latest) * (float64(i) + 0.5) / float64(n)).Round(time.Millisecond)
	// The golden ratio scatters the second over the first.
	part := float64(i+1) * 0.6180339887498949
	stretch := time.Duration(float64(longest) * (part - float64(int(part)))).Round(time.Millisecond)
	for _, e := range entries {
		moved := e
		if e.Trigger == nil {
			moved.At += units.Duration(by)
		}
		if d := e.Fault.Lasts(); d > 0 {
			f, err := chaos.Lasting(e.Fault, d+stretch)
			if err != nil {
				return plan, 0, err
			}
			moved.Fault = f
		}
		plan.Entries = append(plan.Entries, moved)
	}
	return plan, by + stretch, nil
}
