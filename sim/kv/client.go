package kv

import (
	"time"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
)

// Client sends requests over the network. It is an endpoint of its own.
type Client struct {
	c    *Cluster
	name string
	// calls are those under way; an answer finds its own by number.
	calls map[uint64]*call
	next  uint64
}

type call struct {
	done  func(*wire.Response)
	timer sim.Timer
}

// pendingAnswer is the way back to a client, under the number that the copy was given.
type pendingAnswer struct {
	client *Client
	number uint64
}

// NewClient adds a client to the network.
func (c *Cluster) NewClient(name string) *Client {
	c.Network.AddEndpoint(name, sim.EndpointSpec{Latency: c.cfg.Latency})
	return &Client{c: c, name: name, calls: make(map[uint64]*call)}
}

// Do sends a request to a node and calls done once: with the answer, or with nil when
// there was none in time or nobody listens.
func (k *Client) Do(to shardmap.NodeID, r *wire.Request, timeout time.Duration, done func(*wire.Response)) {
	k.next++
	number := k.next
	end := func(a *wire.Response) {
		p := k.calls[number]
		if p == nil {
			return
		}
		delete(k.calls, number)
		p.timer.Stop()
		p.done(a)
	}
	k.calls[number] = &call{done: done, timer: k.c.Engine.After(timeout, "kv.timeout", func() { end(nil) })}
	frame, err := wire.Append(nil, r)
	if err != nil {
		k.c.fail(err)
		return
	}
	n := k.c.byID[to]
	k.c.Network.SendOr(k.name, string(to), len(frame), func() {
		m, _, err := wire.Decode(frame)
		if err != nil {
			k.c.fail(err)
			return
		}
		req := m.(*wire.Request)
		n.run(func() { n.step(req.Shard, replica.Request{ID: k.c.remember(k, number), R: req}) })
	}, func(error) { end(nil) })
}

// remember makes the number under which a copy knows a call.
func (c *Cluster) remember(k *Client, number uint64) uint64 {
	c.answers = append(c.answers, pendingAnswer{k, number})
	return uint64(len(c.answers) - 1)
}

// answer sends an answer back to its client.
func (c *Cluster) answer(n *node, a replica.Answer) {
	p := c.answers[a.ID]
	frame, err := wire.Append(nil, a.R)
	if err != nil {
		c.fail(err)
		return
	}
	c.Network.Send(string(n.id), p.client.name, len(frame), func() {
		m, _, err := wire.Decode(frame)
		if err != nil {
			c.fail(err)
			return
		}
		if k := p.client.calls[p.number]; k != nil {
			delete(p.client.calls, p.number)
			k.timer.Stop()
			k.done(m.(*wire.Response))
		}
	})
}
