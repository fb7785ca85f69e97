package elastic

import (
	"context"
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
		return n.OwnTasks(), nil
	}
	return OnMaster(ctx, n, masterTimeout, pendingTasks{})
}

// pendingTasks asks for the queued tasks, readState for the applied state.
type (
	pendingTasks struct{}
	readState    struct{}
)

func (pendingTasks) AskMaster(m *Master) ([]PendingTask, error) {
	return m.Process.Node.OwnTasks(), nil
}

func (readState) AskMaster(m *Master) (*state.State, error) { return m.Process.Applied, nil }

// OwnTasks are the node's own.
func (n *Node) OwnTasks() []PendingTask {
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
	return OnMaster(ctx, n, masterTimeout, readState{})
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
