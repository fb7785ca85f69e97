package storage

import "slices"

// Syncs numbers the syncs that a state machine asks of whoever drives it, and holds
// back what must not be done before they are.
type Syncs struct {
	asked, done uint64
	held        []held
}

type held struct {
	number uint64
	f      func()
}

// Ask is the number of a further sync.
func (s *Syncs) Ask() uint64 {
	s.asked++
	return s.asked
}

// After does f once all syncs asked for are done, which may be now.
func (s *Syncs) After(f func()) {
	if s.done == s.asked {
		f()
		return
	}
	s.held = append(s.held, held{s.asked, f})
}

// Done does what waited for that sync or an earlier one, in order.
func (s *Syncs) Done(number uint64) {
	s.done = max(s.done, number)
	n := 0
	for n < len(s.held) && s.held[n].number <= s.done {
		n++
	}
	due := slices.Clone(s.held[:n])
	s.held = slices.Delete(s.held, 0, n)
	for _, h := range due {
		h.f()
	}
}
