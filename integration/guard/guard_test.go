package guard_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/guard"
	"github.com/shardquake/shardquake/internal/clock"
)

func TestAPanicOfAProcessCancelsTheRunAndIsItsError(t *testing.T) {
	for name, start := range map[string]func(ctx context.Context, g *guard.Clock, f func(context.Context)){
		"a process":      func(ctx context.Context, g *guard.Clock, f func(context.Context)) { g.Go(ctx, "n1", f) },
		"a timer":        func(ctx context.Context, g *guard.Clock, f func(context.Context)) { g.AfterFunc(ctx, 0, "n1", f) },
		"one of a group": func(ctx context.Context, g *guard.Clock, f func(context.Context)) { g.NewGroup().Go(ctx, "n1", f) },
	} {
		t.Run(name, func(t *testing.T) {
			g := guard.New(clock.System())
			ctx, cancel := context.WithCancelCause(t.Context())
			g.OnPanic(cancel)
			start(ctx, g, func(context.Context) { panic("no such disk") })
			select {
			case <-ctx.Done():
			case <-time.After(time.Minute):
				t.Fatal("the run went on")
			}
			require.Error(t, g.Panicked())
			assert.ErrorIs(t, context.Cause(ctx), g.Panicked())
			assert.ErrorContains(t, g.Panicked(), "panic in n1: no such disk")
			assert.ErrorContains(t, g.Panicked(), "guard_test.go", "where it was")
		})
	}
}

func TestTheFirstPanicIsTheOneThatIsTold(t *testing.T) {
	g := guard.New(clock.System())
	assert.NoError(t, g.Panicked())
	assert.NoError(t, g.Guard("fine", func() error { return nil }))
	refused := errors.New("refused")
	assert.ErrorIs(t, g.Guard("refuses", func() error { return refused }), refused)
	assert.NoError(t, g.Panicked(), "an error is no panic")
	assert.Error(t, g.Guard("first", func() error { panic(1) }))
	assert.Error(t, g.Guard("second", func() error { panic(2) }))
	assert.ErrorContains(t, g.Panicked(), "first")
}

func TestARunEndsWhenItsLeasesAreLostAndCanStillCleanUp(t *testing.T) {
	g, lost := guard.New(clock.System()), errors.New("the leases were lost")
	var cleanedUp error
	err := g.Run(t.Context(), func(tell func(error)) { tell(lost) }, func(run, cleanup context.Context) error {
		<-run.Done()
		cleanedUp = cleanup.Err()
		return context.Cause(run)
	})
	assert.ErrorIs(t, err, lost)
	assert.NoError(t, cleanedUp)
}

func TestAPanicIsTheErrorOfARunThatWouldNotSaySo(t *testing.T) {
	g := guard.New(clock.System())
	err := g.Run(t.Context(), func(func(error)) {}, func(run, _ context.Context) error {
		g.Go(run, "n1", func(context.Context) { panic("no such disk") })
		<-run.Done()
		return nil
	})
	assert.ErrorContains(t, err, "panic in n1: no such disk")
}
