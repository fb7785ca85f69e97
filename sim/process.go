package sim

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

var (
	// ErrStopped is what every way to wait returns in a process that was stopped.
	ErrStopped = errors.New("sim: process stopped")
	// ErrOutside is returned by waiting outside a process.
	ErrOutside = errors.New("sim: waiting is only possible inside a process")
)

// maxStoppedCalls is how often a stopped process may try to wait before it is
// unwound by force: code that ignores errors would loop for ever.
const maxStoppedCalls = 1000

// PanicError is the panic of a process or handler.
type PanicError struct {
	Where string // the process's name, or "event" and its kind
	Value any
	Stack string
}

func (e *PanicError) Error() string {
	return fmt.Sprintf("sim: panic in %s: %v\n%s", e.Where, e.Value, e.Stack)
}

// Unwrap is the panic's value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

type processKinds struct{ start, wake, alarm Kind }

type processState uint8

const (
	created processState = iota // its start event is pending
	active                      // on the chain of running processes
	parked
	ended
)

// unwind is the panic that ends a stopped process which doesn't return by itself.
type unwind struct{ p *Process }

// Process is a coroutine in virtual time. Its methods may be called from handlers
// and from other processes.
type Process struct {
	e     *Engine
	name  string
	clock *Clock // nil outside any node
	slot  uint32
	ctx   context.Context
	body  func(ctx context.Context)

	state   processState
	stopped bool
	refused int // waits tried since stopped

	on *coroutine // from its start to its end

	pending int          // start, wake and alarm events of this process in the queue
	waking  bool         // the reason for the end of the current wait is settled
	why     error        // that reason
	alarm   Handle       // end of the current sleep
	sub     subscription // to the end of the context of the current wait
	until   *cancelContext
	permit  bool // a Wake that no Park has used yet
	onWake  bool // parked by Park

	onEnd func() // told when it ends, before done
	done  Event
	own   processContext // what ctx is
}

// Name is the process's name.
func (p *Process) Name() string { return p.name }

// Node is the name of the node whose clock started the process, or "".
func (p *Process) Node() string {
	if p.clock == nil {
		return ""
	}
	return p.clock.node
}

// Done reports whether the process has ended.
func (p *Process) Done() bool { return p.state == ended }

// Wait waits until the process has ended.
func (p *Process) Wait(ctx context.Context) error { return p.done.Wait(ctx) }

// Go starts a process outside any node, by an event at the current time. Its
// context, and what is derived from it, ends when the process is stopped.
func (e *Engine) Go(name string, f func(ctx context.Context)) *Process {
	root := &cancelContext{e: e, parent: context.Background()}
	return e.launch(nil, root, name, f)
}

func (e *Engine) launch(c *Clock, parent context.Context, name string, f func(ctx context.Context)) *Process {
	p := &Process{e: e, name: name, clock: c, body: f, done: Event{e: e}}
	p.sub.f = p.contextEnded
	p.own = processContext{parent: parent, up: nearest(parent), p: p}
	p.ctx = &p.own
	if n := len(e.freeProc); n > 0 {
		p.slot = e.freeProc[n-1]
		e.freeProc = e.freeProc[:n-1]
		e.procs[p.slot] = p
	} else {
		p.slot = uint32(len(e.procs))
		e.procs = append(e.procs, p)
	}
	if c != nil {
		c.adopt(p)
	}
	p.post(e.kinds.start)
	return p
}

func (p *Process) post(k Kind) {
	p.pending++
	p.e.Post(0, k, p.slot)
}

// startProcess handles process.start.
func (e *Engine) startProcess(slot uint32) {
	p := e.procs[slot]
	p.pending--
	if p.state != created {
		p.retire()
		return
	}
	e.hash = mix(e.hash, hashString(p.name))
	p.on = e.coroutine()
	p.on.p = p
	e.resume(p, p.on.next)
}

// wakeProcess handles process.wake.
func (e *Engine) wakeProcess(slot uint32) {
	p := e.procs[slot]
	p.pending--
	if p.state != parked {
		p.retire()
		return
	}
	e.resume(p, p.on.next)
}

// alarmProcess handles process.alarm: a sleep is over.
func (e *Engine) alarmProcess(slot uint32) {
	p := e.procs[slot]
	p.pending--
	p.alarm = Handle{}
	if p.state != parked {
		p.retire()
		return
	}
	p.waking, p.why = true, nil
	e.resume(p, p.on.next)
}

// resume runs the process until it waits again or ends.
func (e *Engine) resume(p *Process, how func() (struct{}, bool)) {
	before := e.running
	e.running = p
	p.state = active
	e.watch.enter(p)
	how()
	e.watch.leave(before)
	e.running = before
}

