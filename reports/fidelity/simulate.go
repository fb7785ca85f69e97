package fidelity

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// Runner runs a scenario once; *scenarios.Runner is one.
type Runner interface {
	Run(ctx context.Context, s *scenarios.Loaded, opt scenarios.Options) (*scenarios.Result, error)
}

// Simulate runs a scenario with every seed, at the scale of real runs, its faults spread
// over the phases of the cluster's timers. newRunner makes a runner on the simulator.
func Simulate(ctx context.Context, s *scenarios.Loaded, seeds []uint64, newRunner func() (Runner, error)) ([]Run, error) {
	scaled, _ := s.Scaled(scenarios.AsReal)
	out := make([]Run, len(seeds))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0)) //determinism:allow machine runs share nothing: how many go at once changes nothing
	for i, seed := range seeds {
		group.Go(func() error {
			runner, err := newRunner()
			if err != nil {
				return err
			}
			plan, later, err := Spread(scaled.Faults, i, len(seeds))
			if err != nil {
				return err
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
			res, err := runner.Run(ctx, &scenarios.Loaded{Scenario: &moved, File: s.File, Text: s.Text}, scenarios.Options{Seed: seed, Scale: scenarios.AsDescribed})
			if err != nil {
				return fmt.Errorf("seed %d: %w", seed, err)
			}
			if res.Aborted != nil {
				return fmt.Errorf("seed %d: %w", seed, res.Aborted)
			}
			out[i] = Quantities(res, fmt.Sprintf("seed %d", seed))
			return nil
		})
	}
	return out, group.Wait()
}
