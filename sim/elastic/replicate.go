package elastic

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/planted"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Block holds new writes back; when those under way are done, quiet runs.
func (t *tracker) Block(quiet func()) {
	t.blocked = true
	if t.writes == 0 {
		quiet()
		return
	}
	t.idle = append(t.idle, quiet)
}

// Unblock lets the writes that were held back go on.
func (t *tracker) Unblock() {
	if !t.blocked {
		return
	}
	t.blocked = false
	held := t.blockedQ
	t.blockedQ = nil
	for _, f := range held {
		f()
	}
}

func (t *tracker) written() {
	t.writes--
	if t.writes > 0 {
		return
	}
	idle := t.idle
	t.idle = nil
	for _, f := range idle {
		f()
	}
}

// primaryBulk performs items on the primary and replicates them; done is called when
// every copy that has to have them has them (ReplicationOperation).
func (p *Process) primaryBulk(m shardWrite, done func(written)) {
	s := p.Shards[m.key]
	switch {
	case s != nil && m.delegated && s.Tracker != nil:
		m.copy, m.term = s.Routing.AllocationID, s.Term
	case m.delegated:
		done(m.moved())
		return
	}
	switch {
	case s == nil || s.Phase == Closed || s.Routing.AllocationID != m.copy && s.handedOff == "":
		done(m.moved())
		return
	case s.handedOff != "":
		p.delegate(s, m, done)
		return
	case s.Tracker == nil || s.Term != m.term:
		done(m.moved())
		return
	case s.Tracker.blocked:
		m.delegated = false
		s.Tracker.blockedQ = append(s.Tracker.blockedQ, func() { p.primaryBulk(m, done) })
		return
	}
	if need := indexmeta.ActiveCount(s.Meta, m.opt.WaitForActiveShards); indexmeta.ActiveCopies(s.table) < need {
		done(m.later(fmt.Sprintf("Not enough active copies to meet shard count of [%s] (have %d, needed %d).",
			countText(m.opt, s), indexmeta.ActiveCopies(s.table), need)))
		return
	}
	s.Tracker.writes++
	t := s.Tracker
	run := func(held time.Duration) {
		s.Counters.IndexTime += held
		if s.Phase == Closed || s.Tracker != t {
			done(m.moved())
			return
		}
		op := &replicationOp{s: s, t: t, term: s.Term, results: make([]BulkResult, len(m.items)), opt: m.opt, done: done}
		op.perform(m.items)
	}
	p.Pools.Execute(load.WritePool, load.Task{
		Name: "index.primary", Cost: time.Duration(len(m.items)) * p.Cluster.Calibration.IndexOp, Ops: len(m.items), Run: run,
		Refused: func(err *Error) { t.written(); done(written{failed: err}) },
	})
}

// moved is the answer of a node that does not have the primary any more.
func (m *shardWrite) moved() written { return m.later("primary shard is not active") }

// later is the answer of one that can't write now.
func (m *shardWrite) later(why string) written {
	return written{retry: true, failed: &Error{
		Status: 503, Type: "unavailable_shards_exception",
		Reason: fmt.Sprintf("[%s][%d] %s Timeout: [%s], request: [BulkShardRequest [[%s][%d]] containing %s]",
			m.items[0].Index, m.key.Shard, why, settings.TimeText(m.opt.Timeout), m.items[0].Index, m.key.Shard, requestsText(m.items)),
	}}
}

func countText(opt BulkOptions, s *Shard) string {
	if opt.WaitForActiveShards != "" {
		return opt.WaitForActiveShards
	}
	return settings.IndexWaitForActiveShards.Get(s.Meta.Settings)
}

// delegate passes a write on to the relocation target that has become the primary.
func (p *Process) delegate(s *Shard, m shardWrite, done func(written)) {
	m.delegated = true
	Send(p, p.Member(s.handedOff), m, 0, done, func(error) { done(m.moved()) })
}

