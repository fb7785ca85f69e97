package coordination

import (
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// entry is a task in the master's queue.
type entry struct {
	Task
	order   int64
	since   sim.Time
	timeout sim.Timer
	err     error // what the executor refused this entry with

	// Tasks of coordination itself are computed a batch at a time, some also on a
	// node that is not the master yet.
	execute func(base *state.State, batch []*entry) (*state.State, error)
	anyNode bool
	join    *joinTask
	leaving *state.Node
	reason  string
}

// masterService computes and publishes state updates, one batch at a time, by
// priority and then by age (MasterService).
type masterService struct {
	c      *Coordinator
	queues [Languid + 1][]*taskBatch
	last   int64
	busy   bool
	// running is the batch being computed or published.
	running *taskBatch
}

// taskBatch is tasks that are computed together.
type taskBatch struct {
	key     string
	entries []*entry
}

// Submit queues an update task. It may be called on any node; on one that is not
// the master the task fails.
func (c *Coordinator) Submit(t Task) { c.master.submit(&entry{Task: t}) }

func (m *masterService) submit(e *entry) {
	if m.c.stopped {
		return
	}
	m.last++
	e.order, e.since = m.last, m.c.env.Now()
	m.enqueue(e)
	if e.Timeout > 0 {
		e.timeout = m.c.in(e.Timeout, "master.timeout", func() { m.expire(e) })
	}
	m.wake()
}

func (m *masterService) enqueue(e *entry) {
	q := &m.queues[e.Priority]
	if e.Batch != "" {
		for _, b := range *q {
			if b.key == e.Batch {
				b.entries = append(b.entries, e)
				return
			}
		}
	}
	*q = append(*q, &taskBatch{key: e.Batch, entries: []*entry{e}})
}

// expire fails a task that still waits.
func (m *masterService) expire(e *entry) {
	q := m.queues[e.Priority]
	for i, b := range q {
		for k, o := range b.entries {
			if o != e {
				continue
			}
			b.entries = append(b.entries[:k:k], b.entries[k+1:]...)
			if len(b.entries) == 0 {
				m.queues[e.Priority] = append(q[:i:i], q[i+1:]...)
			}
			e.fail(&TaskTimeoutError{e.Source, e.Timeout})
			return
		}
	}
}

func (e *entry) fail(err error) {
	e.timeout.Stop()
	if e.Failed != nil {
		e.Failed(err)
	}
}

// wake begins the next batch unless one is in progress.
func (m *masterService) wake() {
	if m.busy {
		return
	}
	for p := range m.queues {
		if len(m.queues[p]) > 0 {
			m.busy = true
			m.c.soon(m.next)
			return
		}
	}
}

func (m *masterService) next() {
	m.running = m.pop()
	if m.running == nil { // it timed out meanwhile
		m.finish()
		return
	}
	for _, e := range m.running.entries {
		e.timeout.Stop()
	}
	m.run(m.running.entries)
}

// pop takes the most urgent batch.
func (m *masterService) pop() *taskBatch {
	for p := range m.queues {
		if q := m.queues[p]; len(q) > 0 {
			m.queues[p] = q[1:]
			return q[0]
		}
	}
	return nil
}

func (m *masterService) finish() {
	m.running, m.busy = nil, false
	m.wake()
}

// run computes a batch and publishes the result.
func (m *masterService) run(batch []*entry) {
	base := m.c.baseState()
	if base.Master != m.c.node.ID && !batch[0].anyNode {
		for _, e := range batch {
			e.fail(&NotMasterError{e.Source})
		}
		m.finish()
		return
	}
	st, kept := m.compute(base, batch)
	switch {
	case len(kept) == 0:
		m.finish()
	case st == base:
		for _, e := range kept {
			e.publishedUnchanged(base)
		}
		m.finish()
	default:
		m.c.after(m.c.cfg.Costs.update(len(kept), base), func() { m.publish(base, m.c.patched(base, st), kept) })
	}
}

func (e *entry) publishedUnchanged(st *state.State) {
	if e.Published != nil {
		e.Published(st, st)
	}
	if e.Acked != nil {
		e.Acked(true)
	}
}

// compute is the state after a batch and the tasks that did not fail on the way.
func (m *masterService) compute(base *state.State, batch []*entry) (*state.State, []*entry) {
	if execute := batch[0].execute; execute != nil {
		st, err := execute(base, batch)
		kept := batch[:0:0]
		for _, e := range batch {
			if failure := firstError(err, e.err); failure != nil {
				e.fail(failure)
				continue
			}
			kept = append(kept, e)
		}
		return st, kept
	}
	st, kept := base, batch[:0:0]
	for _, e := range batch {
		next, err := e.Update(st)
		if err != nil {
			e.fail(err)
			continue
		}
		st, kept = next, append(kept, e)
	}
	if st != base && batch[0].Finish != nil {
		st = batch[0].Finish(st)
	}
	return st, kept
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *masterService) publish(base, st *state.State, batch []*entry) {
	acks := newAcks(st, batch)
	m.c.publish(base, st, acks, func(err error) {
		if err != nil {
			m.c.log("failing [%s]: failed to commit cluster state version [%d]", batch[0].Source, st.Version)
			acks.drop()
		}
		for _, e := range batch {
			switch {
			case err != nil:
				e.fail(err)
			case e.Published != nil:
				e.Published(base, st)
			}
		}
		if err == nil {
			m.c.membersChanged(base, st)
		}
		m.finish()
	})
}

// patched gives a computed state its version and identity.
func (c *Coordinator) patched(base, st *state.State) *state.State {
	out := st.Clone()
	out.Version = base.Version + 1
	out.StateUUID = c.uuid()
	if out.Routing != base.Routing {
		table := *out.Routing
		table.Version = base.Routing.Version + 1
		out.Routing = &table
	}
	return out
}

// baseState is what the master computes its next state from: the last accepted one,
// without a master unless the node leads in that state's term.
func (c *Coordinator) baseState() *state.State {
	if c.established() {
		return c.consensus.accepted
	}
	return c.withoutMaster(c.consensus.accepted)
}

// PendingTasks lists the master's queue in order of execution.
func (c *Coordinator) PendingTasks() []Pending {
	now := c.env.Now()
	var out []Pending
	add := func(b *taskBatch, executing bool) {
		for _, e := range b.entries {
			out = append(out, Pending{e.order, e.Source, e.Priority, executing, now.Sub(e.since)})
		}
	}
	if c.master.running != nil {
		add(c.master.running, true)
	}
	for _, q := range c.master.queues {
		for _, b := range q {
			add(b, false)
		}
	}
	return out
}

func (k Costs) update(tasks int, old *state.State) time.Duration {
	if k.Update == nil {
		return 0
	}
	return k.Update(tasks, old)
}

func (k Costs) accept(st *state.State) time.Duration {
	if k.Accept == nil {
		return 0
	}
	return k.Accept(st)
}

// acks waits for the nodes of a state on behalf of the tasks that want to know
// (MasterService.TaskAckListener).
type acks []*ackCount

type ackCount struct {
	left    int // nodes, and the commit
	failed  bool
	over    bool
	timeout time.Duration
	timer   sim.Timer
	done    func(bool)
}

func newAcks(st *state.State, batch []*entry) acks {
	var a acks
	for _, e := range batch {
		if e.Acked != nil {
			a = append(a, &ackCount{left: len(st.Nodes) + 1, timeout: e.AckTimeout, done: e.Acked})
		}
	}
	return a
}

// committed starts the time-outs, less what the commit took.
func (a acks) committed(c *Coordinator, took time.Duration) {
	for _, k := range a {
		switch {
		case k.over:
		case k.timeout < 0:
			k.down(true)
		case k.timeout <= took:
			k.finish(false)
		default:
			if k.down(true); !k.over {
				k.timer = c.in(k.timeout-took, "master.ack_timeout", func() { k.finish(false) })
			}
		}
	}
}

// node counts one node.
func (a acks) node(ok bool) {
	for _, k := range a {
		k.down(ok)
	}
}

// drop ends the waiting without a result, for tasks that failed.
func (a acks) drop() {
	for _, k := range a {
		k.over = true
		k.timer.Stop()
	}
}

func (k *ackCount) down(ok bool) {
	if k.over {
		return
	}
	k.failed = k.failed || !ok
	if k.left--; k.left == 0 {
		k.finish(!k.failed)
	}
}

func (k *ackCount) finish(all bool) {
	if k.over {
		return
	}
	k.over = true
	k.timer.Stop()
	k.done(all)
}
