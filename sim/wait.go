package sim

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

var (
	_ clock.Event = (*Event)(nil)
	_ clock.Group = (*group)(nil)
	_ clock.Mutex = (*mutex)(nil)
)

// Event happens once. Handlers and processes may set it; any number of processes
// may wait for it and are woken in the order in which they came.
type Event struct {
	e       *Engine
	set     bool
	waiting []*Process
}

// NewEvent makes an event that has not happened yet.
func (e *Engine) NewEvent() *Event { return &Event{e: e} }

// Set makes the event happen.
func (v *Event) Set() {
	if v.set {
		return
	}
	v.set = true
	for _, p := range v.waiting {
		p.settle(nil)
	}
	v.waiting = nil
}

// IsSet reports whether the event has happened.
func (v *Event) IsSet() bool { return v.set }

// Wait waits until the event has happened, or ctx ends.
func (v *Event) Wait(ctx context.Context) error {
	p, err := v.e.enter(ctx)
	if err != nil {
		return err
	}
	if v.set {
		return nil
	}
	v.waiting = append(v.waiting, p)
	if err := p.waitWith(ctx); err != nil {
		v.waiting = without(v.waiting, p)
		return err
	}
	return nil
}

// WaitFor is Wait with a deadline, d from now; it returns
// context.DeadlineExceeded when that comes first.
func (v *Event) WaitFor(ctx context.Context, d time.Duration) error {
	ctx, cancel := v.e.WithTimeout(ctx, d)
	defer cancel()
	return v.Wait(ctx)
}

func without(list []*Process, p *Process) []*Process {
	for i, q := range list {
		if q == p {
			return append(list[:i], list[i+1:]...)
		}
	}
	return list
}

// group counts processes of a clock.
type group struct {
	c    *Clock
	n    int
	idle *Event // nil while nobody waits
}

func (g *group) Go(parent context.Context, name string, f func(ctx context.Context)) {
	if g.c.dead() {
		return
	}
	g.n++
	p := g.c.e.launch(g.c, parent, name, f)
	p.onEnd = g.leave
}

func (g *group) leave() {
	g.n--
	if g.n == 0 && g.idle != nil {
		g.idle.Set()
		g.idle = nil
	}
}

func (g *group) Wait(ctx context.Context) error {
	if g.n == 0 {
		_, err := g.c.e.enter(ctx)
		return err
	}
	if g.idle == nil {
		g.idle = g.c.e.NewEvent()
	}
	return g.idle.Wait(ctx)
}

// mutex is handed on in the order in which processes asked for it.
type mutex struct {
	e       *Engine
	held    bool
	waiting []*Process
}

func (m *mutex) Lock(ctx context.Context) error {
	p, err := m.e.enter(ctx)
	if err != nil {
		return err
	}
	if !m.held {
		m.held = true
		return nil
	}
	m.waiting = append(m.waiting, p)
	if err := p.waitWith(ctx); err != nil {
		before := len(m.waiting)
		m.waiting = without(m.waiting, p)
		if len(m.waiting) == before {
			m.Unlock() // it was handed to p, which was then stopped
		}
		return err
	}
	return nil
}

func (m *mutex) Unlock() {
	if !m.held {
		panic("sim: unlock of a mutex that nobody holds")
	}
	if len(m.waiting) == 0 {
		m.held = false
		return
	}
	p := m.waiting[0]
	m.waiting = m.waiting[1:]
	p.settle(nil)
}
