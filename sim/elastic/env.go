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
type env struct{ p *Process }

func NewEnv(p *Process) coordination.Env { return &env{p} }

// Coordination configures the process's coordinator.
func (p *Process) Coordination() coordination.Config {
	c := p.Cluster
	return coordination.Config{
		Node:           p.Node.describe(p.ephemeral),
		ClusterName:    c.name,
		Settings:       p.Node.cfg.Settings,
		InitialMasters: c.initialMasters,
		Persistent:     c.BaseSettings(),
		Persisted:      p.Node.Persisted,
		Board:          c.board,
		Invariants:     c.rules,
		Hooks: coordination.Hooks{
			NodesLeft:    p.nodesLeft,
			NodesChanged: p.nodesChanged,
			Recover:      p.recoverState,
			ModeChanged:  p.modeChanged,
		},
		Costs: coordination.Costs{
			Update: func(_ int, st *state.State) time.Duration {
				return c.Calibration.StateUpdate + copiesOf(st)*c.Calibration.PerCopy
			},
			Accept:  func(*state.State) time.Duration { return p.cost(c.Calibration.StateAccept) + p.Node.disk.Delay() },
			Term:    c.Calibration.TermWrite,
			Failure: c.Calibration.FailureNotice,
			Spread:  c.Calibration.FailureNotice,
		},
	}
}

// copiesOf counts the shard copies of a state.
func copiesOf(st *state.State) (n time.Duration) {
	for _, m := range st.Indices {
		n += time.Duration(m.Shards * (1 + m.Replicas))
	}
	return n
}

func (v *env) Now() sim.Time { return v.p.Cluster.e.Now() }

func (v *env) After(d time.Duration, name string, f func()) sim.Timer { return v.p.After(d, name, f) }

func (v *env) Stream(purpose string) *rand.Rand {
	return v.p.Cluster.e.Stream("coordination."+purpose, v.p.Node.Name())
}

// Connect shakes hands: a message there and back.
func (v *env) Connect(peer string, done func(*state.Node, error)) {
	p, to := v.p, v.p.Member(peer)
	if to == nil {
		done(nil, sim.ErrUnknownEndpoint)
		return
	}
	if to == p.Node {
		done(p.Node.Self(), nil)
		return
	}
	Send(p, to, handshake{}, 0, func(self *state.Node) { done(self, nil) }, func(err error) { done(nil, err) })
}

func (v *env) Send(to string, msg *coordination.Message, failed func(error)) {
	p, target := v.p, v.p.Member(to)
	if target == nil {
		if failed != nil {
			failed(sim.ErrUnknownEndpoint)
		}
		return
	}
	from := p.Node.ID()
	p.send(target, msg.Bytes(), func(q *Process) { q.Coord.Receive(from, msg) }, failed)
}

func (v *env) Underway(to string, msg *coordination.Message, arrives time.Duration, failed func(error)) {
	p, target := v.p, v.p.Member(to)
	from := p.Node.ID()
	life := target.Lives
	p.Cluster.e.After(arrives, "net.underway", func() {
		q := target.Proc
		switch {
		case p.Cluster.net.Reachable(p.Node.Name(), target.Name()) != sim.Open:
			return
		case q == nil || !q.UpYet || target.Lives != life:
			if failed != nil {
				p.Run(func() { failed(sim.ErrReset) })
			}
			return
		}
		q.Run(func() { q.Coord.Receive(from, msg) })
	})
}

func (v *env) Path(peer string) coordination.Path {
	p, to := v.p, v.p.Member(peer)
	net, a, b := p.Cluster.net, v.p.Node.Name(), ""
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
	path.Steady = path.OutOpen && path.BackOpen && !p.dead && !p.Paused &&
		to.Proc != nil && to.Proc.UpYet && !to.Proc.Paused
	return path
}

// stateWrite is about what a change of the cluster state takes on disk at least: the
// metadata index commits a handful of small files.
const stateWrite = 16 << 10

// Persist writes to the node's data disk. One that is full refuses, and with it the node
// refuses states and terms; only nodes that can't be elected go on without (their
// AsyncPersistedState writes later).
func (v *env) Persist(ps coordination.Persisted) error {
	n := v.p.Node
	if !n.HasRoom(stateWrite) && slices.Contains(n.cfg.Roles, "master") {
		return errors.New(errNoSpace)
	}
	n.Persisted = ps
	return nil
}

// Seeds are all nodes of the configuration, as discovery.seed_hosts would name them.
func (v *env) Seeds() []string {
	ids := make([]string, 0, len(v.p.Cluster.nodes))
	for _, n := range v.p.Cluster.nodes {
		ids = append(ids, n.ID())
	}
	return ids
}

func (v *env) Apply(st *state.State, done func()) { v.p.applier.queue(v.p, st, done) }
