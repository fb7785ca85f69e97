package elastic

import (
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// replicationRetryBound is indices.replication.initial_retry_backoff_bound: the
// first retry waits a random part of it, each later one of twice the bound before.
const replicationRetryBound = 50 * time.Millisecond

// replicaRetry is an operation that could not be delivered to a copy and waits for its
// next attempt. Only trouble of the connection is retried: a node that has left is
// taken out of the routing table meanwhile, and the wait ends with that; its copy is
// then missing because the node left, not failed by this primary. Source:
// ReplicationOperation.performOnReplica, RetryableAction, PendingReplicationActions.
type replicaRetry struct {
	op    *replicationOp
	copy  *state.Copy
	err   error
	began sim.Time
	bound time.Duration
	timer sim.Timer
}

// undelivered decides between another attempt and giving the copy up.
func (op *replicationOp) undelivered(r *replicaRetry, err error) {
	s := op.s
	r.err = err
	connection := errors.Is(err, sim.ErrReset) || errors.Is(err, sim.ErrRefused)
	if !connection || s.Phase == Closed || s.Tracker != op.t || s.table.With(r.copy.AllocationID) == nil ||
		s.Now().Sub(r.began) > load.RetryTimeout {
		op.replicated(r.copy, err)
		return
	}
	wait := time.Millisecond * time.Duration(1+s.Process.Cluster.e.Stream("elastic.replication-retry", s.Process.Node.Name()).Int64N(r.bound.Milliseconds()))
	r.bound *= 2
	op.t.retries = append(op.t.retries, r)
	r.timer = s.Process.After(wait, "replication.retry", func() {
		op.t.retries = slices.DeleteFunc(op.t.retries, func(o *replicaRetry) bool { return o == r })
		op.attempt(r)
	})
}

// giveUpOnLeavers ends the wait for copies that the routing table no longer has.
func (t *tracker) giveUpOnLeavers() {
	t.endRetries(func(r *replicaRetry) bool { return t.s.table.With(r.copy.AllocationID) == nil })
}

// endRetries gives up the operations whose wait is over: the master is asked to fail
// the copy, and says so if this primary's term is over.
func (t *tracker) endRetries(over func(*replicaRetry) bool) {
	var ended []*replicaRetry
	t.retries = slices.DeleteFunc(t.retries, func(r *replicaRetry) bool {
		if over(r) {
			ended = append(ended, r)
			return true
		}
		return false
	})
	for _, r := range ended {
		r.timer.Stop()
		r.op.replicated(r.copy, r.err)
	}
}
