package elastic

import (
	"context"
	"errors"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Question is what several nodes are asked of themselves at once (TransportNodesAction): a
// value. A is what one answers.
type Question[A any] interface {
	Ask(n *Node) (A, error)
}

// nodeQuestion carries one to a node.
type nodeQuestion[A any] struct{ Question[A] }

// nodeAnswer is what a node answers.
type nodeAnswer[A any] struct {
	value A
	err   error
}

func (nodeQuestion[A]) Action() string { return "nodes" }
func (nodeQuestion[A]) Bytes() int64   { return 512 }

func (m nodeQuestion[A]) Serve(q *Process, answer func(int64, nodeAnswer[A])) {
	v, err := m.Ask(q.Node)
	answer(2048, nodeAnswer[A]{v, err})
}

// NodeResult is one node's part of a fan-out.
type NodeResult[A any] struct {
	Node  *state.Node
	Value A
	Err   error
}

// FanOut asks several nodes at once over the network, as Elasticsearch's nodes
// actions do, and waits for all of them; silent ones up to timeout (0: for ever).
// Results stand in the order of targets.
func FanOut[A any](ctx context.Context, n *Node, targets []*state.Node, timeout time.Duration, question Question[A]) []NodeResult[A] {
	out := make([]NodeResult[A], len(targets))
	for i, t := range targets {
		out[i].Node = t
	}
	p := n.Proc
	fail := func(err error) []NodeResult[A] {
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
			Send(p, p.Member(t.ID), nodeQuestion[A]{question}, timeout,
				func(a nodeAnswer[A]) { out[i].Value, out[i].Err = a.value, a.err; report() },
				func(err error) { out[i].Err = nodeFailure(t, err); report() })
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
