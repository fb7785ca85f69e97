package policy

import (
	"fmt"
	"time"
)

// VarianceConfig configures the variance policy; zero values mean the defaults.
type VarianceConfig struct {
	// High is the avoidable coefficient of variation above which to act. Default 0.10.
	High float64
	// Low is the value that ends a phase of acting. Default 0.05.
	Low float64
	// CoolDown is the time between two actions of one phase. Default 5 m.
	CoolDown time.Duration
}

// Variance acts on the spread of shards over nodes, not on their number.
//
// It looks at the coefficient of variation above the one that whole shards make
// unavoidable (7 shards on 3 nodes can't be even). Above High it begins to act,
// below Low it is content (hysteresis); while it acts it repeats itself only after
// the cool-down, and never while shards are still on the move.
type Variance struct {
	cfg    VarianceConfig
	acting bool
	last   time.Duration // of the last action in this phase
	acted  bool
}

// NewVariance makes the policy.
func NewVariance(cfg VarianceConfig) *Variance {
	if cfg.High == 0 {
		cfg.High = 0.10
	}
	if cfg.Low == 0 {
		cfg.Low = 0.05
	}
	if cfg.CoolDown == 0 {
		cfg.CoolDown = 5 * time.Minute
	}
	return &Variance{cfg: cfg}
}

// Name implements [Policy].
func (p *Variance) Name() string { return "variance" }

// Needs implements [Policy].
func (p *Variance) Needs() Needs { return Needs{} }

// Decide implements [Policy].
func (p *Variance) Decide(o Observation) Verdict {
	s := SpreadOf(o)
	avoidable := s.CV - s.BestCV
	v := Verdict{Numbers: append(s.Numbers(), Numbers{
		{"avoidable_cv", avoidable}, {"high", p.cfg.High}, {"low", p.cfg.Low},
		{"moving", float64(o.Relocating + o.Initializing)},
	}...)}
	grounds := fmt.Sprintf("coefficient of variation %s, of which %s avoidable (%d to %d shards per node)",
		format(s.CV), format(avoidable), s.Min, s.Max)
	switch {
	case s.Nodes < 2:
		v.Reason = "nothing to balance with fewer than two nodes"
	case s.Max-s.Min <= 1:
		p.rest()
		v.Reason = grounds + ": as even as whole shards can be"
	case !p.acting && avoidable <= p.cfg.High:
		v.Reason = fmt.Sprintf("%s, not above %s", grounds, format(p.cfg.High))
	case p.acting && avoidable <= p.cfg.Low:
		p.rest()
		v.Reason = fmt.Sprintf("%s, not above %s: content", grounds, format(p.cfg.Low))
	case o.Relocating+o.Initializing > 0:
		p.acting = true
		v.Reason = fmt.Sprintf("%s, but %d shards are on the move already", grounds, o.Relocating+o.Initializing)
	case p.acted && o.At-p.last < p.cfg.CoolDown:
		v.Reason = fmt.Sprintf("%s, but acted %v ago; cool-down is %v", grounds, (o.At - p.last).Round(time.Second), p.cfg.CoolDown)
	default:
		limit := p.cfg.High
		if p.acting {
			limit = p.cfg.Low
		}
		p.acting, p.acted, p.last = true, true, o.At
		v.Actions = []Action{Rebalance}
		v.Reason = fmt.Sprintf("%s, above %s", grounds, format(limit))
	}
	return v
}

// rest ends a phase of acting. The cool-down holds on, so that a spread that
// swings around the limits can't cause an action at every swing.
func (p *Variance) rest() { p.acting = false }
