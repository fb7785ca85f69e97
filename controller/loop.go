package controller

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

// every calls f at once and then at the intervals that interval gives, until ctx
// ends. The phase is kept: a call that takes long delays no later one, and moments
// that passed meanwhile are left out.
func every(ctx context.Context, clk clock.Clock, interval func() time.Duration, f func(ctx context.Context)) {
	next := clk.Monotonic()
	for ctx.Err() == nil {
		f(ctx)
		step := interval()
		next += step
		if late := clk.Monotonic() - next; late >= 0 {
			next += (late/step + 1) * step
		}
		if clk.Sleep(ctx, next-clk.Monotonic()) != nil {
			return
		}
	}
}
