package elastic

import (
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
)

// Errors of the transport layer.
var (
	errDisconnected = errors.New("node disconnected")
	errTimeout      = errors.New("request timed out")
)

// Message is what a node asks of another one: a value, which the network carries. A is what
// that answers.
type Message[A any] interface {
	// Action is its name, for the trace.
	Action() string
	Bytes() int64
	// Serve does it in the receiving process, which answers once, now or later, with so many
	// bytes.
	Serve(q *Process, answer func(bytes int64, a A))
}

// Send sends a message to a node. Exactly one of answered and failed runs in the asking
// process, at most once; timeout fails it, 0 is never.
func Send[A any](p *Process, to *Node, m Message[A], timeout time.Duration, answered func(A), failed func(error)) {
	if p.dead {
		return
	}
	q := &underway{p: p, to: to, fail: failed}
	p.open[to.ordinal] = append(p.open[to.ordinal], q)
	if timeout > 0 {
		q.timer = p.After(timeout, m.Action(), func() { q.abort(errTimeout) })
	}
	p.send(to, m.Bytes(), func(target *Process) {
		over := false
		m.Serve(target, func(bytes int64, a A) {
			if over || target.dead {
				return
			}
			over = true
			target.send(p.Node, bytes, func(back *Process) {
				if back == p && !q.lost && q.close() {
					answered(a)
				}
			}, nil)
		})
	}, q.abort)
}

// underway is a request without an answer yet.
type underway struct {
	p     *Process
	to    *Node
	over  bool
	lost  bool // its connection is closed; it fails as soon as that is noticed
	timer sim.Timer
	fail  func(error)
}

// nominalBytes is the size of a request or answer without a payload.
const nominalBytes = 256

// send carries something to a node; failed, if not nil, when the sender learns that
// it didn't arrive.
func (p *Process) send(to *Node, bytes int64, deliver func(q *Process), failed func(error)) {
	bytes += nominalBytes
	p.Traffic.TxCount++
	p.Traffic.TxBytes += bytes
	var refused func(error)
	if failed != nil {
		refused = func(err error) { p.Run(func() { failed(err) }) }
	}
	p.Cluster.net.SendOr(p.Node.Name(), to.Name(), int(bytes), func() {
		q := to.Proc
		if q == nil || !q.UpYet {
			return // the endpoint is disconnected: the network refuses before this
		}
		q.Traffic.RxCount++
		q.Traffic.RxBytes += bytes
		q.Run(func() { deliver(q) })
	}, refused)
}

// close ends a request; false when it had ended before.
func (q *underway) close() bool {
	if q.over {
		return false
	}
	q.over = true
	q.timer.Stop()
	list := q.p.open[q.to.ordinal]
	if i := slices.Index(list, q); i >= 0 {
		// Nothing of it stays behind: in a large cluster every node asks all others.
		q.p.open[q.to.ordinal] = slices.Delete(list, i, i+1)
	}
	return true
}

func (q *underway) abort(err error) {
	if q.close() && q.fail != nil {
		q.fail(err)
	}
}

// disconnected fails what waits for an answer of the peer, once the threads that wait
// have noticed.
func (p *Process) disconnected(peer *Node) {
	list := append([]*underway(nil), p.open[peer.ordinal]...)
	if p.Coord != nil {
		p.Coord.Disconnected(peer.ID())
	}
	if len(list) == 0 {
		return
	}
	for _, q := range list {
		q.lost = true
	}
	p.After(p.Cluster.Calibration.FailureNotice, "net.disconnected", func() {
		for _, q := range list {
			q.abort(errDisconnected)
		}
	})
}

// after all answers came: gather runs done when each of n parts has reported.
func Gather(n int, done func()) (report func()) {
	if n == 0 {
		done()
		return func() {}
	}
	return func() {
		n--
		if n == 0 {
			done()
		}
	}
}