// replicationOp is a performed bulk on its way to the other copies.
type replicationOp struct {
	s       *Shard
	t       *tracker
	term    int64
	docs    []*store.Doc
	results []BulkResult
	opt     BulkOptions
	done    func(written)

	pending  int
	total    int
	ok       int
	failures []ShardFailure
	lost     bool // this primary is not the primary any more
}

// perform executes the items on the primary and sends what they did to the group.
func (op *replicationOp) perform(items []BulkItem) {
	s := op.s
	s.Store.Settle()
	op.t.SyncLeases()
	for i := range items {
		op.results[i] = BulkResult{Op: items[i].Op, Index: items[i].Index, ID: items[i].ID}
		if d := s.execute(&items[i], &op.results[i]); d != nil {
			op.docs = append(op.docs, d)
		}
	}
	op.total, op.ok = 1, 1
	for _, c := range s.table.Copies {
		if c.AllocationID != s.Routing.AllocationID || !c.Assigned() {
			op.total++
		}
	}
	op.pending = 1
	if len(op.docs) > 0 {
		for _, c := range op.t.targets() {
			op.send(c)
		}
		for _, id := range op.t.unavailable() {
			op.markStale(id)
		}
	}
	if planted.Is(planted.AckBeforeReplication) {
		op.done(written{results: slices.Clone(op.results)})
		op.done = func(written) {}
	}
	s.Process.synced(op.finished)
}

// finished is called as each part ends; the last one answers.
func (op *replicationOp) finished() {
	op.pending--
	if op.pending > 0 {
		return
	}
	s := op.s
	if s.Phase != Closed && s.Tracker == op.t {
		op.t.syncGlobal()
	}
	op.t.written()
	if op.lost {
		op.done(written{retry: true, failed: &Error{Status: 503, Type: "unavailable_shards_exception", Reason: "primary term is over"}})
		return
	}
	info := ShardInfo{Total: op.total, Successful: op.ok, Failed: len(op.failures), Failures: op.failures}
	for i := range op.results {
		if op.results[i].Err == nil {
			op.results[i].Shards = info
		}
	}
	op.makeVisible(func() { op.done(written{results: op.results}) })
}

// makeVisible follows the refresh policy before the answer.
func (op *replicationOp) makeVisible(then func()) {
	s := op.s
	if s.Phase == Closed || op.opt.Refresh == RefreshNone {
		then()
		return
	}
	if op.opt.Refresh == RefreshImmediate {
		s.RefreshNow()
		for _, c := range s.table.Copies {
			if st := s.Process.StoreOf(c, s.Key); st != nil && c.Active() && s.Process.linked(c.Node) {
				st.Engine.Refresh(s.Now())
			}
		}
		for i := range op.results {
			op.results[i].ForcedRefresh = op.results[i].Err == nil
		}
		then()
		return
	}
	s.lastSearch = s.Now() // a waiting listener keeps the shard from going idle
	s.Process.After(s.untilRefresh(), "refresh.wait", then)
}

// send replicates to one copy.
func (op *replicationOp) send(c *state.Copy) {
	s := op.s
	op.pending++
	if st := s.Process.StoreOf(c, s.Key); st != nil {
		for _, d := range op.docs {
			st.Engine.Expect(d.SeqNo)
		}
	}
	op.attempt(&replicaRetry{op: op, copy: c, began: s.Now(), bound: replicationRetryBound})
}

// attempt sends the operations to a copy, for the first time or again.
func (op *replicationOp) attempt(r *replicaRetry) {
	s, c := op.s, r.copy
	ops := replicaOps{key: s.Key, copy: c.AllocationID, term: op.term, global: op.t.GlobalCheckpoint(), docs: op.docs}
	Send(s.Process, s.Process.Member(c.Node), ops, 0,
		func(failed *Error) { op.replicated(c, orNil(failed)) },
		func(err error) { op.undelivered(r, err) })
}

