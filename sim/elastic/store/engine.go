package store

import (
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/api"
)

// Doc is one operation on a document and the document it left. It never changes
// and is shared by all copies of the shard.
type Doc struct {
	ID, Routing string
	Source      []byte
	SeqNo, Term int64
	Version     int64
	Deleted     bool
}

// storedOverhead is what a document takes beyond its source.
const storedOverhead = 40

func (d *Doc) Bytes() int64 { return int64(len(d.Source)) + int64(len(d.ID)) + storedOverhead }

// Engine is what a copy holds of documents and operations.
//
// Sequence numbers count real and fluid operations alike. A copy has processed all
// of them up to max but those in missing: real operations that its primary has
// assigned and that have not arrived here.
type Engine struct {
	Live    map[string]*Doc // newest operation by document id, tombstones included
	Visible map[string]*Doc // what searches see
	// Unseen are operations that no refresh has made visible, in order of arrival.
	Unseen []unseenOp
	LiveN  int64 // documents in live
	SeenN  int64 // documents in visible
	// History are all real operations, in order of sequence numbers.
	History []*Doc
	arrived []sim.Time // when each of history arrived

	Max     int64
	Missing []int64 // ascending
	// Floor holds the local checkpoint down while operations are being replayed; -2 none.
	Floor     int64
	FluidDocs int64
	maxTerm   int64
}

type unseenOp struct {
	d  *Doc
	at sim.Time
}

func (e *Engine) Init() {
	e.Live, e.Visible = make(map[string]*Doc), make(map[string]*Doc)
	e.Max, e.Floor = api.NoOpsPerformed, api.UnassignedSeqNo
}

// LocalCheckpoint is the operation up to which all have been processed.
func (e *Engine) LocalCheckpoint() int64 {
	k := e.Max
	if len(e.Missing) > 0 {
		k = min(k, e.Missing[0]-1)
	}
	if e.Floor != api.UnassignedSeqNo {
		k = min(k, e.Floor)
	}
	return k
}

func (e *Engine) liveDocs() int64 { return e.LiveN }

func (e *Engine) TotalOps() int64 { return e.Max + 1 }

// Expect notes an operation that the primary has assigned and that is on its way.
func (e *Engine) Expect(seqNo int64) {
	if seqNo > e.Max {
		e.Max = seqNo
	}
	if i, found := slices.BinarySearch(e.Missing, seqNo); !found {
		e.Missing = slices.Insert(e.Missing, i, seqNo)
	}
}

// Process applies an operation, unless it has been applied before or a newer one of
// the document has.
func (e *Engine) Process(d *Doc, now sim.Time) {
	if i, found := slices.BinarySearch(e.Missing, d.SeqNo); found {
		e.Missing = slices.Delete(e.Missing, i, i+1)
	}
	e.Max = max(e.Max, d.SeqNo)
	e.maxTerm = max(e.maxTerm, d.Term)
	i, known := slices.BinarySearchFunc(e.History, d.SeqNo, func(o *Doc, q int64) int { return int(o.SeqNo - q) })
	if known {
		return
	}
	e.History = slices.Insert(e.History, i, d)
	e.arrived = slices.Insert(e.arrived, i, now)
	if cur := e.Live[d.ID]; cur != nil && cur.SeqNo > d.SeqNo {
		return
	}
	e.LiveN += e.put(e.Live, d)
	e.Unseen = append(e.Unseen, unseenOp{d, now})
}

// put sets a document's newest operation and returns by how much that changes the
// number of documents.
func (e *Engine) put(m map[string]*Doc, d *Doc) int64 {
	var change int64
	if cur := m[d.ID]; cur != nil && !cur.Deleted {
		change--
	}
	if !d.Deleted {
		change++
	}
	m[d.ID] = d
	return change
}

// Get is the newest document, or nil; realtime sees what no refresh has shown yet.
func (e *Engine) Get(id string, realtime bool) *Doc {
	m := e.Visible
	if realtime {
		m = e.Live
	}
	if d := m[id]; d != nil && !d.Deleted {
		return d
	}
	return nil
}

