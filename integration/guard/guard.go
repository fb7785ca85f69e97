// Package guard keeps a panic of one process of a real run from taking the program down
// with what it has started.
package guard

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

// Clock is the machine's clock whose processes do not take the program down when they
// panic: containers and nodes would stay behind. The first panic cancels the run and
// becomes its error.
type Clock struct {
	clock.Clock

	mu     sync.Mutex
	cancel context.CancelCauseFunc
	err    error
}

// New guards a clock.
func New(c clock.Clock) *Clock { return &Clock{Clock: c} }

// OnPanic sets what a panic cancels.
func (g *Clock) OnPanic(cancel context.CancelCauseFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cancel = cancel
}

// Panicked is the first panic as an error, nil when there was none.
func (g *Clock) Panicked() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Guard runs f and turns a panic into an error that cancels the run.
func (g *Clock) Guard(name string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic in %s: %v\n%s", name, p, debug.Stack())
			g.report(err)
		}
	}()
	return f()
}

// Run is a run's main process: a panic of any process ends it, and so does what onLost tells,
// such as the loss of the leases on what is in force. A panic is its error.
func (g *Clock) Run(ctx context.Context, onLost func(tell func(error)), main func(run, cleanup context.Context) error) error {
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g.OnPanic(cancel)
	onLost(cancel)
	err := g.Guard("main", func() error { return main(run, context.WithoutCancel(ctx)) })
	if panicked := g.Panicked(); panicked != nil {
		return panicked
	}
	return err
}

func (g *Clock) report(err error) {
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
func (g *Clock) process(name string, f func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		g.Guard(name, func() error { f(ctx); return nil }) //nolint:errcheck // reported
	}
}

// Go implements [clock.Clock].
func (g *Clock) Go(parent context.Context, name string, f func(context.Context)) {
	g.Clock.Go(parent, name, g.process(name, f))
}

// AfterFunc implements [clock.Clock].
func (g *Clock) AfterFunc(parent context.Context, d time.Duration, name string, f func(context.Context)) clock.Timer {
	return g.Clock.AfterFunc(parent, d, name, g.process(name, f))
}

// NewGroup implements [clock.Clock].
func (g *Clock) NewGroup() clock.Group { return group{g.Clock.NewGroup(), g} }

type group struct {
	clock.Group
	guard *Clock
}

// Go implements [clock.Group].
func (g group) Go(parent context.Context, name string, f func(context.Context)) {
	g.Group.Go(parent, name, g.guard.process(name, f))
}
