package sim

import "time"

// minSweep is how many dead events the queue may hold before their share counts.
const minSweep = 1024

// Handle names a scheduled event. The zero value names none.
type Handle struct {
	slot uint32
	gen  uint32
}

// slot holds the kind and argument of a cancellable event while it is in the
// queue. It is used again only after the event has left the queue.
type slot struct {
	gen  uint32
	arg  uint32
	kind Kind
	live bool
}

type slotTable struct {
	at   []slot
	free []uint32
	dead int // cancelled events that are still in the queue
}

func (t *slotTable) take(k Kind, arg uint32) uint32 {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		s := &t.at[i]
		s.kind, s.arg, s.live = k, arg, true
		return i
	}
	t.at = append(t.at, slot{gen: 1, kind: k, arg: arg, live: true})
	return uint32(len(t.at) - 1)
}

// kill marks the event of h as dead; it stays in the queue.
func (t *slotTable) kill(h Handle) bool {
	if int(h.slot) >= len(t.at) {
		return false
	}
	s := &t.at[h.slot]
	if s.gen != h.gen || !s.live {
		return false
	}
	s.live = false
	t.dead++
	return true
}

// release gives the slot back once its event has left the queue.
func (t *slotTable) release(i uint32) {
	s := &t.at[i]
	s.live = false
	s.gen++
	if s.gen == 0 { // the zero handle must stay invalid
		s.gen = 1
	}
	t.free = append(t.free, i)
}

// callTable holds the functions of [Engine.After].
type callTable struct {
	kind Kind
	at   []call
	free []uint32
}

type call struct {
	name string
	f    func()
}

// Timer is a pending [Engine.After]. The zero value is one that has fired.
type Timer struct {
	e    *Engine
	h    Handle
	call uint32
}

// After runs f once, d from now. It allocates and is meant for what is rare; the
// name goes into the trace hash.
func (e *Engine) After(d time.Duration, name string, f func()) Timer {
	var i uint32
	if n := len(e.calls.free); n > 0 {
		i = e.calls.free[n-1]
		e.calls.free = e.calls.free[:n-1]
	} else {
		i = uint32(len(e.calls.at))
		e.calls.at = append(e.calls.at, call{})
	}
	e.calls.at[i] = call{name: name, f: f}
	return Timer{e: e, h: e.Schedule(d, e.calls.kind, i), call: i}
}

func (e *Engine) runCall(i uint32) {
	c := e.calls.at[i]
	e.calls.drop(i)
	e.hash = mix(e.hash, hashString(c.name))
	c.f()
}

func (t *callTable) drop(i uint32) {
	t.at[i] = call{}
	t.free = append(t.free, i)
}

// Stop prevents the function from running. It reports false when it has started
// already or was stopped before.
func (t Timer) Stop() bool {
	if t.e == nil || !t.e.Cancel(t.h) {
		return false
	}
	t.e.calls.drop(t.call)
	return true
}
