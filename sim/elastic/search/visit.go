package search

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// read is what a copy of a shard is asked: a value, which travels to the copy's node. A is what
// the copy answers.
type read[A any] interface {
	// Action is its name, for the trace.
	Action() string
	// Pool is the threads that do it.
	Pool() int
	// Read does it on the copy.
	Read(s *elastic.Shard) A
}

// readCopy carries a read to a copy.
type readCopy[A any] struct {
	read[A]
	key store.Key
}

// copyAnswer is what a copy answers, or why it does not.
type copyAnswer[A any] struct {
	value  A
	failed *elastic.Error
}

func (readCopy[A]) Bytes() int64 { return 256 }

func (m readCopy[A]) Serve(q *elastic.Process, answer func(int64, copyAnswer[A])) {
	s := q.Shards[m.key]
	if s == nil || s.Phase == elastic.Recovering || s.Phase == elastic.Closed {
		answer(0, copyAnswer[A]{failed: &elastic.Error{Status: 404, Type: "shard_not_found_exception", Reason: "no such shard"}})
		return
	}
	pool := m.Pool()
	q.Pools.Execute(pool, load.Task{
		Name: m.Action(), Cost: q.Cluster.Calibration.SearchOp,
		Run: func(held time.Duration) {
			if pool == load.SearchPool {
				s.Counters.QueryTime += held
			}
			answer(load.AnswerBytes, copyAnswer[A]{value: m.Read(s)})
		},
		Refused: func(err *elastic.Error) { answer(0, copyAnswer[A]{failed: err}) },
	})
}

// copyVisit asks the copies of a shard one after another until one answers.
type copyVisit[A any] struct {
	p      *elastic.Process
	ask    *readCopy[A]
	copies []*state.Copy
	// answered gets the answer, none why the last copy gave none.
	answered func(A)
	none     func(last *elastic.Error)
	last     *elastic.Error
	from     *state.Copy // the copy that answered or was asked last
}

func (v *copyVisit[A]) next() {
	if len(v.copies) == 0 {
		v.none(v.last)
		return
	}
	c := v.copies[0]
	v.copies, v.from = v.copies[1:], c
	elastic.Send(v.p, v.p.Member(c.Node), v.ask, 0, func(a copyAnswer[A]) {
		if a.failed != nil {
			v.last = a.failed
			v.next()
			return
		}
		v.answered(a.value)
	}, func(err error) {
		v.last = &elastic.Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()}
		v.next()
	})
}

// failure is that of the shard whose copies did not answer.
func (v *copyVisit[A]) failure(last *elastic.Error) *elastic.ShardFailure {
	f := &elastic.ShardFailure{Index: v.from.Index, Shard: v.from.Shard, Node: v.from.Node, Status: "SERVICE_UNAVAILABLE", Reason: last}
	if last != nil && last.Status == 429 {
		f.Status = "TOO_MANY_REQUESTS"
	}
	if last == nil {
		f.Reason = &elastic.Error{Status: 503, Type: "no_shard_available_action_exception"}
	}
	return f
}

// getDoc reads a document by id.
type getDoc struct {
	id       string
	realtime bool
}

func (getDoc) Action() string { return "get[s]" }
func (getDoc) Pool() int      { return load.GetPool }

// Read answers with the document; nil: there is none.
func (m getDoc) Read(s *elastic.Shard) *store.Doc {
	if !m.realtime {
		s.CatchUpRefresh(true)
	}
	d := s.Engine().Get(m.id, m.realtime)
	s.Counters.GetTotal++
	if d == nil {
		s.Counters.GetMissing++
	}
	return d
}

// queryCopy queries a copy.
type queryCopy struct{ req *elastic.SearchRequest }

func (queryCopy) Action() string { return "search[phase/query]" }
func (queryCopy) Pool() int      { return load.SearchPool }

func (m queryCopy) Read(s *elastic.Shard) (found shardHits) {
	found.total, found.hits = query(s, m.req)
	return found
}

// openReaderOn has a copy keep what searches of it see now.
type openReaderOn struct{ keepFor time.Duration }

// opened is a reader on a node, in one life of its process.
type opened struct {
	node        string
	incarnation int
	reader      int64
}

func (openReaderOn) Action() string { return "open_pit" }
func (openReaderOn) Pool() int      { return load.SearchPool }

func (m openReaderOn) Read(s *elastic.Shard) opened {
	id, at := openReader(s, m.keepFor), s.Process.Node
	return opened{at.ID(), at.Incarnation(), id}
}
