package elastic

import (
	"context"
	"errors"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Priority orders the master's tasks.
type Priority = coordination.Priority

// The priorities, most urgent first.
const (
	Immediate = coordination.Immediate
	Urgent    = coordination.Urgent
	High      = coordination.High
	Normal    = coordination.Normal
	Low       = coordination.Low
	Languid   = coordination.Languid
)

// masterCall is a request to the elected master that is repeated while there is none
// or it changes, until its time is over (TransportMasterNodeAction).
type masterCall struct {
	p     *Process
	until time.Duration // since the start of the run
	name  string
	// handle runs on the master; what it gives reply runs on the asking node.
	handle func(q *Process, reply func(bytes int64, deliver func()))
	// gaveUp runs when no master was found in time.
	gaveUp func()
}

func (k *masterCall) try() {
	p := k.p
	id := p.Applied.Master
	if id == "" {
		k.waitForAnother("", p.Applied.Version)
		return
	}
	version := p.Applied.Version
	p.Request(p.Member(id), RPC{
		Name: k.name, Bytes: 512,
		Handle: func(q *Process, reply func(int64, func())) {
			if q.Master == nil {
				reply(0, func() { k.waitForAnother(id, version) })
				return
			}
			k.handle(q, reply)
		},
		Failed: func(error) { k.waitForAnother(id, version) },
	})
}

// waitForAnother tries again once another master, or a newer state of the same, is applied.
func (k *masterCall) waitForAnother(asked string, version int64) {
	left := k.until - k.p.Cluster.Now()
	if left <= 0 {
		k.gaveUp()
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
			k.gaveUp()
		}
	})
}

// MasterTask runs update as a task of the elected master's, wherever it is: the
// request travels to it, is retried while there is none or it changes, until
// masterTimeout has passed (503 master_not_discovered_exception). It returns the
// state published and whether every node acknowledged it within ackTimeout. An
// error of update is returned as it is and publishes nothing; update returning its
// argument publishes nothing.
func (n *Node) MasterTask(ctx context.Context, source string, p Priority, masterTimeout, ackTimeout time.Duration,
	update func(*state.State) (*state.State, error)) (acked bool, published *state.State, err error) {
	proc := n.Proc
	if proc == nil {
		return false, nil, ErrNodeGone
	}
	err = proc.Await(ctx, func(done func(error)) {
		k := &masterCall{p: proc, until: proc.Cluster.Now() + masterTimeout, name: "master." + source}
		k.gaveUp = func() { done(MasterNotDiscovered()) }
		k.handle = func(q *Process, reply func(int64, func())) {
			q.masterTask(source, p, masterTimeout, ackTimeout, update, func(all bool, st *state.State, err error) {
				reply(256, func() {
					if errors.Is(err, ErrNotMaster) {
						k.waitForAnother(q.Node.ID(), proc.Applied.Version)
						return
					}
					acked, published = all, st
					done(err)
				})
			})
		}
		k.try()
	})
	return acked, published, err
}

// masterTask submits the task on the master and answers when it is published and
// acknowledged.
func (p *Process) masterTask(source string, pr Priority, timeout, ackTimeout time.Duration,
	update func(*state.State) (*state.State, error), answer func(bool, *state.State, error)) {
	var published *state.State
	var all, acked bool
	both := func() {
		if published != nil && acked {
			answer(all, published, nil)
		}
	}
	p.Master.Submit(coordination.Task{
		Source: source, Priority: pr, Timeout: timeout, AckTimeout: ackTimeout,
		Update:    update,
		Published: func(_, st *state.State) { published = st; both() },
		Acked:     func(ok bool) { all, acked = ok, true; both() },
	}, func(err error) {
		var late *coordination.TaskTimeoutError
		if errors.As(err, &late) {
			err = &Error{Status: 503, Type: "process_cluster_event_timeout_exception", Reason: late.Error()}
		}
		answer(false, nil, err)
	})
}

// PendingTask is a queued or executing task of the master's.
type PendingTask struct {
	InsertOrder int64
	Priority    Priority
	Source      string
	Executing   bool
	InQueue     time.Duration
}

// PendingTasks are the queued tasks of the master, or with local those of the node itself.
func (n *Node) PendingTasks(ctx context.Context, local bool, masterTimeout time.Duration) ([]PendingTask, error) {
	if local {
		return n.pendingTasks(), nil
	}
	return OnMaster(ctx, n, masterTimeout, func(m *Node) ([]PendingTask, error) { return m.pendingTasks(), nil })
}