// replicated counts a copy that answered, or has the master fail it before anything is
// acknowledged without it.
func (op *replicationOp) replicated(c *state.Copy, err error) {
	if err == nil {
		op.ok++
		op.finished()
		return
	}
	op.failures = append(op.failures, ShardFailure{
		Index: c.Index, Shard: c.Shard, Node: c.Node, Status: "INTERNAL_SERVER_ERROR", Reason: AsError(err),
	})
	if planted.Is(planted.FailedCopyStaysInSync) {
		op.finished()
		return
	}
	op.s.Process.failCopy(op.s.Key, c.AllocationID, op.term, true,
		fmt.Sprintf("failed to perform indices:data/write/bulk[s] on replica %s", c.Describe()), err.Error(), op.mastersWord)
}

// orNil is what a copy answered as an error.
func orNil(failed *Error) error {
	if failed == nil {
		return nil
	}
	return failed
}

// markStale has the master take a copy that no node holds out of the in-sync set.
func (op *replicationOp) markStale(id string) {
	op.pending++
	op.s.Process.failCopy(op.s.Key, id, op.term, true, "failed to mark shard as stale", "", op.mastersWord)
}

// mastersWord goes on when the master has failed a copy; if it says that this primary's
// term is over, nothing may be acknowledged.
func (op *replicationOp) mastersWord(err error) {
	if errors.Is(err, errNoLongerPrimary) && !planted.Is(planted.MastersWordIgnored) {
		op.lost = true
		if op.s.Phase != Closed {
			op.s.fail("primary shard was demoted while failing replica shard", err.Error())
		}
	}
	op.finished()
}

// replicate applies a primary's operations on a copy.
func (q *Process) replicate(m replicaOps, done func(*Error)) {
	s := q.Shards[m.key]
	if s == nil || s.Routing.AllocationID != m.copy || s.Phase == Closed {
		done(&Error{Status: 404, Type: "shard_not_found_exception", Reason: "no such shard"})
		return
	}
	if m.resync && s.Term <= m.term {
		s.Store.Settle()
		most := s.Engine().Max
		s.Engine().Rollback(m.global)
		s.Engine().Max = max(most, m.global)
	}
	if m.term < s.Term && !planted.Is(planted.TermIgnored) {
		done(&Error{Status: 500, Type: "illegal_state_exception", Reason: fmt.Sprintf(
			"operation primary term [%d] is too old (current [%d])", m.term, s.Term)})
		return
	}
	if m.term > s.Term {
		s.Term = m.term
	}
	// What its primary has done a copy may not refuse.
	q.Pools.Execute(load.WritePool, load.Task{Name: "index.replica", Cost: time.Duration(len(m.docs)) * q.Cluster.Calibration.IndexOp, Ops: len(m.docs), Run: func(held time.Duration) {
		s.Counters.IndexTime += held
		if s.Phase == Closed {
			done(&Error{Status: 500, Type: "index_shard_closed_exception", Reason: "CurrentState[CLOSED] Closed"})
			return
		}
		s.Store.Settle()
		for _, d := range m.docs {
			s.Engine().Process(d, s.Now())
			s.Store.Grow(d.Bytes(), 1)
		}
		s.count(m.docs)
		s.Store.Global = max(s.Store.Global, min(m.global, s.Engine().LocalCheckpoint()))
		q.synced(func() { done(nil) })
	}})
}

// resyncReplicas brings the copies of a promoted primary to the same operations above
// the global checkpoint: what only some of them have from the old primary is either on
// this primary, and sent, or gone (PrimaryReplicaSyncer).
func (s *Shard) resyncReplicas() {
	t := s.Tracker
	s.Store.Settle()
	global := s.Store.Global
	docs := append([]*store.Doc(nil), s.Engine().Since(global+1)...)
	for _, c := range t.targets() {
		ops := replicaOps{key: s.Key, copy: c.AllocationID, term: s.Term, global: global, docs: docs, resync: true}
		Send(s.Process, s.Process.Member(c.Node), ops, 0, func(failed *Error) {
			if failed == nil && s.Phase != Closed && s.Tracker == t {
				t.syncGlobal()
			}
		}, func(err error) {
			if s.Phase != Closed {
				s.Process.failCopy(s.Key, c.AllocationID, ops.term, true, "failed to resync replica", err.Error(), func(error) {})
			}
		})
	}
}
