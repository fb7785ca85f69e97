//determinism:realtime virtual time follows the machine's here, by design

// Package paced lets a simulated cluster's time follow the machine's, and has what comes
// from outside done as processes of the simulation.
package paced

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
)

const (
	// longestNap is how long the cluster's clock may stand behind the machine's.
	longestNap = 20 * time.Millisecond
	// step is how far time moves while it is paused: coming back to the clock, if only for
	// a moment, shows that nothing hangs.
	step = time.Nanosecond
	// longestStretch is how much of the machine's time is made up for at once. Where the machine
	// needs longer to compute it than it lasts, the cluster's time falls behind instead: to make up
	// for everything it would go in ever longer steps, and clients wait for each.
	longestStretch = 250 * time.Millisecond
	// stride is how far time moves at once while it passes as fast as it can.
	stride = 50 * time.Millisecond
)

// ErrOver says that nothing is paced any more.
var ErrOver = errors.New("the cluster is not being served any more")

// ErrPaused says that what was asked for needs time to pass.
var ErrPaused = errors.New("the cluster's time stands still: resume it first")

// World is what is paced.
type World struct {
	Clock clock.Clock
	// Next is how long, of the cluster's time, nothing is to be done.
	Next func() time.Duration
	// Look is called after every step of time.
	Look func()
}

// Pacer is the pace, and the way in.
type Pacer struct {
	orders chan *order
	given  chan *order // whose asker has gone away
	over   chan struct{}

	mu     sync.Mutex
	speed  float64
	paused bool
	hurry  int // who wants time to pass as fast as it can
	told   Keeping
	lately window
}

// Keeping is how well the machine keeps the pace.
type Keeping struct {
	// Reached is the speed of the last seconds; 0: not known yet, or not asked for any.
	Reached float64
	// Lag is the longest that the cluster's clock stood still in them because the machine was
	// computing: so long clients waited beside what the cluster took.
	Lag time.Duration
	// Lost is the machine's time, in all, by which the cluster's has fallen behind.
	Lost time.Duration
}

// window is what Keeping is taken from.
type window struct {
	wall, cluster, lag time.Duration
}

// windowTime is how long of the machine's time a window is.
const windowTime = 2 * time.Second

// Keeping is how well the machine has kept the pace.
func (p *Pacer) Keeping() Keeping {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told
}

// passed notes that a step of the cluster's time took the machine so long, after a nap, and what
// of its time was not made up for.
func (p *Pacer) passed(step, nap, took, lost time.Duration, free bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told.Lost += lost
	if free { // nobody asked for a speed
		p.lately, p.told.Reached, p.told.Lag = window{}, 0, 0
		return
	}
	w := &p.lately
	w.wall += nap + took
	w.cluster += step
	w.lag = max(w.lag, took)
	if w.wall >= windowTime {
		p.told.Reached, p.told.Lag = float64(w.cluster)/float64(w.wall), w.lag
		*w = window{}
	}
}

type order struct {
	name   string
	f      func(ctx context.Context)
	done   chan struct{}
	cancel context.CancelFunc
}

// New makes a pacer; speed is seconds of the cluster in one of the machine's.
func New(speed float64) *Pacer {
	return &Pacer{orders: make(chan *order), given: make(chan *order), over: make(chan struct{}), speed: speed}
}

// Pace is the speed, and whether time stands.
func (p *Pacer) Pace() (speed float64, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.speed, p.paused
}

// SetSpeed changes the speed from now on.
func (p *Pacer) SetSpeed(speed float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.speed, p.lately, p.told.Reached = speed, window{}, 0
}

// SetPaused stops time or lets it go on.
func (p *Pacer) SetPaused(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paused = paused
}

// Hurry lets time pass as fast as the machine computes it, paused or not, until what it gives
// back is called.
func (p *Pacer) Hurry() (enough func()) {
	change := func(by int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hurry += by
	}
	change(1)
	return func() { change(-1) }
}

func (p *Pacer) hurried() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hurry > 0
}

// Run is a process of the cluster's clock that paces it until ctx ends.
func (p *Pacer) Run(ctx context.Context, w World) {
	defer close(p.over)
	timer := time.NewTimer(0)
	defer timer.Stop()
	seen, woke, owed := time.Now(), time.Now(), 0.0
	for ctx.Err() == nil {
		w.Look()
		timer.Reset(p.nap(w))
		select {
		case o := <-p.orders:
			p.begin(ctx, w.Clock, o)
		case o := <-p.given:
			o.cancel()
		case <-timer.C:
		}
		now := time.Now()
		speed, paused := p.Pace()
		if !paused {
			owed += float64(now.Sub(seen)) * speed
		}
		lost, hurried := 0.0, p.hurried()
		switch most := float64(longestStretch) * speed; {
		case hurried:
			owed = float64(stride)
		case owed > most:
			lost = float64(owed-most) / speed
			owed = most
		}
		nap := now.Sub(woke)
		seen = now
		d := max(time.Duration(owed), step)
		owed = max(0, owed-float64(d))
		if w.Clock.Sleep(ctx, d) != nil {
			return
		}
		woke = time.Now()
		p.passed(d, nap, woke.Sub(now), time.Duration(lost), paused || hurried)
	}
}

func (p *Pacer) nap(w World) time.Duration {
	speed, paused := p.Pace()
	switch {
	case p.hurried():
		return 0
	case paused:
		return longestNap
	}
	return min(max(0, time.Duration(float64(w.Next())/speed)), longestNap)
}

func (p *Pacer) begin(ctx context.Context, c clock.Clock, o *order) {
	ctx, o.cancel = c.WithCancel(ctx)
	c.Go(ctx, o.name, func(ctx context.Context) {
		defer close(o.done)
		defer o.cancel()
		o.f(ctx)
	})
}

// Do has f run as a process of the simulation, and waits for its end. When ctx, the
// machine's, ends first, f's context does too.
func (p *Pacer) Do(ctx context.Context, name string, f func(ctx context.Context)) error {
	o := &order{name: name, f: f, done: make(chan struct{})}
	select {
	case p.orders <- o:
	case <-p.over:
		return ErrOver
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-o.done:
		return nil
	case <-p.over:
		return ErrOver
	case <-ctx.Done():
	}
	select {
	case p.given <- o:
	case <-p.over:
	}
	return ctx.Err()
}