// run is the process from its start to its end.
func (p *Process) run() {
	defer p.end()
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if u, ok := v.(unwind); ok && u.p == p {
			return
		}
		p.e.fail(&PanicError{Where: "process " + p.name, Value: v, Stack: string(debug.Stack())})
	}()
	p.body(p.ctx)
}

func (p *Process) end() {
	p.state = ended
	p.body = nil
	if p.clock != nil {
		p.clock.disown(p)
	}
	p.e.cancelAlarm(p)
	if p.onEnd != nil {
		p.onEnd()
	}
	p.done.Set()
	p.retire()
}

// retire frees the slot once no event refers to it.
func (p *Process) retire() {
	if p.state != ended || p.pending > 0 || p.e.procs[p.slot] != p {
		return
	}
	p.e.procs[p.slot] = nil
	p.e.freeProc = append(p.e.freeProc, p.slot)
}

// Stop ends the process: the wait it is in and every later one returns ErrStopped,
// and its deferred calls run, before Stop returns. A process on the chain of running ones
// (such as the caller) only learns of it at its next wait.
func (p *Process) Stop() {
	if p.state == ended || p.stopped {
		return
	}
	p.stopped = true
	switch p.state {
	case created:
		p.end()
	case parked:
		p.e.cancelAlarm(p)
		p.e.resume(p, func() (struct{}, bool) { p.on.stop(); return struct{}{}, false })
	}
	if root, ok := p.ctx.(*processContext).parent.(*cancelContext); ok && p.clock == nil {
		root.cancel(context.Canceled)
	}
}

func (e *Engine) cancelAlarm(p *Process) {
	if e.Cancel(p.alarm) {
		p.pending--
	}
	p.alarm = Handle{}
}

// wait parks the running process until settle is called. It must be p.
func (p *Process) wait() error {
	p.waking, p.why = false, nil
	p.state = parked
	if !p.on.yield(struct{}{}) {
		p.state = active
		return ErrStopped
	}
	return p.why
}

// settle ends the current wait with err, by an event at the current time. Only the
// first call counts.
func (p *Process) settle(err error) {
	if p.state != parked || p.waking {
		return
	}
	p.waking, p.why = true, err
	p.e.cancelAlarm(p)
	p.post(p.e.kinds.wake)
}

// enter is what every way to wait begins with: it finds the running process and
// refuses when there is none, when it was stopped or ctx has ended.
func (e *Engine) enter(ctx context.Context) (*Process, error) {
	p := e.running
	if p == nil {
		return nil, ErrOutside
	}
	if p.stopped {
		p.refused++
		if p.refused > maxStoppedCalls {
			panic(unwind{p})
		}
		return nil, ErrStopped
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// waitWith waits until settled, or until ctx ends.
func (p *Process) waitWith(ctx context.Context) error {
	up := nearest(ctx)
	if up == nil {
		return p.wait()
	}
	p.until = up
	up.add(&p.sub)
	err := p.wait()
	p.sub.remove()
	p.until = nil
	return err
}

func (p *Process) contextEnded() { p.settle(p.until.err) }

// sleep waits for d or until ctx ends.
func (e *Engine) sleep(ctx context.Context, d time.Duration) error {
	p, err := e.enter(ctx)
	if err != nil {
		return err
	}
	p.alarm = e.Schedule(d, e.kinds.alarm, p.slot)
	p.pending++
	return p.waitWith(ctx)
}

// Sleep waits for d inside the running process, or until ctx ends.
func (e *Engine) Sleep(ctx context.Context, d time.Duration) error { return e.sleep(ctx, d) }

// Current is the running process, if ctx belongs to one of its engine.
func Current(ctx context.Context) (*Process, bool) {
	p, ok := ctx.Value(processKey{}).(*Process)
	if !ok || p.e.running == nil {
		return nil, false
	}
	return p.e.running, true
}

// Engine is the process's engine.
func (p *Process) Engine() *Engine { return p.e }

// Park waits inside p, the running process, until Wake. It uses up a Wake that came
// before it. It returns ctx's error or ErrStopped when that comes first.
func (p *Process) Park(ctx context.Context) error {
	if p.e.running != p {
		return ErrOutside
	}
	if _, err := p.e.enter(ctx); err != nil {
		return err
	}
	if p.permit {
		p.permit = false
		return nil
	}
	p.onWake = true
	err := p.waitWith(ctx)
	p.onWake = false
	if err == nil {
		p.permit = false
	}
	return err
}

// Wake ends the Park of p, by an event at the current time, or lets its next Park
// return at once. It doesn't disturb other ways to wait.
func (p *Process) Wake() {
	if p.state == ended {
		return
	}
	p.permit = true
	if p.onWake {
		p.settle(nil)
	}
}