func (n *Node) pendingTasks() []PendingTask {
	if n.Proc == nil || n.Proc.Coord == nil {
		return nil
	}
	var out []PendingTask
	for _, t := range n.Proc.Coord.PendingTasks() {
		out = append(out, PendingTask{InsertOrder: t.Order, Priority: t.Priority, Source: t.Source, Executing: t.Executing, InQueue: t.Waiting})
	}
	return out
}

// ReadState is the elected master's applied state, or with local the node's own. The
// master is waited for up to masterTimeout.
func (n *Node) ReadState(ctx context.Context, local bool, masterTimeout time.Duration) (*state.State, error) {
	if local {
		return n.Applied(), nil
	}
	return OnMaster(ctx, n, masterTimeout, func(m *Node) (*state.State, error) { return m.Applied(), nil })
}

// WhenState waits until the node has applied a state that satisfies ok, or until the
// timeout, and reports whether it did. A state that satisfies it already counts.
func (n *Node) WhenState(ctx context.Context, timeout time.Duration, ok func(*state.State) bool) (bool, error) {
	p := n.Proc
	if p == nil {
		return false, ErrNodeGone
	}
	var was bool
	err := p.Await(ctx, func(done func(error)) {
		if ok(p.Applied) {
			was = true
			done(nil)
			return
		}
		p.whenState(timeout, ok, func(is bool) { was = is; done(nil) })
	})
	return was, err
}

// OnMaster runs f on the elected master, waited for up to masterTimeout, and brings
// its answer back over the network.
func OnMaster[T any](ctx context.Context, n *Node, masterTimeout time.Duration, f func(master *Node) (T, error)) (T, error) {
	var out T
	p := n.Proc
	if p == nil {
		return out, ErrNodeGone
	}
	err := p.Await(ctx, func(done func(error)) {
		k := &masterCall{p: p, until: p.Cluster.Now() + masterTimeout, name: "master.read"}
		k.gaveUp = func() { done(MasterNotDiscovered()) }
		k.handle = func(q *Process, reply func(int64, func())) {
			v, err := f(q.Node)
			reply(2048, func() { out = v; done(err) })
		}
		k.try()
	})
	return out, err
}

// NodeResult is one node's part of a fan-out.
type NodeResult[T any] struct {
	Node  *state.Node
	Value T
	Err   error
}

// FanOut asks several nodes at once over the network, as Elasticsearch's nodes
// actions do, and waits for all of them; silent ones up to timeout (0: for ever).
// Results stand in the order of targets. f runs on the target.
func FanOut[T any](ctx context.Context, n *Node, targets []*state.Node, timeout time.Duration, f func(*Node) (T, error)) []NodeResult[T] {
	out := make([]NodeResult[T], len(targets))
	for i, t := range targets {
		out[i].Node = t
	}
	p := n.Proc
	fail := func(err error) []NodeResult[T] {
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	if p == nil {
		return fail(ErrNodeGone)
	}
	err := p.Await(ctx, func(done func(error)) {
		report := Gather(len(targets), func() { done(nil) })
		for i, t := range targets {
			p.Request(p.Member(t.ID), RPC{
				Name: "nodes", Bytes: 512, Timeout: timeout,
				Handle: func(q *Process, reply func(int64, func())) {
					v, err := f(q.Node)
					reply(2048, func() { out[i].Value, out[i].Err = v, err; report() })
				},
				Failed: func(err error) { out[i].Err = nodeFailure(t, err); report() },
			})
		}
	})
	if err != nil {
		return fail(err)
	}
	return out
}

// nodeFailure is what a coordinating node says of one that did not answer.
func nodeFailure(t *state.Node, err error) error {
	cause := &Error{Type: "node_disconnected_exception", Status: 500, Reason: "[" + t.Name + "][" + t.Address + "] disconnected"}
	if errors.Is(err, errTimeout) {
		cause = &Error{Type: "receive_timeout_transport_exception", Status: 500, Reason: "[" + t.Name + "][" + t.Address + "] request timed out"}
	}
	return &Error{
		Status: 500, Type: "failed_node_exception", Reason: "Failed node [" + t.ID + "]",
		Fields: []Field{{Name: "node_id", Value: t.ID}}, CausedBy: cause,
	}
}
