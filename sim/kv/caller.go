package kv

import (
	"time"

	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
)

// Caller asks the nodes of a Fleet over the network: a client's connections. It is an
// endpoint of its own.
type Caller struct {
	f     *Fleet
	name  string
	calls map[uint64]*fleetCall
	next  uint64
}

type fleetCall struct {
	done  func(wire.Message)
	timer sim.Timer
}

// NewCaller adds a client to the network.
func (f *Fleet) NewCaller(name string) *Caller {
	f.Network.AddEndpoint(name, sim.EndpointSpec{Latency: f.cfg.Latency})
	return &Caller{f: f, name: name, calls: make(map[uint64]*fleetCall)}
}

// Ask asks a machine's node and calls done once: with the answer, or with nil when there
// was none in time or nobody listens.
func (k *Caller) Ask(machine string, msg wire.Message, timeout time.Duration, done func(wire.Message)) {
	k.next++
	number := k.next
	k.calls[number] = &fleetCall{done: done, timer: k.f.Engine.After(timeout, "kv.timeout", func() { k.end(number, nil) })}
	frame, err := wire.Append(nil, msg)
	if err != nil {
		k.f.fail(err)
		return
	}
	m := k.f.byName[machine]
	if m == nil {
		k.end(number, nil)
		return
	}
	k.f.Network.SendOr(k.name, machine, len(frame), func() {
		got, _, err := wire.Decode(frame)
		if err != nil {
			k.f.fail(err)
			return
		}
		m.run(func() {
			k.f.answers = append(k.f.answers, fleetAnswer{k, number})
			m.step(kvnode.Asked{ID: uint64(len(k.f.answers) - 1), M: got})
		})
	}, func(error) { k.end(number, nil) })
}

// end ends a call, unless it is over.
func (k *Caller) end(number uint64, answer wire.Message) {
	c := k.calls[number]
	if c == nil {
		return
	}
	delete(k.calls, number)
	c.timer.Stop()
	c.done(answer)
}

// answer sends an answer back to its caller.
func (f *Fleet) answer(m *Machine, a kvnode.Answer) {
	way := f.answers[a.ID]
	frame, err := wire.Append(nil, a.M)
	if err != nil {
		f.fail(err)
		return
	}
	f.Network.Send(m.name, way.caller.name, len(frame), func() {
		got, _, err := wire.Decode(frame)
		if err != nil {
			f.fail(err)
			return
		}
		way.caller.end(way.number, got)
	})
}
