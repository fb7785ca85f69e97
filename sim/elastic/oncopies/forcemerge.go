package oncopies

import (
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// MergeOrder is an order to merge the segments of every copy until few are left.
type MergeOrder struct {
	// MaxSegments is how many are to be left at most; 0 leaves it to the merge policy, which
	// has nothing to do.
	MaxSegments int
	// Flush commits afterwards.
	Flush bool
}

func (MergeOrder) Action() string { return "forcemerge" }

// Timeout is none: a merge takes its time.
func (MergeOrder) Timeout() time.Duration { return 0 }

// Do merges a copy. A node merges one copy after another (the force_merge pool has a thread),
// at what a processor merges and its disk reads and writes; recoveries get less of the disk
// meanwhile.
func (q MergeOrder) Do(s *elastic.Shard, done func(*elastic.Error)) {
	elastic.Kept[forceMerges](s.Process, room).add(s, q, done)
}

// ForceMergeAll has every started copy of an index merged; report gets the first failure.
func ForceMergeAll(p *elastic.Process, meta *state.Index, q MergeOrder, report func(failed *elastic.Error)) {
	var first *elastic.Error
	var copies []*state.Copy
	for _, t := range p.Applied.Routing.Index(meta.Name).Shards {
		for _, c := range t.Copies {
			if c.Active() {
				copies = append(copies, c)
			}
		}
	}
	one := elastic.Gather(len(copies), func() { report(first) })
	for _, c := range copies {
		send(p, q, store.Key{UUID: meta.UUID, Shard: c.Shard}, c, func(failed *elastic.Error) {
			if first == nil {
				first = failed
			}
			one()
		})
	}
}

// room is where forced merges are kept in a process.
const room = "force_merge"

// forceMerges are the forced merges of a process, one at a time.
type forceMerges struct {
	waiting []func()
	busy    bool
}

func (m *forceMerges) add(s *elastic.Shard, q MergeOrder, done func(*elastic.Error)) {
	m.waiting = append(m.waiting, func() {
		forceMerge(s, q, func(err *elastic.Error) {
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
	first := m.waiting[0]
	m.waiting = m.waiting[1:]
	first()
}

// diskFull is what a merge says that finds the disk full.
func diskFull() *elastic.Error {
	return &elastic.Error{Status: 500, Type: "i_o_exception", Reason: "No space left on device"}
}

// forceMerge merges the copy's smallest segments into one, so that MaxSegments are left. Until
// it is done the new segment and the old ones both lie on the disk.
func forceMerge(s *elastic.Shard, q MergeOrder, done func(*elastic.Error)) {
	p, st := s.Process, s.Store
	if s.Phase == elastic.Closed {
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
	if !p.Node.HasRoom(bytes) {
		done(diskFull())
		return
	}
	st.Merging = bytes
	p.Node.Changed()
	p.Cluster.Network().Fluid().Start(sim.FlowSpec{
		Name: "forcemerge", Bytes: bytes, Cap: p.Cluster.Calibration.MergeBPS, Through: []*sim.Resource{p.Node.Disk().Read, p.Node.Disk().Write},
	}, func() {
		st.Merging = 0
		p.Node.Changed()
		p.Run(func() {
			if bad := st.BadAmong(old); bad != nil {
				p.FoundDamaged(st, "merge failed", bad)
				done(&elastic.Error{Status: 500, Type: "i_o_exception", Reason: bad.Error()})
				return
			}
			if s.Phase != elastic.Closed {
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
