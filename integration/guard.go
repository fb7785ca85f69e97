package integration

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

// guardedClock is the machine's clock whose processes do not take the program down when
// they panic: containers would stay behind. The first panic cancels the run and becomes
// its error.
type guardedClock struct {
	clock.Clock

	mu     sync.Mutex
	cancel context.CancelCauseFunc
	err    error
}

func newGuardedClock(c clock.Clock) *guardedClock { return &guardedClock{Clock: c} }

// onPanic sets what a panic cancels.
func (g *guardedClock) onPanic(cancel context.CancelCauseFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cancel = cancel
}

// panicked is the first panic as an error, nil when there was none.
func (g *guardedClock) panicked() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// guard runs f and turns a panic into an error that cancels the run.
func (g *guardedClock) guard(name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %v\n%s", name, p, debug.Stack())
			g.report(err)
		}
	}()
	return f()
}

func (g *guardedClock) report(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	if g.cancel != nil {
		g.cancel(err)
	}
}

// process makes a process of f that may panic.
func (g *guardedClock) process(name string, f func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		g.guard(name, func() error { f(ctx); return nil }) //nolint:errcheck // reported
	}
}

// Go implements [clock.Clock].
func (g *guardedClock) Go(parent context.Context, name string, f func(context.Context)) {
	g.Clock.Go(parent, name, g.process(name, f))
}

// AfterFunc implements [clock.Clock].
func (g *guardedClock) AfterFunc(parent context.Context, d time.Duration, name string, f func(context.Context)) clock.Timer {
	return g.Clock.AfterFunc(parent, d, name, g.process(name, f))
}

// NewGroup implements [clock.Clock].
func (g *guardedClock) NewGroup() clock.Group { return guardedGroup{g.Clock.NewGroup(), g} }

type guardedGroup struct {
	clock.Group
	guard *guardedClock
}

// Go implements [clock.Group].
func (g guardedGroup) Go(parent context.Context, name string, f func(context.Context)) {
	g.Group.Go(parent, name, g.guard.process(name, f))
}
