package sim

import (
	"context"
	"time"
)

// Contexts of package context compare deadlines with the machine's clock, wake
// their children in map order and start goroutines for foreign types. Those below
// don't: everything derived by a [Clock] or an [Engine] ends in the order in which
// it was derived.

type (
	processKey struct{}
	cancelKey  struct{}
)

// processContext is the context of a process: its parent's end, its own identity.
type processContext struct {
	parent context.Context
	up     *cancelContext // nearest context of ours above; nil when nothing ends it
	p      *Process
}

func (c *processContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }

func (c *processContext) Done() <-chan struct{} {
	if c.up == nil {
		return nil
	}
	return c.up.Done()
}

func (c *processContext) Err() error {
	if c.up != nil && c.up.err != nil {
		return c.up.err
	}
	if c.p.stopped {
		return context.Canceled
	}
	return nil
}

func (c *processContext) Value(key any) any {
	switch key.(type) {
	case processKey:
		return c.p
	case cancelKey:
		return c.up
	}
	return c.parent.Value(key)
}

// AfterFunc runs f when the context ends. Package context uses it instead of a
// goroutine.
func (c *processContext) AfterFunc(f func()) func() bool {
	if c.up == nil {
		return func() bool { return true }
	}
	return c.up.AfterFunc(f)
}

// cancelContext ends by cancel or at its deadline.
type cancelContext struct {
	e        *Engine
	parent   context.Context
	deadline time.Time // zero when there is none of its own
	timer    Timer
	err      error
	done     chan struct{} // made when somebody asks for it
	onParent *subscription
	subs     subscription // ring of those to be told, in order
}

func (c *cancelContext) Deadline() (time.Time, bool) {
	above, ok := c.parent.Deadline()
	if c.deadline.IsZero() || (ok && above.Before(c.deadline)) {
		return above, ok
	}
	return c.deadline, true
}

func (c *cancelContext) Done() <-chan struct{} {
	if c.done == nil {
		c.done = make(chan struct{}) //determinism:allow channel context.Context demands one; nothing in virtual time waits on it
		if c.err != nil {
			close(c.done) //determinism:allow channel see above
		}
	}
	return c.done
}

func (c *cancelContext) Err() error {
	if c.err != nil {
		return c.err
	}
	return c.parent.Err() // a stopped process
}

func (c *cancelContext) Value(key any) any {
	if _, ok := key.(cancelKey); ok {
		return c
	}
	return c.parent.Value(key)
}

// AfterFunc runs f when the context ends.
func (c *cancelContext) AfterFunc(f func()) func() bool {
	if c.err != nil {
		f()
		return func() bool { return false }
	}
	return c.subscribe(f).remove
}

// cancel ends the context and tells those below, in the order in which they came.
func (c *cancelContext) cancel(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done) //determinism:allow channel for foreign code that polls; ours is told by subscription
	}
	c.timer.Stop()
	c.onParent.remove()
	for s := c.subs.next; s != nil && s != &c.subs; s = c.subs.next {
		s.remove()
		s.f()
	}
}

// subscription is an element of a ring that keeps order and allows removal.
type subscription struct {
	prev, next *subscription
	f          func()
}

func (c *cancelContext) subscribe(f func()) *subscription {
	s := &subscription{f: f}
	c.add(s)
	return s
}

func (c *cancelContext) add(s *subscription) {
	head := &c.subs
	if head.next == nil {
		head.next, head.prev = head, head
	}
	s.prev, s.next = head.prev, head
	head.prev.next = s
	head.prev = s
}

func (s *subscription) remove() bool {
	if s == nil || s.next == nil {
		return false
	}
	s.prev.next, s.next.prev = s.next, s.prev
	s.prev, s.next = nil, nil
	return true
}

// nearest is the next context of ours, upwards from ctx, whose end is ctx's end. It
// panics on a context that package context made cancellable: its end comes from
// outside virtual time.
func nearest(ctx context.Context) *cancelContext {
	switch c := ctx.(type) {
	case *cancelContext:
		return c
	case *processContext:
		return c.up
	}
	up, _ := ctx.Value(cancelKey{}).(*cancelContext)
	done := ctx.Done()
	if done == nil && up == nil {
		return nil
	}
	if up == nil || up.Done() != done {
		panic("sim: this context can end outside virtual time; derive it by WithTimeout or WithCancel of the clock")
	}
	return up
}

func (e *Engine) derive(parent context.Context) *cancelContext {
	c := &cancelContext{e: e, parent: parent}
	up := nearest(parent)
	if up != nil && up.err != nil {
		c.err = up.err
		return c
	}
	if up != nil {
		c.onParent = up.subscribe(func() { c.cancel(up.err) })
	}
	return c
}

// WithCancel is context.WithCancel for contexts in virtual time.
func (e *Engine) WithCancel(parent context.Context) (context.Context, context.CancelFunc) {
	c := e.derive(parent)
	return c, func() { c.cancel(context.Canceled) }
}

// WithTimeout is context.WithTimeout in virtual time.
func (e *Engine) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return e.withTimeout(parent, d, e.Wall().Add(d))
}

func (e *Engine) withTimeout(parent context.Context, d time.Duration, deadline time.Time) (context.Context, context.CancelFunc) {
	c := e.derive(parent)
	c.deadline = deadline
	switch {
	case c.err != nil:
	case d <= 0:
		c.cancel(context.DeadlineExceeded)
	default:
		c.timer = e.After(d, "deadline", func() { c.cancel(context.DeadlineExceeded) })
	}
	return c, func() { c.cancel(context.Canceled) }
}

// WithoutCancel is context.WithoutCancel in virtual time.
func WithoutCancel(parent context.Context) context.Context { return &detachedContext{parent} }

// detachedContext does not end, and hides from what is derived from it that its
// parent does.
type detachedContext struct{ parent context.Context }

func (c *detachedContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *detachedContext) Done() <-chan struct{}       { return nil }
func (c *detachedContext) Err() error                  { return nil }

func (c *detachedContext) Value(key any) any {
	if _, ok := key.(cancelKey); ok {
		return (*cancelContext)(nil)
	}
	return c.parent.Value(key)
}

// WithValue is context.WithValue for contexts in virtual time: package context may
// derive from its result without starting a goroutine.
func WithValue(parent context.Context, key, val any) context.Context {
	return &valueContext{Context: parent, key: key, val: val}
}

type valueContext struct {
	context.Context
	key, val any
}

func (c *valueContext) Value(key any) any {
	if key == c.key {
		return c.val
	}
	return c.Context.Value(key)
}

// AfterFunc runs f when the context ends.
func (c *valueContext) AfterFunc(f func()) func() bool {
	if up := nearest(c.Context); up != nil {
		return up.AfterFunc(f)
	}
	return func() bool { return true }
}
