package compare

import (
	"fmt"
	"math"

	"github.com/shardquake/shardquake/reports/stats"
)

// decide turns probabilities into verdicts and returns the level. What gates is corrected by
// Holm's method over all scenarios, the rest by Benjamini and Hochberg's; a look at a growing
// sample has its share of the level.
func (c *Contender) decide(opt Options) float64 {
	level := opt.Level
	if level == 0 {
		level = LevelSimulated
		for _, s := range c.Scenarios {
			if !s.Paired {
				level = LevelReal
			}
		}
	}
	share := level * stats.Spend(opt.Look-1, opt.Looks)
	var gating, rest []*Row
	var held []*Held
	for i := range c.Scenarios {
		s := &c.Scenarios[i]
		if s.Exact {
			continue
		}
		if !s.unchanged() {
			held = append(held, &s.Verdicts)
		}
		for j := range s.Rows {
			if s.Rows[j].Gates {
				gating = append(gating, &s.Rows[j])
			} else {
				rest = append(rest, &s.Rows[j])
			}
		}
	}
	correctGating(gating, held)
	correctRest(rest)
	few := fewest(gating, held, share)
	for i := range c.Scenarios {
		if c.Scenarios[i].Exact {
			c.Scenarios[i].decideExact()
			c.Verdict = worst(c.Verdict, c.Scenarios[i].Verdict)
			continue
		}
		c.Scenarios[i].decide(share)
		if s := &c.Scenarios[i]; s.Paired && s.Verdict == Undecided && s.Runs[0] < few {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%d pairs are too few for an answer to all that gates at once; it takes %d or more", s.Runs[0], few))
		}
		c.Verdict = worst(c.Verdict, c.Scenarios[i].Verdict)
	}
	return level
}

// fewest is how many pairs it takes for the smallest probability that their test knows, both
// tails of one order of signs, to be below the level after the corrections.
func fewest(rows []*Row, held []*Held, share float64) int {
	open := len(held)
	for _, r := range rows {
		if !r.equal {
			open++
		}
	}
	return 1 + int(math.Ceil(math.Log2(float64(max(1, open))/share)))
}

func (s *Scenario) unchanged() bool { return s.Paired && s.Equal == s.Runs[0] }

func correctGating(rows []*Row, held []*Held) {
	var p, same []float64
	for _, r := range rows {
		if !r.equal {
			p, same = append(p, r.P), append(same, r.PSame)
		}
	}
	for _, h := range held {
		p = append(p, h.P)
	}
	p, same = stats.Holm(p), stats.Holm(same)
	i := 0
	for _, r := range rows {
		if r.Adjusted, r.AdjustedSame = 1, 0; !r.equal {
			r.Adjusted, r.AdjustedSame = p[i], same[i]
			i++
		}
	}
	for _, h := range held {
		h.Adjusted = p[i]
		i++
	}
}

func correctRest(rows []*Row) {
	var p, same []float64
	for _, r := range rows {
		p, same = append(p, r.P), append(same, r.PSame)
	}
	p, same = stats.BenjaminiHochberg(p), stats.BenjaminiHochberg(same)
	for i, r := range rows {
		r.Adjusted, r.AdjustedSame = p[i], same[i]
	}
}

// decide answers for one scenario: its verdicts and every row; what gates makes the answer.
func (s *Scenario) decide(share float64) {
	if s.unchanged() {
		s.Verdict, s.Verdicts.Verdict = Unchanged, Unchanged
		return
	}
	s.Verdict = Same
	s.Verdicts.Verdict = s.Verdicts.answer(share, s.Paired)
	s.Verdict = worst(s.Verdict, s.Verdicts.Verdict)
	for i := range s.Rows {
		r := &s.Rows[i]
		r.Verdict = r.answer(share)
		if r.Gates {
			s.Verdict = worst(s.Verdict, r.Verdict)
		}
	}
}

func (h *Held) answer(share float64, pairs bool) Verdict {
	lost, won := len(h.Lost), len(h.Won)
	if !pairs {
		fewer := h.Passed[0]*h.runs[1] - h.Passed[1]*h.runs[0] // sides of different size
		lost, won = max(0, fewer), max(0, -fewer)
	}
	switch {
	case lost+won == 0:
		return Same
	case h.Adjusted > share:
		return Undecided
	case lost > won:
		return Worse
	}
	return Better
}

func (r *Row) answer(share float64) Verdict {
	switch {
	case r.equal:
		return Same
	case r.Adjusted <= share && r.median > 0 && r.median >= r.Minimum:
		return r.way(Worse)
	case r.Adjusted <= share && r.median < 0 && r.median <= -r.Minimum:
		return r.way(Better)
	case r.AdjustedSame <= share:
		return Same
	}
	return Undecided
}

// way is the verdict where one way is better, and a mere difference where none is.
func (r *Row) way(v Verdict) Verdict {
	if r.Better == "" {
		return Differs
	}
	return v
}