// Refresh makes the operations visible that arrived up to a time.
func (e *Engine) Refresh(upTo sim.Time) (changed bool) {
	n := 0
	for n < len(e.Unseen) && e.Unseen[n].at <= upTo {
		d := e.Unseen[n].d
		if cur := e.Visible[d.ID]; cur == nil || cur.SeqNo < d.SeqNo {
			e.SeenN += e.put(e.Visible, d)
		}
		n++
	}
	e.Unseen = e.Unseen[n:]
	return n > 0
}

// Since are the real operations from a sequence number on.
func (e *Engine) Since(seqNo int64) []*Doc {
	i, _ := slices.BinarySearchFunc(e.History, seqNo, func(o *Doc, q int64) int { return int(o.SeqNo - q) })
	return e.History[i:]
}

// CopyFrom makes the engine a copy of a source's up to a sequence number: what a
// file recovery has copied.
func (e *Engine) CopyFrom(src *Engine, upTo int64, now sim.Time) {
	*e = Engine{}
	e.Init()
	if len(src.History) == 0 || src.History[len(src.History)-1].SeqNo <= upTo {
		e.Live, e.LiveN = maps.Clone(src.Live), src.LiveN
		e.History = slices.Clone(src.History)
		e.arrived = make([]sim.Time, len(e.History))
		for i := range e.arrived {
			e.arrived[i] = now
		}
	} else {
		for _, d := range src.History {
			if d.SeqNo <= upTo {
				e.Process(d, now)
			}
		}
	}
	e.Max, e.maxTerm, e.Unseen = upTo, src.maxTerm, nil
	e.Visible, e.SeenN = maps.Clone(e.Live), e.LiveN
}

// Receive makes the engine one that came from another node: everything in it arrives now.
func (e *Engine) Receive(sent *Engine, now sim.Time) {
	*e = *sent
	for i := range e.arrived {
		e.arrived[i] = now
	}
}

// FluidSince counts the operations after a sequence number that are not held one by one.
func (e *Engine) FluidSince(seqNo int64) int64 {
	i, _ := slices.BinarySearch(e.Missing, seqNo+1)
	return max(0, e.Max-seqNo) - int64(len(e.Since(seqNo+1))) - int64(len(e.Missing)-i)
}

// Truncate forgets the operations that arrived after a time: an asynchronous
// translog that was not synced when the process died. Operations up to the
// commit are in the index.
func (e *Engine) Truncate(after sim.Time, committed int64) {
	for i, d := range e.History {
		if e.arrived[i] > after && d.SeqNo > committed {
			e.Rollback(d.SeqNo - 1)
			return
		}
	}
}

// Rollback forgets all operations above a sequence number.
func (e *Engine) Rollback(upTo int64) {
	e.Missing = slices.DeleteFunc(e.Missing, func(q int64) bool { return q > upTo })
	e.Max = min(e.Max, upTo)
	if len(e.History) == 0 || e.History[len(e.History)-1].SeqNo <= upTo {
		return
	}
	old := *e
	*e = Engine{Max: old.Max, Missing: old.Missing, Floor: old.Floor, FluidDocs: old.FluidDocs, maxTerm: old.maxTerm}
	e.Live, e.Visible = make(map[string]*Doc), make(map[string]*Doc)
	for i, d := range old.History {
		if d.SeqNo <= upTo {
			e.Process(d, old.arrived[i])
		}
	}
}

// Reopen is the engine after the process has started again: everything on disk is
// visible.
func (e *Engine) Reopen(now sim.Time) { e.Refresh(now) }

// RefreshTick is the last time up to now at which a shard with that interval and phase
// refreshed by itself.
func RefreshTick(now, phase sim.Time, interval time.Duration) sim.Time {
	if interval <= 0 || now < phase {
		return phase
	}
	return phase.Add(time.Duration(now-phase) / interval * interval)
}
