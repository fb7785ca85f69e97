package elastic

import (
	"context"
	"errors"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// What a node asks of the elected master on behalf of a caller: changes of the cluster state,
// and what the master knows.

// MasterQuestion is what the elected master is asked: a value. A is its answer.
type MasterQuestion[A any] interface {
	AskMaster(m *Master) (A, error)
}

// Change is what the elected master is asked to make of the cluster state: a value.
type Change interface {
	// Change is the next state; its argument where there is nothing to change.
	Change(m *Master, st *state.State) (*state.State, error)
}

// TellingChange is a change of which the master tells A beside the state that it publishes.
type TellingChange[A any] interface {
	ChangeTelling(m *Master, st *state.State) (*state.State, A, error)
}

// masterAnswer is what a node answers that was asked as the elected master.
type masterAnswer[A any] struct {
	value  A
	err    error
	absent bool // it isn't the master
}

// masterCall is a message to the elected master that is repeated while there is none
// or it changes, until its time is over (TransportMasterNodeAction).
type masterCall[A any] struct {
	p     *Process
	until time.Duration // since the start of the run
	ask   Message[masterAnswer[A]]
	done  func(A, error)
}

// callMaster begins one.
func callMaster[A any](p *Process, timeout time.Duration, ask Message[masterAnswer[A]], done func(A, error)) {
	k := &masterCall[A]{p: p, until: p.Cluster.Now() + timeout, ask: ask, done: done}
	k.try()
}

func (k *masterCall[A]) try() {
	p := k.p
	id := p.Applied.Master
	if id == "" {
		k.waitForAnother("", p.Applied.Version)
		return
	}
	version := p.Applied.Version
	Send(p, p.Member(id), k.ask, 0, func(a masterAnswer[A]) {
		switch {
		case a.absent:
			k.waitForAnother(id, version)
		case errors.Is(a.err, ErrNotMaster):
			k.waitForAnother(id, p.Applied.Version)
		default:
			k.done(a.value, a.err)
		}
	}, func(error) { k.waitForAnother(id, version) })
}

// waitForAnother tries again once another master, or a newer state of the same, is applied.
func (k *masterCall[A]) waitForAnother(asked string, version int64) {
	left := k.until - k.p.Cluster.Now()
	if left <= 0 {
		k.giveUp()
		return
	}
	other := func(st *state.State) bool {
		return st.Master != "" && (st.Master != asked || st.Version > version)
	}
	if other(k.p.Applied) {
		k.try()
		return
	}
	k.p.whenState(left, other, func(ok bool) {
		if ok {
			k.try()
		} else {
			k.giveUp()
		}
	})
}

func (k *masterCall[A]) giveUp() {
	var none A
	k.done(none, MasterNotDiscovered())
}

// changed is what comes of a change.
type changed[A any] struct {
	acked     bool
	published *state.State
	reply     A
}

// masterTask carries a change to the master, as a task of the master service's.
type masterTask[A any] struct {
	source              string
	priority            Priority
	timeout, ackTimeout time.Duration
	change              TellingChange[A]
}

func (m masterTask[A]) Action() string { return "master." + m.source }
func (masterTask[A]) Bytes() int64     { return 512 }

// Serve submits the task and answers when it is published and acknowledged.
func (m masterTask[A]) Serve(q *Process, answer func(int64, masterAnswer[changed[A]])) {
	master := q.Master
	if master == nil {
		answer(0, masterAnswer[changed[A]]{absent: true})
		return
	}
	var out changed[A]
	acked := false
	both := func() {
		if out.published != nil && acked {
			answer(256, masterAnswer[changed[A]]{value: out})
		}
	}
	master.Submit(coordination.Task{
		Source: m.source, Priority: m.priority, Timeout: m.timeout, AckTimeout: m.ackTimeout,
		Update: func(st *state.State) (next *state.State, err error) {
			next, out.reply, err = m.change.ChangeTelling(master, st)
			return next, err
		},
		Published: func(_, st *state.State) { out.published = st; both() },
		Acked:     func(ok bool) { out.acked, acked = ok, true; both() },
	}, func(err error) {
		var late *coordination.TaskTimeoutError
		if errors.As(err, &late) {
			err = &Error{Status: 503, Type: "process_cluster_event_timeout_exception", Reason: late.Error()}
		}
		answer(256, masterAnswer[changed[A]]{value: changed[A]{reply: out.reply}, err: err})
	})
}

// MasterTask has the elected master make a change, wherever it is: the
// request travels to it, is retried while there is none or it changes, until
// masterTimeout has passed (503 master_not_discovered_exception). It returns the
// state published and whether every node acknowledged it within ackTimeout. An
// error of the change is returned as it is and publishes nothing; a change that returns its
// argument publishes nothing.
func (n *Node) MasterTask(ctx context.Context, source string, p Priority, masterTimeout, ackTimeout time.Duration,
	change Change) (acked bool, published *state.State, err error) {
	_, acked, published, err = TellingTask(ctx, n, source, p, masterTimeout, ackTimeout, silent{change})
	return acked, published, err
}

// silent is a change of which there is nothing to tell.
type silent struct{ Change }

func (c silent) ChangeTelling(m *Master, st *state.State) (*state.State, struct{}, error) {
	next, err := c.Change.Change(m, st)
	return next, struct{}{}, err
}

// TellingTask is [Node.MasterTask] of a change that the master tells something of; it does
// so of one that fails, too.
func TellingTask[A any](ctx context.Context, n *Node, source string, p Priority, masterTimeout, ackTimeout time.Duration,
	change TellingChange[A]) (reply A, acked bool, published *state.State, err error) {
	proc := n.Proc
	if proc == nil {
		return reply, false, nil, ErrNodeGone
	}
	err = proc.Await(ctx, func(done func(error)) {
		task := masterTask[A]{source: source, priority: p, timeout: masterTimeout, ackTimeout: ackTimeout, change: change}
		callMaster(proc, masterTimeout, task, func(c changed[A], err error) {
			reply, acked, published = c.reply, c.acked, c.published
			done(err)
		})
	})
	return reply, acked, published, err
}

// masterRead carries a question to the master.
type masterRead[A any] struct{ MasterQuestion[A] }

func (masterRead[A]) Action() string { return "master.read" }
func (masterRead[A]) Bytes() int64   { return 512 }

func (m masterRead[A]) Serve(q *Process, answer func(int64, masterAnswer[A])) {
	if q.Master == nil {
		answer(0, masterAnswer[A]{absent: true})
		return
	}
	v, err := m.AskMaster(q.Master)
	answer(2048, masterAnswer[A]{value: v, err: err})
}

// OnMaster asks the elected master, waited for up to masterTimeout.
func OnMaster[A any](ctx context.Context, n *Node, masterTimeout time.Duration, question MasterQuestion[A]) (A, error) {
	var out A
	p := n.Proc
	if p == nil {
		return out, ErrNodeGone
	}
	err := p.Await(ctx, func(done func(error)) {
		callMaster(p, masterTimeout, masterRead[A]{question}, func(v A, err error) {
			out = v
			done(err)
		})
	})
	return out, err
}
