package sim

import "iter"

// idleMost is how many coroutines an engine keeps for processes to come.
const idleMost = 64

// coroutine carries processes, one after the other. Making one takes nine allocations, and its
// stack grows to what its first process needs; a scenario starts a process for every write that
// it follows.
type coroutine struct {
	p     *Process // that it carries
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

// coroutine is one that waits for its process, made where none is idle.
func (e *Engine) coroutine() *coroutine {
	if n := len(e.idle); n > 0 {
		c := e.idle[n-1]
		e.idle[n-1] = nil
		e.idle = e.idle[:n-1]
		return c
	}
	c := &coroutine{}
	c.next, c.stop = iter.Pull(c.run)
	return c
}

// run is the coroutine's outermost frame. After a process has ended it waits for the next, unless
// that one was stopped, enough of them wait already or the engine has failed.
func (c *coroutine) run(yield func(struct{}) bool) {
	c.yield = yield
	for {
		p := c.p
		p.run()
		e := p.e
		c.p = nil
		if p.stopped || e.closing || e.failure != nil || len(e.idle) >= idleMost {
			return
		}
		e.idle = append(e.idle, c)
		if !yield(struct{}{}) {
			return
		}
	}
}

// releaseIdle ends the coroutines that wait for processes.
func (e *Engine) releaseIdle() {
	for _, c := range e.idle {
		c.stop()
	}
	e.idle = nil
}
