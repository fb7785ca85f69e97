package compare

import (
	"fmt"
	"math"
)

// Exact results are no sample: a plan's day on which an objective breaks, the smallest fleet that
// meets all of them. Each is what all its runs together come to, is the same whenever it is made
// again, and differs or does not.

// decideExact answers for what is no sample: a difference is one from the minimum on.
func (s *Scenario) decideExact() {
	s.Verdict = Same
	switch h := &s.Verdicts; {
	case len(h.Lost) > 0:
		h.Verdict = Worse
	case len(h.Won) > 0:
		h.Verdict = Better
	default:
		h.Verdict = Same
	}
	s.Verdict = worst(s.Verdict, s.Verdicts.Verdict)
	for i := range s.Rows {
		r := &s.Rows[i]
		r.Verdict = r.exactly()
		s.Verdict = worst(s.Verdict, r.Verdict)
	}
	if s.open {
		s.Verdict, s.Verdicts.Verdict = Undecided, Undecided
	}
}

func (r *Row) exactly() Verdict {
	switch {
	case r.open:
		return Undecided
	case r.equal || math.Abs(r.median) < r.Minimum:
		return Same
	case r.median > 0:
		return r.way(Worse)
	}
	return r.way(Better)
}

// horizons leaves open what one side has beyond the time that the other looks ahead: a day that
// never came within a year says nothing of the second.
func (s *Scenario) horizons(a, b Record) {
	days := [2]float64{a.EndS / daySeconds, b.EndS / daySeconds}
	for i := range s.Rows {
		r := &s.Rows[i]
		for never, other := range [2]float64{float64(r.Now), float64(r.Base)} {
			if r.never[never] == 0 || !finite(other) || days[never] == 0 || other <= days[never] {
				continue
			}
			r.open, s.open = true, true
			r.Warnings = append(r.Warnings, fmt.Sprintf("the %s looks %g days ahead only", [...]string{"base", "contender"}[never], days[never]))
		}
	}
}

const daySeconds = 24 * 3600

// met says in words that a verdict has changed; "" where it hasn't.
func (s Scenario) met() string {
	switch h := s.Verdicts; {
	case len(h.Lost) > 0:
		return "held, and does no longer"
	case len(h.Won) > 0:
		return "did not hold, and does now"
	}
	return ""
}
