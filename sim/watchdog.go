//determinism:realtime the watchdog must see real time pass; what it decides never reaches a run that does not end by it

package sim

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// BlockedError is returned when a process kept the engine for longer than the
// watchdog allows: it blocks on something outside virtual time, or computes without
// end. The engine can't be used any more.
type BlockedError struct {
	Process string
	After   time.Duration
	Stacks  string // of all goroutines
}

func (e *BlockedError) Error() string {
	return fmt.Sprintf("sim: process %s has not come back to virtual time for %v\n%s", e.Process, e.After, e.Stacks)
}

var errGoexit = errors.New("sim: the run was ended by runtime.Goexit (a failed test assertion inside it?)")

// watchdog watches, from the machine's clock, that processes come back. What it
// decides never reaches a run that doesn't end by it.
type watchdog struct {
	beat    atomic.Uint64 // changes whenever control passes
	current atomic.Pointer[Process]
}

func (w *watchdog) enter(p *Process) {
	w.current.Store(p)
	w.beat.Add(1)
}

func (w *watchdog) leave(to *Process) {
	w.current.Store(to)
	w.beat.Add(1)
}

// run is drive, unless the engine has failed before.
func (e *Engine) run(body func() error) error {
	if e.lost == nil && !e.driving && e.failure != nil {
		return e.failure
	}
	return e.drive(body)
}

// drive runs body, which must end soon after e.failure is set, under the watchdog.
// Body runs in a goroutine of its own, because the caller's could not return from
// a process that blocks.
func (e *Engine) drive(body func() error) error {
	if e.lost != nil {
		return e.lost
	}
	if e.driving {
		return ErrRunning
	}
	e.driving = true
	if e.cfg.Watchdog < 0 {
		defer func() { e.driving = false }()
		return e.guard(body)
	}
	done := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() { done <- err }()
		err = e.guard(body)
	}()
	blocked, err := e.await(done)
	if blocked != nil {
		e.lost = blocked
		e.Interrupt() // should the process come back after all
		return blocked
	}
	if errors.Is(err, errGoexit) {
		e.running = nil
		e.fail(err)
	}
	e.driving = false
	return err
}

// guard turns a panic of a handler into the engine's failure.
func (e *Engine) guard(body func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			e.running = nil
			e.fail(&PanicError{Where: "event " + e.handlers[e.current].name, Value: v, Stack: string(debug.Stack())})
		}
		if e.failure != nil {
			err = e.failure
		}
	}()
	return body()
}

// await waits for the run's end, or for the watchdog to bite.
func (e *Engine) await(done chan error) (*BlockedError, error) {
	const looks = 4
	tick := time.NewTicker(max(e.cfg.Watchdog/looks, time.Millisecond))
	defer tick.Stop()
	last, same := e.watch.beat.Load(), 0
	for {
		select {
		case err := <-done:
			return nil, err
		case <-tick.C:
		}
		beat, p := e.watch.beat.Load(), e.watch.current.Load()
		if beat != last || p == nil {
			last, same = beat, 0
			continue
		}
		if same++; same > looks {
			buf := make([]byte, 1<<20)
			buf = buf[:runtime.Stack(buf, true)]
			return &BlockedError{Process: p.name, After: e.cfg.Watchdog, Stacks: string(buf)}, nil
		}
	}
}
