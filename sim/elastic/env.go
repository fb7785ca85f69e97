package elastic

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// env is what a coordinator gets of its node: a network without connections to
// open (they are there as long as the other end and the links are), a disk, timers.
type env struct{ p *process }

var _ coordination.Env = (*env)(nil)

// coordination configures the process's coordinator.
func (p *process) coordination() coordination.Config {
	c := p.c
	return coordination.Config{
		Node:           p.n.describe(p.ephemeral),
		ClusterName:    c.name,
		Settings:       p.n.cfg.Settings,
		InitialMasters: c.initialMasters,
		Persistent:     c.baseSettings(),
		Persisted:      p.n.persisted,
		Board:          c.board,
		Invariants:     c.rules,
		Hooks: coordination.Hooks{
			NodesLeft:    p.nodesLeft,
			NodesChanged: p.nodesChanged,
			Recover:      p.recoverState,
			ModeChanged:  p.modeChanged,
		},
		Costs: coordination.Costs{
			Update:  func(_ int, st *state.State) time.Duration { return c.cal.StateUpdate + copiesOf(st)*c.cal.PerCopy },
			Accept:  func(*state.State) time.Duration { return p.cost(c.cal.StateAccept) + p.n.disk.Delay() },
			Term:    c.cal.TermWrite,
			Failure: c.cal.FailureNotice,
			Spread:  noticeSpread,
		},
	}
}

// noticeSpread is about how far apart a node notices that several others have gone.
const noticeSpread = 4 * time.Millisecond

// copiesOf counts the shard copies of a state.
func copiesOf(st *state.State) (n time.Duration) {
	for _, m := range st.Indices {
		n += time.Duration(m.Shards * (1 + m.Replicas))
	}
	return n
}

func (v *env) Now() sim.Time { return v.p.c.e.Now() }

func (v *env) After(d time.Duration, name string, f func()) sim.Timer { return v.p.after(d, name, f) }

func (v *env) Stream(purpose string) *rand.Rand {
	return v.p.c.e.Stream("coordination."+purpose, v.p.n.Name())
}

// Connect shakes hands: a message there and back.
func (v *env) Connect(peer string, done func(*state.Node, error)) {
	p, to := v.p, v.p.node(peer)
	if to == nil {
		done(nil, sim.ErrUnknownEndpoint)
		return
	}
	if to == p.n {
		done(p.n.Self(), nil)
		return
	}
	p.request(to, rpc{
		name: "handshake",
		handle: func(q *process, reply func(int64, func())) {
			self := q.n.Self()
			reply(0, func() { done(self, nil) })
		},
		failed: func(err error) { done(nil, err) },
	})
}

func (v *env) Send(to string, msg *coordination.Message, failed func(error)) {
	p, target := v.p, v.p.node(to)
	if target == nil {
		if failed != nil {
			failed(sim.ErrUnknownEndpoint)
		}
		return
	}
	from := p.n.ID()
	p.send(target, msg.Bytes(), func(q *process) { q.coord.Receive(from, msg) }, failed)
}

func (v *env) Underway(to string, msg *coordination.Message, arrives time.Duration, failed func(error)) {
	p, target := v.p, v.p.node(to)
	from := p.n.ID()
	life := target.incarnation
	p.c.e.After(arrives, "net.underway", func() {
		q := target.proc
		switch {
		case p.c.net.Reachable(p.n.Name(), target.Name()) != sim.Open:
			return
		case q == nil || !q.upYet || target.incarnation != life:
			if failed != nil {
				p.run(func() { failed(sim.ErrReset) })
			}
			return
		}
		q.run(func() { q.coord.Receive(from, msg) })
	})
}

func (v *env) Path(peer string) coordination.Path {
	p, to := v.p, v.p.node(peer)
	net, a, b := p.c.net, v.p.n.Name(), ""
	if to == nil {
		return coordination.Path{}
	}
	b = to.Name()
	out, _ := net.Latency(a, b)
	back, _ := net.Latency(b, a)
	path := coordination.Path{
		OutOpen: net.Reachable(a, b) == sim.Open, BackOpen: net.Reachable(b, a) == sim.Open,
		Out: out, Back: back,
	}
	path.Steady = path.OutOpen && path.BackOpen && !p.dead && !p.paused &&
		to.proc != nil && to.proc.upYet && !to.proc.paused
	return path
}

// stateWrite is about what a change of the cluster state takes on disk at least: the
// metadata index commits a handful of small files.
const stateWrite = 16 << 10

// Persist writes to the node's data disk. One that is full refuses, and with it the node
// refuses states and terms; only nodes that can't be elected go on without (their
// AsyncPersistedState writes later).
func (v *env) Persist(ps coordination.Persisted) error {
	n := v.p.n
	if !n.room(stateWrite) && slices.Contains(n.cfg.Roles, "master") {
		return errors.New(errNoSpace)
	}
	n.persisted = ps
	return nil
}

// Seeds are all nodes of the configuration, as discovery.seed_hosts would name them.
func (v *env) Seeds() []string {
	ids := make([]string, 0, len(v.p.c.nodes))
	for _, n := range v.p.c.nodes {
		ids = append(ids, n.ID())
	}
	return ids
}

func (v *env) Apply(st *state.State, done func()) { v.p.applier.queue(v.p, st, done) }
