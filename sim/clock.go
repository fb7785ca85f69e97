package sim

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

var _ clock.Clock = (*Clock)(nil)

// Clock is one node's clock in virtual time.
type Clock struct {
	e      *Engine
	node   string
	made   Time
	offset time.Duration // of the wall clock
	killed bool
	procs  []*Process // in the order in which they were started
}

// Clock is the clock of a node, the same object at every call until it is killed;
// then a new one, for the node's next life.
func (e *Engine) Clock(node string) *Clock {
	if c, ok := e.clocks[node]; ok {
		return c
	}
	c := &Clock{e: e, node: node, made: e.now}
	e.clocks[node] = c
	return c
}

// Node is the name of the clock's node.
func (c *Clock) Node() string { return c.node }

// Engine is the clock's engine.
func (c *Clock) Engine() *Engine { return c.e }

// Jump moves the node's wall clock by d. Monotonic time and waiting don't change.
func (c *Clock) Jump(d time.Duration) { c.offset += d }

// Kill stops the clock's processes, in the order in which they were started.
// Whatever is asked of this clock afterwards has no effect; where an error can be
// returned, it is ErrStopped.
func (c *Clock) Kill() {
	if c.killed {
		return
	}
	c.killed = true
	if c.e.clocks[c.node] == c {
		delete(c.e.clocks, c.node)
	}
	for _, p := range append([]*Process(nil), c.procs...) {
		p.Stop()
	}
}

// Killed reports whether the clock was killed.
func (c *Clock) Killed() bool { return c.killed }

// dead reports whether what the caller asks for must have no effect.
func (c *Clock) dead() bool {
	return c.killed || (c.e.running != nil && c.e.running.stopped)
}

func (c *Clock) adopt(p *Process) { c.procs = append(c.procs, p) }

func (c *Clock) disown(p *Process) { c.procs = without(c.procs, p) }

// Now implements clock.Clock.
func (c *Clock) Now() time.Time { return c.e.Wall().Add(c.offset) }

// Monotonic implements clock.Clock.
func (c *Clock) Monotonic() time.Duration { return c.e.now.Sub(c.made) }

// Sleep implements clock.Clock.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if c.killed && (c.e.running == nil || !c.e.running.stopped) {
		return ErrStopped
	}
	return c.e.sleep(ctx, d)
}

// AfterFunc implements clock.Clock.
func (c *Clock) AfterFunc(parent context.Context, d time.Duration, name string, f func(ctx context.Context)) clock.Timer {
	if c.dead() {
		return Timer{}
	}
	return c.e.After(d, name, func() {
		if !c.killed && parent.Err() == nil {
			c.e.launch(c, parent, name, f)
		}
	})
}

// Go implements clock.Clock.
func (c *Clock) Go(parent context.Context, name string, f func(ctx context.Context)) {
	c.Start(parent, name, f)
}

// Start is Go for those who want to look after the process. It returns nil on a
// killed clock.
func (c *Clock) Start(parent context.Context, name string, f func(ctx context.Context)) *Process {
	if c.dead() {
		return nil
	}
	return c.e.launch(c, parent, name, f)
}

// WithTimeout implements clock.Clock. On a killed clock the context has ended
// already.
func (c *Clock) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if c.dead() {
		return c.ended(parent)
	}
	return c.e.withTimeout(parent, d, c.Now().Add(d))
}

// WithCancel implements clock.Clock. On a killed clock the context has ended
// already.
func (c *Clock) WithCancel(parent context.Context) (context.Context, context.CancelFunc) {
	if c.dead() {
		return c.ended(parent)
	}
	return c.e.WithCancel(parent)
}

// WithoutCancel implements clock.Clock.
func (c *Clock) WithoutCancel(parent context.Context) context.Context { return WithoutCancel(parent) }

func (c *Clock) ended(parent context.Context) (context.Context, context.CancelFunc) {
	return &cancelContext{e: c.e, parent: parent, err: context.Canceled}, func() {}
}

// NewEvent implements clock.Clock.
func (c *Clock) NewEvent() clock.Event { return c.e.NewEvent() }

// NewGroup implements clock.Clock.
func (c *Clock) NewGroup() clock.Group { return &group{c: c} }

// NewMutex implements clock.Clock.
func (c *Clock) NewMutex() clock.Mutex { return &mutex{e: c.e} }

// Rand implements clock.Clock: the stream of this name and this node.
func (c *Clock) Rand(name string) *rand.Rand { return c.e.Stream(name, c.node) }
