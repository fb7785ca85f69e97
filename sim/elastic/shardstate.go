package elastic

import (
	"errors"

	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// ErrNotMaster is the answer of a node that isn't the elected master.
var ErrNotMaster = errors.New("not the elected master")

// errNoLongerPrimary is the master's answer to a primary whose term is over.
var errNoLongerPrimary = errors.New("no longer primary")

// Report is what a node tells the elected master: a value, as a [Message] is.
type Report interface {
	Action() string
	Bytes() int64
	// Reach does on the master what follows from it.
	Reach(m *Master, answer func(error))
}

// report carries one.
type report struct{ Report }

func (r report) Serve(q *Process, answer func(int64, error)) {
	if q.Master == nil {
		answer(0, ErrNotMaster)
		return
	}
	r.Reach(q.Master, func(err error) { answer(0, err) })
}

// ToMaster tells the elected master, and again whenever there is none, it can't be reached
// or it changes, for ever (ShardStateAction). done gets its answer.
func (p *Process) ToMaster(r Report, done func(error)) {
	id := p.Applied.Master
	again := func() {
		asked, version := id, p.Applied.Version
		p.whenState(Forever, func(st *state.State) bool {
			return st.Master != "" && (st.Master != asked || st.Version > version)
		}, func(bool) { p.ToMaster(r, done) })
	}
	if id == "" {
		again()
		return
	}
	Send(p, p.Member(id), report{r}, 0, func(err error) {
		if errors.Is(err, ErrNotMaster) {
			again()
			return
		}
		done(err)
	}, func(error) { again() })
}

// reportStarted tells the master that a copy has recovered.
func (p *Process) reportStarted(s *Shard) {
	p.ToMaster(copyStarted{key: s.Key, id: s.Routing.AllocationID, primary: s.Routing.Primary, term: s.Term}, func(error) {})
}

// reportFailed tells the master that a copy on this node has failed.
func (p *Process) reportFailed(cp *state.Copy, m *state.Index, message, cause string) {
	p.failCopy(store.Key{UUID: m.UUID, Shard: cp.Shard}, cp.AllocationID, 0, false, message, cause, func(error) {})
}

// failCopy has the master fail a copy. With a term the request comes from the shard's
// primary and is refused when the term is over. stale takes the copy out of the in-sync set.
func (p *Process) failCopy(k store.Key, id string, term int64, stale bool, message, cause string, done func(error)) {
	p.ToMaster(copyFailed{key: k, id: id, term: term, stale: stale, message: message, cause: cause}, done)
}

// fail closes a copy on its own node and has the master fail it.
func (s *Shard) fail(message, cause string) {
	p, cp, m := s.Process, s.Routing, s.Meta
	s.close(message)
	p.reportFailed(cp, m, message, cause)
}
