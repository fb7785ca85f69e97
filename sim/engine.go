package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

var (
	// ErrNotDone is returned by [Engine.RunUntil] when the limit came first.
	ErrNotDone = errors.New("sim: limit of virtual time reached before the condition held")
	// ErrInterrupted is returned by a run that [Engine.Interrupt] ended.
	ErrInterrupted = errors.New("sim: interrupted")
	// ErrRunning is returned by a run that was started from inside another one.
	ErrRunning = errors.New("sim: the engine is running already")
	// ErrLivelock is returned when virtual time stands still while events go on.
	ErrLivelock = errors.New("sim: virtual time does not advance")
)

// Defaults of [Config].
const (
	DefaultEventsPerInstant = 50_000_000
	DefaultWatchdog         = time.Minute
)

// Config describes an engine. The zero value is usable.
type Config struct {
	// Seed is the run's seed, from which every random stream is derived.
	Seed uint64
	// Start is the wall-clock time at virtual time zero; the zero time stands for
	// 2024-01-01T00:00:00Z.
	Start time.Time
	// EventsPerInstant is how many events may run at one point in virtual time
	// before the run ends with ErrLivelock. Zero is DefaultEventsPerInstant.
	EventsPerInstant int
	// Watchdog is how long, in real time, a process may run without coming back to
	// the clock before the run ends with a [BlockedError]. Zero is DefaultWatchdog,
	// a negative value switches it off.
	Watchdog time.Duration
}

