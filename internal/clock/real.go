//determinism:realtime this is the clock of the machine

package clock

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"
)

// Real is the clock of the machine.
type Real struct {
	// OnPanic, when set before the first process starts, is told of a process that
	// panics, with its stack; otherwise a panic ends the program.
	OnPanic func(process string, value any, stack []byte)

	start time.Time
	seed  uint64

	mu      sync.Mutex
	streams map[string]*rand.Rand
}

var _ Clock = (*Real)(nil)

// NewReal makes a clock that starts now. The seed feeds its random streams, so
// that jitter can be repeated even where time can't.
func NewReal(seed uint64) *Real {
	return &Real{start: time.Now(), seed: seed, streams: make(map[string]*rand.Rand)}
}

// System makes a clock that starts now, with random streams that differ at every start.
func System() *Real {
	var seed [8]byte
	_, _ = crand.Read(seed[:]) // never fails
	return NewReal(binary.LittleEndian.Uint64(seed[:]))
}

// Now implements [Clock].
func (r *Real) Now() time.Time { return time.Now() }

// Monotonic implements [Clock].
func (r *Real) Monotonic() time.Duration { return time.Since(r.start) }

// Sleep implements [Clock].
func (r *Real) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// AfterFunc implements [Clock].
func (r *Real) AfterFunc(parent context.Context, d time.Duration, name string, f func(ctx context.Context)) Timer {
	return time.AfterFunc(d, func() {
		defer r.guard(name)
		if parent.Err() == nil {
			f(parent)
		}
	})
}

// Go implements [Clock].
func (r *Real) Go(parent context.Context, name string, f func(ctx context.Context)) {
	go func() {
		defer r.guard(name)
		f(parent)
	}()
}

// guard hands a process's panic to OnPanic.
func (r *Real) guard(name string) {
	if r.OnPanic == nil {
		return
	}
	if v := recover(); v != nil {
		r.OnPanic(name, v, debug.Stack())
	}
}

// WithTimeout implements [Clock].
func (r *Real) WithTimeout(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(parent, d)
}

// WithCancel implements [Clock].
func (r *Real) WithCancel(parent context.Context) (context.Context, context.CancelFunc) {
	return context.WithCancel(parent)
}

// WithoutCancel implements [Clock].
func (r *Real) WithoutCancel(parent context.Context) context.Context {
	return context.WithoutCancel(parent)
}

// Rand implements [Clock]. The stream may be used by several processes at once.
func (r *Real) Rand(name string) *rand.Rand {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.streams[name]; ok {
		return s
	}
	s := rand.New(&lockedSource{src: rand.NewPCG(r.seed, StreamID(name))})
	r.streams[name] = s
	return s
}

// NewEvent implements [Clock].
func (r *Real) NewEvent() Event { return &realEvent{done: make(chan struct{})} }

// NewGroup implements [Clock].
func (r *Real) NewGroup() Group { return &realGroup{clock: r} }

// NewMutex implements [Clock].
func (r *Real) NewMutex() Mutex { return &realMutex{held: make(chan struct{}, 1)} }

// StreamID is the 64-bit FNV-1a hash of a stream's name. Both clocks derive their
// random streams with it.
func StreamID(name string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(name); i++ {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return h
}

type lockedSource struct {
	mu  sync.Mutex
	src rand.Source
}

func (s *lockedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.src.Uint64()
}

type realEvent struct {
	once sync.Once
	done chan struct{}
}

func (e *realEvent) Set() { e.once.Do(func() { close(e.done) }) }

func (e *realEvent) IsSet() bool {
	select {
	case <-e.done:
		return true
	default:
		return false
	}
}

func (e *realEvent) Wait(ctx context.Context) error {
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type realGroup struct {
	clock *Real

	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n falls to zero; nil while nobody waits
}

func (g *realGroup) Go(parent context.Context, name string, f func(ctx context.Context)) {
	g.mu.Lock()
	g.n++
	g.mu.Unlock()
	g.clock.Go(parent, name, func(ctx context.Context) {
		defer g.leave()
		f(ctx)
	})
}

func (g *realGroup) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	if g.n == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

func (g *realGroup) Wait(ctx context.Context) error {
	g.mu.Lock()
	if g.n == 0 {
		g.mu.Unlock()
		return nil
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	g.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type realMutex struct{ held chan struct{} }

func (m *realMutex) Lock(ctx context.Context) error {
	select {
	case m.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (m *realMutex) Unlock() { <-m.held }
