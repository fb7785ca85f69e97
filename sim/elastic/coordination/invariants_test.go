package coordination

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheInvariantsNoticeEveryKindOfViolation(t *testing.T) {
	for name, wrong := range map[string]func(w *world, l, f *host){
		"second leader in term": func(_ *world, l, f *host) {
			f.c.mode = Leader
			f.c.cfg.Invariants.observe(f.c)
		},
		"committed states diverge": func(w *world, l, _ *host) {
			other := l.applied.Clone()
			other.StateUUID = "another"
			w.inv.committed(other)
		},
		"two states of term": func(w *world, l, f *host) {
			other := l.c.consensus.accepted.Clone()
			other.StateUUID = "another"
			f.c.consensus.accepted = other
			w.inv.observe(f.c)
		},
		"is committed after": func(w *world, l, _ *host) {
			old := l.applied.Clone()
			old.Version, old.Term, old.StateUUID = old.Version+1, old.Term-1, "late"
			w.inv.committed(old)
		},
		"term went back": func(_ *world, _, f *host) { // a disk that was lost
			f.kill()
			f.disk = Persisted{}
			f.start()
		},
		"accepted state went back": func(_ *world, _, f *host) { // a disk that was restored
			f.kill()
			old := f.disk.Accepted.Clone()
			old.Version--
			f.disk.Accepted = old
			f.start()
		},
	} {
		w := newWorld(1, 3, true).formed(t)
		wrong(w, w.leader(), w.follower())
		assert.ErrorContains(t, w.inv.Err(), name)
	}
}

// The majority has accepted a state, its master is frozen before it knows, and the next master
// builds on that state and commits the next: nothing is wrong with it.
func TestAStateWhoseMasterLearnsLateThatItIsCommittedIsNoViolation(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	late, next := w.leader().applied.Clone(), w.leader().applied.Clone()
	late.Version, late.StateUUID = late.Version+1, "late"
	next.Version, next.Term, next.StateUUID = next.Version+2, next.Term+1, "next"
	w.inv.committed(next)
	w.inv.committed(late)
	assert.NoError(t, w.inv.Err())

	other := late.Clone()
	other.Term, other.StateUUID = other.Term+1, "other"
	w.inv.committed(other)
	assert.ErrorContains(t, w.inv.Err(), "committed states diverge", "two states of that version are")
}
