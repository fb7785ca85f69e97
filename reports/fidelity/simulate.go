package fidelity

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/shardquake/shardquake/scenarios"
)

// Runner runs a scenario once; *scenarios.Runner is one.
type Runner interface {
	Run(ctx context.Context, s *scenarios.Loaded, opt scenarios.Options) (*scenarios.Result, error)
}

// Simulate runs a scenario with every seed, at the scale of real runs, its faults spread
// over the phases of the cluster's timers. newRunner makes a runner on the simulator.
func Simulate(ctx context.Context, s *scenarios.Loaded, seeds []uint64, newRunner func() (Runner, error)) ([]Run, error) {
	out := make([]Run, len(seeds))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0)) //determinism:allow machine runs share nothing: how many go at once changes nothing
	for i, seed := range seeds {
		group.Go(func() error {
			runner, err := newRunner()
			if err != nil {
				return err
			}
			moved, err := Moved(s, i, len(seeds))
			if err != nil {
				return err
			}
			res, err := runner.Run(ctx, moved, scenarios.Options{Seed: seed, Scale: scenarios.AsDescribed})
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