func (c Config) withDefaults() Config {
	if c.Start.IsZero() {
		c.Start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if c.EventsPerInstant == 0 {
		c.EventsPerInstant = DefaultEventsPerInstant
	}
	if c.Watchdog == 0 {
		c.Watchdog = DefaultWatchdog
	}
	return c
}

// Kind names a type of event: an index into the engine's table of handlers.
type Kind uint16

type handler struct {
	name     string
	run      func(arg uint32)
	describe func(arg uint32) string // nil for most
}

// Engine is a discrete-event simulator. See the package comment.
type Engine struct {
	cfg   Config
	now   Time
	seq   uint64
	queue queue

	handlers []handler
	slots    slotTable
	calls    callTable

	events    uint64
	atInstant int
	hash      uint64
	notes     uint64
	taps      []func(EventRecord)

	streams map[streamKey]*rand.Rand
	clocks  map[string]*Clock

	procs    []*Process // by slot; nil when free
	freeProc []uint32
	running  *Process
	idle     []*coroutine // that carry no process at present
	closing  bool
	kinds    processKinds

	driving     bool
	failure     error
	lost        *BlockedError // the watchdog's, after which nothing may be touched
	current     Kind          // of the event that runs
	interrupted atomic.Bool
	watch       watchdog
}

// NewEngine makes an engine at virtual time zero.
func NewEngine(cfg Config) *Engine {
	e := &Engine{
		cfg:     cfg.withDefaults(),
		streams: make(map[streamKey]*rand.Rand),
		clocks:  make(map[string]*Clock),
		hash:    hashSeed,
	}
	e.calls.kind = e.Register("call", e.runCall)
	e.Describe(e.calls.kind, func(arg uint32) string { return e.calls.at[arg].name })
	e.kinds.start = e.Register("process.start", e.startProcess)
	e.kinds.wake = e.Register("process.wake", e.wakeProcess)
	e.kinds.alarm = e.Register("process.alarm", e.alarmProcess)
	for _, k := range [...]Kind{e.kinds.start, e.kinds.wake, e.kinds.alarm} {
		e.Describe(k, func(arg uint32) string { return e.procs[arg].name })
	}
	return e
}

// Now is the current virtual time.
func (e *Engine) Now() Time { return e.now }

// Wall is the wall-clock time of an undisturbed clock at the current virtual time.
func (e *Engine) Wall() time.Time { return e.cfg.Start.Add(e.now.Duration()) }

// Seed is the run's seed.
func (e *Engine) Seed() uint64 { return e.cfg.Seed }

// Pending is the number of live events that wait to be run.
func (e *Engine) Pending() int { return e.queue.len() - e.slots.dead }

// Register adds a handler to the table. The kind, not the name, goes into the
// trace hash: register in the same order in every run.
func (e *Engine) Register(name string, h func(arg uint32)) Kind {
	if len(e.handlers) > int(^Kind(0)) {
		panic("sim: too many kinds of events")
	}
	e.handlers = append(e.handlers, handler{name: name, run: h})
	return Kind(len(e.handlers) - 1)
}

// Describe says how the entity of an event is named to taps, from the event's
// argument. It is asked before the event is handled, and only if there is a tap.
func (e *Engine) Describe(k Kind, entity func(arg uint32) string) { e.handlers[k].describe = entity }

// Post asks for an event d from now that is never cancelled. A negative d counts
// as zero. It allocates nothing.
func (e *Engine) Post(d time.Duration, k Kind, arg uint32) {
	e.push(d, uint32(k), arg)
}

// Schedule is Post for an event that may be cancelled.
func (e *Engine) Schedule(d time.Duration, k Kind, arg uint32) Handle {
	slot := e.slots.take(k, arg)
	e.push(d, cancellable, slot)
	return Handle{slot: slot, gen: e.slots.at[slot].gen}
}

// Cancel prevents a scheduled event from running. It reports false when the event
// has run already or was cancelled before.
func (e *Engine) Cancel(h Handle) bool {
	if !e.slots.kill(h) {
		return false
	}
	if e.slots.dead > minSweep && e.slots.dead > e.queue.len()/2 {
		e.sweep()
	}
	return true
}

func (e *Engine) push(d time.Duration, kind, arg uint32) {
	at := e.now
	if d > 0 {
		at = e.now.Add(d)
	}
	e.seq++
	e.queue.push(event{at: at, seq: e.seq, kind: kind, arg: arg})
}

// sweep removes the dead events from the queue.
func (e *Engine) sweep() {
	e.queue.filter(func(ev event) bool {
		if ev.kind != cancellable || e.slots.at[ev.arg].live {
			return true
		}
		e.slots.release(ev.arg)
		e.slots.dead--
		return false
	})
}

// Run runs every event up to and including the time until, to which it then sets
// the clock. It returns the failure of a process or handler, ErrInterrupted or
// ErrLivelock. After a failure the engine runs no more.
func (e *Engine) Run(until Time) error {
	return e.run(func() error {
		for e.failure == nil {
			if e.interrupted.Load() {
				return e.takeInterrupt()
			}
			if !e.step(until) {
				break
			}
		}
		if e.failure == nil && until > e.now && until != Never {
			e.now = until
		}
		return nil
	})
}

// RunUntil runs events until done, asked after each event, reports true. It
// returns ErrNotDone when that doesn't happen up to the time limit, at which the
// clock then stands.
func (e *Engine) RunUntil(done func() bool, limit Time) error {
	return e.run(func() error {
		for e.failure == nil {
			if done() {
				return nil
			}
			if e.interrupted.Load() {
				return e.takeInterrupt()
			}
			if !e.step(limit) {
				if limit > e.now && limit != Never && e.failure == nil {
					e.now = limit
				}
				return ErrNotDone
			}
		}
		return nil
	})
}

// Step runs the next event. It reports false when there is none.
func (e *Engine) Step() (bool, error) {
	ran := false
	err := e.run(func() error {
		ran = e.step(Never)
		return nil
	})
	return ran, err
}

// NextAt is the time of the next live event, or Never.
func (e *Engine) NextAt() Time {
	for {
		ev, ok := e.queue.peek()
		if !ok {
			return Never
		}
		if ev.kind != cancellable || e.slots.at[ev.arg].live {
			return ev.at
		}
		e.queue.popUntil(Never)
		e.slots.release(ev.arg)
		e.slots.dead--
	}
}

// Interrupt makes the current run, or the next one, return ErrInterrupted before
// its next event. It may be called from any goroutine.
func (e *Engine) Interrupt() { e.interrupted.Store(true) }

func (e *Engine) takeInterrupt() error {
	e.interrupted.Store(false)
	return ErrInterrupted
}

// Close stops all processes, in the order of their slots, so that nothing of them
// stays in memory. It returns the engine's failure, if there is one, and ErrRunning
// during a run.
func (e *Engine) Close() error {
	return e.drive(func() error {
		e.closing = true
		for i := 0; i < len(e.procs); i++ {
			if p := e.procs[i]; p != nil {
				p.Stop()
			}
		}
		e.releaseIdle()
		return nil
	})
}

// step runs the next live event that isn't after limit.
func (e *Engine) step(limit Time) bool {
	for {
		ev, ok := e.queue.popUntil(limit)
		if !ok {
			return false
		}
		kind, arg := ev.kind, ev.arg
		if kind == cancellable {
			s := &e.slots.at[arg]
			if !s.live {
				e.slots.release(arg)
				e.slots.dead--
				continue
			}
			slot := arg
			kind, arg = uint32(s.kind), s.arg
			e.slots.release(slot)
		}
		e.advance(ev.at)
		e.events++
		e.hash = mixEvent(e.hash, ev.at, kind, arg)
		if len(e.taps) > 0 {
			e.tapEvent(Kind(kind), arg)
		}
		e.current = Kind(kind)
		e.handlers[kind].run(arg)
		return true
	}
}

// advance sets the clock and watches that it moves at all.
func (e *Engine) advance(to Time) {
	if to != e.now {
		e.now, e.queue.now = to, to
		e.atInstant = 0
		return
	}
	e.atInstant++
	if e.atInstant > e.cfg.EventsPerInstant {
		e.fail(fmt.Errorf("%w: more than %d events at %v", ErrLivelock, e.cfg.EventsPerInstant, to))
	}
}

// fail records the first failure; the run ends before its next event.
func (e *Engine) fail(err error) {
	if e.failure == nil {
		e.failure = err
	}
}
