package coordination

import (
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// checkRules are the settings of one kind of check.
type checkRules struct {
	kind     kind
	interval time.Duration
	timeout  time.Duration
	retries  int
}

// checker checks one peer again and again: interval after each answer, or time-out,
// until retries checks in a row have failed or the connection is closed.
//
// While all is well it is at rest: it only knows when the next check would leave.
// The board wakes it when the outcome may change; it then finds out which check is
// where at that moment, and goes on check by check.
type checker struct {
	c     *Coordinator
	rules checkRules
	peer  *state.Node
	term  int64            // sent with follower checks
	fail  func(why string) // called once, then the checker is closed
	cost  time.Duration    // from the last failure to the call of fail
	// behind is what comes to cost when others fail at this very moment; nil: nothing.
	behind func() time.Duration

	closed             bool
	timeouts, failures int // since the last success
	timer              sim.Timer
	// underway is the answer of a computed check that is still on its way back; it is
	// lost when the way back is cut.
	underway uint64

	resting bool
	next    sim.Time // when resting: the first check leaves, the others follow every period
	path    Path     // when resting
	slot    int      // when resting: place on the board
	order   uint64   // of its first check, among all checkers
}

// start sends the first check.
func (k *checker) start() {
	k.order = k.c.cfg.Board.next()
	if d := k.c.phase(k.rules.interval); d > 0 {
		k.timer = k.c.in(d, "coordination.check", k.send)
		return
	}
	k.send()
}

func (k *checker) close() {
	k.closed = true
	k.timer.Stop()
	k.rest(false)
}

func (k *checker) rest(on bool) {
	if k.resting == on {
		return
	}
	k.resting = on
	if on {
		k.c.cfg.Board.watch(k)
	} else {
		k.c.cfg.Board.unwatch(k)
	}
}

func (k *checker) request(timeout time.Duration) *Message {
	return k.c.newRequest(k.peer.ID, k.rules.kind, &checkBody{k.c.node, k.term}, timeout,
		func(_ any, err error) { k.answered(err) })
}

func (k *checker) send() {
	if k.closed {
		return
	}
	m := k.request(k.rules.timeout)
	k.c.post(k.peer.ID, m, k.c.failer(m))
}

// answered handles the end of a check.
func (k *checker) answered(err error) {
	k.underway = 0
	switch {
	case k.closed:
		return
	case err == nil:
		k.timeouts, k.failures = 0, 0
		k.wait(true)
		return
	case err == errDisconnected:
		k.giveUp("disconnected")
		return
	case err == errTimeout:
		k.timeouts++
	default:
		k.failures++
	}
	if k.timeouts+k.failures >= k.rules.retries {
		k.giveUp("")
		return
	}
	k.wait(false)
}

// wait lets the interval pass, at rest if the last check was well and nothing has
// changed at the peer since it answered.
func (k *checker) wait(well bool) {
	c := k.c
	if well && c.cfg.Board != nil {
		if path := c.env.Path(k.peer.ID); path.Steady && c.cfg.Board.unchanged(k.peer.ID, path.Back, c.env.Now()) {
			k.path, k.next = path, c.env.Now().Add(k.rules.interval)
			k.rest(true)
			return
		}
	}
	k.timer = c.in(k.rules.interval, "coordination.check", k.send)
}

// giveUp reports the peer as failed.
func (k *checker) giveUp(why string) {
	if k.closed {
		return
	}
	k.close()
	cost := k.cost
	if k.behind != nil {
		cost += k.behind()
	}
	k.c.in(cost, "coordination.check.failed", func() { k.fail(why) })
}

// disturb ends the rest: something about the path or the peer has changed just now.
func (k *checker) disturb() {
	c := k.c
	if !k.resting {
		if k.underway != 0 && !c.env.Path(k.peer.ID).BackOpen {
			k.lose()
		}
		return
	}
	k.rest(false)
	now := c.env.Now()
	if now < k.next {
		k.timer = c.in(k.next.Sub(now), "coordination.check", k.send)
		return
	}
	there, back := k.path.Out, k.path.Out+k.path.Back
	period := k.rules.interval + back
	elapsed := now.Sub(k.next) % period
	switch open := c.env.Path(k.peer.ID); {
	case elapsed >= back: // between two checks
		k.timer = c.in(period-elapsed, "coordination.check", k.send)
	case elapsed >= there: // the answer is on its way
		m := k.request(k.rules.timeout - elapsed)
		if !open.BackOpen {
			return // until it times out
		}
		k.underway = m.id
		c.in(back-elapsed, "coordination.check.answer", func() {
			if k.underway == m.id {
				c.settle(m.id, nil, nil)
			}
		})
	default: // the request is on its way
		m := k.request(k.rules.timeout - elapsed)
		if open.OutOpen {
			c.env.Underway(k.peer.ID, m, there-elapsed, c.failer(m))
		}
	}
}

// lose drops the computed answer that is on its way: the check times out.
func (k *checker) lose() { k.underway = 0 }
