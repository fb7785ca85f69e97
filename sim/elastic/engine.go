package elastic

import (
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
)

// doc is one operation on a document and the document it left. It never changes
// and is shared by all copies of the shard.
type doc struct {
	ID, Routing string
	Source      []byte
	SeqNo, Term int64
	Version     int64
	Deleted     bool
}

// storedOverhead is what a document takes beyond its source.
const storedOverhead = 40

func (d *doc) bytes() int64 { return int64(len(d.Source)) + int64(len(d.ID)) + storedOverhead }

// engine is what a copy holds of documents and operations.
//
// Sequence numbers count real and fluid operations alike. A copy has processed all
// of them up to max but those in missing: real operations that its primary has
// assigned and that have not arrived here.
type engine struct {
	live    map[string]*doc // newest operation by document id, tombstones included
	visible map[string]*doc // what searches see
	// unseen are operations that no refresh has made visible, in order of arrival.
	unseen []unseenOp
	liveN  int64 // documents in live
	seenN  int64 // documents in visible
	// history are all real operations, in order of sequence numbers.
	history []*doc
	arrived []sim.Time // when each of history arrived

	max     int64
	missing []int64 // ascending
	// floor holds the local checkpoint down while operations are being replayed; -2 none.
	floor     int64
	fluidDocs int64
	maxTerm   int64
}

type unseenOp struct {
	d  *doc
	at sim.Time
}

func (e *engine) init() {
	e.live, e.visible = make(map[string]*doc), make(map[string]*doc)
	e.max, e.floor = NoOpsPerformed, UnassignedSeqNo
}

// localCheckpoint is the operation up to which all have been processed.
func (e *engine) localCheckpoint() int64 {
	k := e.max
	if len(e.missing) > 0 {
		k = min(k, e.missing[0]-1)
	}
	if e.floor != UnassignedSeqNo {
		k = min(k, e.floor)
	}
	return k
}

func (e *engine) liveDocs() int64 { return e.liveN }

func (e *engine) totalOps() int64 { return e.max + 1 }

// expect notes an operation that the primary has assigned and that is on its way.
func (e *engine) expect(seqNo int64) {
	if seqNo > e.max {
		e.max = seqNo
	}
	if i, found := slices.BinarySearch(e.missing, seqNo); !found {
		e.missing = slices.Insert(e.missing, i, seqNo)
	}
}

// process applies an operation, unless it has been applied before or a newer one of
// the document has.
func (e *engine) process(d *doc, now sim.Time) {
	if i, found := slices.BinarySearch(e.missing, d.SeqNo); found {
		e.missing = slices.Delete(e.missing, i, i+1)
	}
	e.max = max(e.max, d.SeqNo)
	e.maxTerm = max(e.maxTerm, d.Term)
	i, known := slices.BinarySearchFunc(e.history, d.SeqNo, func(o *doc, q int64) int { return int(o.SeqNo - q) })
	if known {
		return
	}
	e.history = slices.Insert(e.history, i, d)
	e.arrived = slices.Insert(e.arrived, i, now)
	if cur := e.live[d.ID]; cur != nil && cur.SeqNo > d.SeqNo {
		return
	}
	e.liveN += e.put(e.live, d)
	e.unseen = append(e.unseen, unseenOp{d, now})
}

// put sets a document's newest operation and returns by how much that changes the
// number of documents.
func (e *engine) put(m map[string]*doc, d *doc) int64 {
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

// get is the newest document, or nil; realtime sees what no refresh has shown yet.
func (e *engine) get(id string, realtime bool) *doc {
	m := e.visible
	if realtime {
		m = e.live
	}
	if d := m[id]; d != nil && !d.Deleted {
		return d
	}
	return nil
}

// refresh makes the operations visible that arrived up to a time.
func (e *engine) refresh(upTo sim.Time) (changed bool) {
	n := 0
	for n < len(e.unseen) && e.unseen[n].at <= upTo {
		d := e.unseen[n].d
		if cur := e.visible[d.ID]; cur == nil || cur.SeqNo < d.SeqNo {
			e.seenN += e.put(e.visible, d)
		}
		n++
	}
	e.unseen = e.unseen[n:]
	return n > 0
}

// since are the real operations from a sequence number on.
func (e *engine) since(seqNo int64) []*doc {
	i, _ := slices.BinarySearchFunc(e.history, seqNo, func(o *doc, q int64) int { return int(o.SeqNo - q) })
	return e.history[i:]
}

// copyFrom makes the engine a copy of a source's up to a sequence number: what a
// file recovery has copied.
func (e *engine) copyFrom(src *engine, upTo int64, now sim.Time) {
	*e = engine{}
	e.init()
	if len(src.history) == 0 || src.history[len(src.history)-1].SeqNo <= upTo {
		e.live, e.liveN = maps.Clone(src.live), src.liveN
		e.history = slices.Clone(src.history)
		e.arrived = make([]sim.Time, len(e.history))
		for i := range e.arrived {
			e.arrived[i] = now
		}
	} else {
		for _, d := range src.history {
			if d.SeqNo <= upTo {
				e.process(d, now)
			}
		}
	}
	e.max, e.maxTerm, e.unseen = upTo, src.maxTerm, nil
	e.visible, e.seenN = maps.Clone(e.live), e.liveN
}

// receive makes the engine one that came from another node: everything in it arrives now.
func (e *engine) receive(sent *engine, now sim.Time) {
	*e = *sent
	for i := range e.arrived {
		e.arrived[i] = now
	}
}

// fluidSince counts the operations after a sequence number that are not held one by one.
func (e *engine) fluidSince(seqNo int64) int64 {
	i, _ := slices.BinarySearch(e.missing, seqNo+1)
	return max(0, e.max-seqNo) - int64(len(e.since(seqNo+1))) - int64(len(e.missing)-i)
}

// truncate forgets the operations that arrived after a time: an asynchronous
// translog that was not synced when the process died. Operations up to the
// commit are in the index.
func (e *engine) truncate(after sim.Time, committed int64) {
	for i, d := range e.history {
		if e.arrived[i] > after && d.SeqNo > committed {
			e.rollback(d.SeqNo - 1)
			return
		}
	}
}

// rollback forgets all operations above a sequence number.
func (e *engine) rollback(upTo int64) {
	e.missing = slices.DeleteFunc(e.missing, func(q int64) bool { return q > upTo })
	e.max = min(e.max, upTo)
	if len(e.history) == 0 || e.history[len(e.history)-1].SeqNo <= upTo {
		return
	}
	old := *e
	*e = engine{max: old.max, missing: old.missing, floor: old.floor, fluidDocs: old.fluidDocs, maxTerm: old.maxTerm}
	e.live, e.visible = make(map[string]*doc), make(map[string]*doc)
	for i, d := range old.history {
		if d.SeqNo <= upTo {
			e.process(d, old.arrived[i])
		}
	}
}

// reopen is the engine after the process has started again: everything on disk is
// visible.
func (e *engine) reopen(now sim.Time) { e.refresh(now) }

// refreshTick is the last time up to now at which a shard with that interval and phase
// refreshed by itself.
func refreshTick(now, phase sim.Time, interval time.Duration) sim.Time {
	if interval <= 0 || now < phase {
		return phase
	}
	return phase.Add(time.Duration(now-phase) / interval * interval)
}
