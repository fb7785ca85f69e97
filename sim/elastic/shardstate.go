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

// ToMaster asks the elected master, and again whenever there is none, it can't be reached
// or it changes, for ever (ShardStateAction). done gets the error of handle.
func (p *Process) ToMaster(name string, bytes int64, handle func(m *Master, reply func(error)), done func(error)) {
	id := p.Applied.Master
	again := func() {
		asked, version := id, p.Applied.Version
		p.whenState(Forever, func(st *state.State) bool {
			return st.Master != "" && (st.Master != asked || st.Version > version)
		}, func(bool) { p.ToMaster(name, bytes, handle, done) })
	}
	if id == "" {
		again()
		return
	}
	p.Request(p.Member(id), RPC{
		Name: name, Bytes: bytes,
		Handle: func(q *Process, reply func(int64, func())) {
			if q.Master == nil {
				reply(0, again)
				return
			}
			handle(q.Master, func(err error) {
				reply(0, func() {
					if errors.Is(err, ErrNotMaster) {
						again()
						return
					}
					done(err)
				})
			})
		},
		Failed: func(error) { again() },
	})
}

// reportStarted tells the master that a copy has recovered.
func (p *Process) reportStarted(s *Shard) {
	report := copyStarted{key: s.Key, id: s.Routing.AllocationID, primary: s.Routing.Primary, term: s.Term}
	p.ToMaster("shard-started", 512, func(m *Master, reply func(error)) { m.shardStarted(report, reply) }, func(error) {})
}

// reportFailed tells the master that a copy on this node has failed.
func (p *Process) reportFailed(cp *state.Copy, m *state.Index, message, cause string) {
	p.failCopy(store.Key{UUID: m.UUID, Shard: cp.Shard}, cp.AllocationID, 0, false, message, cause, func(error) {})
}

// failCopy has the master fail a copy. With a term the request comes from the shard's
// primary and is refused when the term is over. stale takes the copy out of the in-sync set.
func (p *Process) failCopy(k store.Key, id string, term int64, stale bool, message, cause string, done func(error)) {
	report := copyFailed{key: k, id: id, term: term, stale: stale, message: message, cause: cause}
	p.ToMaster("shard-failed", 1024, func(m *Master, reply func(error)) { m.shardFailed(report, reply) }, done)
}

// fail closes a copy on its own node and has the master fail it.
func (s *Shard) fail(message, cause string) {
	p, cp, m := s.Process, s.Routing, s.Meta
	s.close(message)
	p.reportFailed(cp, m, message, cause)
}
