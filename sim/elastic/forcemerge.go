package elastic

import (
	"context"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// ForceMerge is an order to merge the segments of every copy until few are left.
type ForceMerge struct {
	// MaxSegments is how many are to be left at most; 0 leaves it to the merge policy, which
	// has nothing to do.
	MaxSegments int
	// Flush commits afterwards.
	Flush bool
}

// ForceMerge merges every copy of the indices and waits for all. A node merges one copy
// after another (the force_merge pool has a thread), at what a processor merges and its
// disk reads and writes; recoveries get less of the disk meanwhile.
func (n *Node) ForceMerge(ctx context.Context, indices []string, q ForceMerge) (ShardsResult, error) {
	return n.broadcastSlow(ctx, "forcemerge", indices, 0, func(s *Shard, done func(*Error)) {
		s.Process.merges.add(s, q, done)
	})
}

// ForceMergeAll has every started copy of an index merged; report gets the first failure.
func (p *Process) ForceMergeAll(meta *state.Index, q ForceMerge, report func(failed *Error)) {
	var first *Error
	var copies []*state.Copy
	for _, t := range p.Applied.Routing.Index(meta.Name).Shards {
		for _, c := range t.Copies {
			if c.Active() {
				copies = append(copies, c)
			}
		}
	}
	one := Gather(len(copies), func() { report(first) })
	done := func(err *Error) {
		if first == nil {
			first = err
		}
		one()
	}
	for _, c := range copies {
		key := store.Key{UUID: meta.UUID, Shard: c.Shard}
		p.Request(p.Member(c.Node), RPC{
			Name: "forcemerge", Bytes: 128,
			Handle: func(at *Process, reply func(int64, func())) {
				s := at.Shards[key]
				if s == nil || s.Phase == Closed {
					reply(0, func() { done(nil) })
					return
				}
				at.merges.add(s, q, func(err *Error) { reply(0, func() { done(err) }) })
			},
			Failed: func(err error) {
				done(&Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()})
			},
		})
	}
}

// forceMerges are the forced merges of a process, one at a time.
type forceMerges struct {
	waiting   []func()
	busy      bool
	largest   int
	completed int64
}

func (m *forceMerges) add(s *Shard, q ForceMerge, done func(*Error)) {
	m.waiting = append(m.waiting, func() {
		s.forceMerge(q, func(err *Error) {
			m.completed++
			done(err)
			m.next()
		})
	})
	if !m.busy {
		m.next()
	}
}

func (m *forceMerges) next() {
	m.busy = len(m.waiting) > 0
	if !m.busy {
		return
	}
	m.largest = 1
	first := m.waiting[0]
	m.waiting = m.waiting[1:]
	first()
}

// diskFull is what a merge says that finds the disk full.
func diskFull() *Error {
	return &Error{Status: 500, Type: "i_o_exception", Reason: "No space left on device"}
}

// forceMerge merges the copy's smallest segments into one, so that MaxSegments are left. Until
// it is done the new segment and the old ones both lie on the disk.
func (s *Shard) forceMerge(q ForceMerge, done func(*Error)) {
	p, st := s.Process, s.Store
	if s.Phase == Closed {
		done(nil)
		return
	}
	st.Settle()
	if st.Grown.Bytes > 0 {
		st.Flush()
	}
	old := st.Mergeable(q.MaxSegments)
	if len(old) == 0 {
		done(nil)
		return
	}
	bytes := recovery.Bytes(old)
	if !p.Node.room(bytes) {
		done(diskFull())
		return
	}
	st.Merging = bytes
	p.Node.Changed()
	p.Cluster.net.Fluid().Start(sim.FlowSpec{
		Name: "forcemerge", Bytes: bytes, Cap: p.Cluster.Calibration.MergeBPS, Through: []*sim.Resource{p.Node.disk.Read, p.Node.disk.Write},
	}, func() {
		st.Merging = 0
		p.Node.Changed()
		p.Run(func() {
			if bad := st.BadAmong(old); bad != nil {
				storeHost{p.Node}.FoundDamaged(st, "merge failed", bad)
				done(&Error{Status: 500, Type: "i_o_exception", Reason: bad.Error()})
				return
			}
			if s.Phase != Closed {
				st.ReplaceSegments(old)
				load.Of(st).Merged(bytes)
				if q.Flush {
					st.Flush()
					s.Counters.FlushTotal++
				}
			}
			done(nil)
		})
	})
}
