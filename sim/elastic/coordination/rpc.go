package coordination

import (
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

var (
	// errDisconnected ends a request whose connection was closed, or was not there.
	errDisconnected = errors.New("disconnected")
	// errTimeout ends a request that was not answered in time.
	errTimeout = errors.New("timed out")
	// errDifferentBase asks for a whole state instead of a difference.
	errDifferentBase = errors.New("different last seen cluster state")
)

// call is a request that waits for its answer.
type call struct {
	to    string
	done  func(body any, err error)
	timer sim.Timer
}

// ask sends a request. done gets the answer, or an error: what the peer refused it
// with, errDisconnected or errTimeout. timeout 0 waits as long as the connection
// lasts.
func (c *Coordinator) ask(to string, k kind, body any, timeout time.Duration, done func(body any, err error)) {
	m := c.newRequest(to, k, body, timeout, done)
	c.post(to, m, c.failer(m))
}

func (c *Coordinator) newRequest(to string, k kind, body any, timeout time.Duration, done func(any, error)) *Message {
	c.calls.last++
	id := c.calls.last
	call := &call{to: to, done: done}
	if timeout > 0 {
		call.timer = c.env.After(timeout, "coordination.timeout", func() { c.settle(id, nil, errTimeout) })
	}
	c.calls.open[id] = call
	return &Message{kind: k, id: id, life: c.node.EphemeralID, body: body}
}

func (c *Coordinator) failer(m *Message) func(error) {
	return func(error) { c.settle(m.id, nil, errDisconnected) }
}

// post sends a message; one to the node itself takes no time and no network.
func (c *Coordinator) post(to string, m *Message, failed func(error)) {
	if to == c.node.ID {
		c.soon(func() { c.Receive(to, m) })
		return
	}
	c.env.Send(to, m, failed)
}

// settle ends a request.
func (c *Coordinator) settle(id uint64, body any, err error) {
	call, ok := c.calls.open[id]
	if !ok || c.stopped {
		return
	}
	delete(c.calls.open, id)
	call.timer.Stop()
	call.done(body, err)
}

// hangUp fails all open requests to a peer, in the order in which they were sent.
func (c *Coordinator) hangUp(peer string) {
	var ids []uint64
	for id, call := range c.calls.open {
		if call.to == peer {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		c.settle(id, nil, errDisconnected)
	}
}

// Receive handles a message of a peer.
func (c *Coordinator) Receive(from string, m *Message) {
	switch {
	case c.stopped:
	case m.answer:
		if m.life == c.node.EphemeralID {
			c.settle(m.id, m.body, m.err)
		}
	default:
		c.handle(from, m, func(body any, err error) {
			if c.stopped {
				return
			}
			c.post(from, &Message{kind: m.kind, answer: true, id: m.id, life: m.life, body: body, err: err}, nil)
		})
	}
}

// handle gives a request to its part of the coordinator. reply is called once, now
// or later.
func (c *Coordinator) handle(from string, m *Message, reply func(any, error)) {
	switch b := m.body.(type) {
	case *peersBody:
		reply(c.discovery.onPeers(b), nil)
	case *preVoteBody:
		reply(c.onPreVote(b))
	case *startJoinBody:
		c.onStartJoin(b, reply)
	case *joinBody:
		c.onJoin(b, reply)
	case *validateBody:
		reply(nil, c.onValidate(b.st))
	case *publishBody:
		c.onPublish(b, reply)
	case *commitBody:
		c.onCommit(b, reply)
	case *checkBody:
		if m.kind == followerCheck {
			reply(nil, c.onFollowerCheck(b))
		} else {
			reply(nil, c.onLeaderCheck(b))
		}
	default: // join/ping
		reply(nil, nil)
	}
}

// soon runs f as an event of its own at the present time, as work handed to another
// thread does.
func (c *Coordinator) soon(f func()) { c.in(0, "coordination.soon", f) }

// in runs f after d, unless the process has ended by then.
func (c *Coordinator) in(d time.Duration, name string, f func()) sim.Timer {
	return c.env.After(d, name, func() {
		if !c.stopped {
			f()
		}
	})
}

// connect opens a connection to a peer, giving up after timeout.
func (c *Coordinator) connect(peer string, timeout time.Duration, done func(*state.Node, error)) {
	if peer == c.node.ID {
		done(c.node, nil)
		return
	}
	over := false
	var timer sim.Timer
	finish := func(n *state.Node, err error) {
		if over || c.stopped {
			return
		}
		over = true
		timer.Stop()
		if err == nil {
			c.connected.set(peer, n)
		}
		done(n, err)
	}
	timer = c.in(timeout, "coordination.connect.timeout", func() { finish(nil, errTimeout) })
	c.env.Connect(peer, finish)
}

// Disconnected tells that the connections to and from a peer were closed: reset, or
// because the peer's process ended. Requests to it that are open fail.
func (c *Coordinator) Disconnected(peer string) {
	if c.stopped {
		return
	}
	c.connected.set(peer, nil)
	c.hangUp(peer)
	c.followers.disconnected(peer)
	c.leader.disconnected(peer)
}
