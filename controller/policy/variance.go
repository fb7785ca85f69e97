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
	// Urgent is the avoidable coefficient of variation above which it also acts outside the
	// off-peak windows. Default 0.5.
	Urgent float64
	// CoolDown is the time between two actions of one phase. Default 5 m.
	CoolDown time.Duration
	// Flapping is the time within which two losses of nodes make the nodes flap. Default
	// 10 m.
	Flapping time.Duration
	// Settle is how long flapping nodes must have been the same ones before shards are
	// moved about again. Default 2 m.
	Settle time.Duration
	// MostHeld is the longest that rebalancing is held for it in a row. Default 30 m.
	MostHeld time.Duration
}

// Variance acts on the spread of shards over nodes, not on their number.
//
// It looks at the coefficient of variation above the one that whole shards make
// unavoidable (7 shards on 3 nodes can't be even). Above High it begins to act,
// below Low it is content (hysteresis); while it acts it repeats itself only after
// the cool-down, and never while shards are still on the move.
//
// A node may leave, come back, and leave again: Elasticsearch moves shards onto it each
// time, and loses them each time. So when nodes leave for the second time within a short
// while, rebalancing is held, also Elasticsearch's own, until the nodes have been the same
// for a time. Copies that a node took with it are built anew all the same.
type Variance struct {
	cfg    VarianceConfig
	acting bool
	last   time.Duration // of the last action in this phase
	acted  bool
	before struct { // the last action
		last  time.Duration
		acted bool
	}

	nodes    int           // data nodes at the last look
	changed  time.Duration // when that number last changed
	left     time.Duration // when it last became smaller
	losses   int           // how often it has, each within Flapping of the one before
	flapping bool
	held     time.Duration // since when rebalancing is held
	holding  bool
	weary    bool // held for as long as is allowed; not again before the nodes have settled
}

func variance() Kind {
	return Kind{
		Name: "variance", About: "rebalances when the spread over nodes is avoidable, with hysteresis and cool-down",
		New: func() Policy { return NewVariance(VarianceConfig{}) },
	}
}

// NewVariance makes the policy.
func NewVariance(cfg VarianceConfig) *Variance {
	if cfg.High == 0 {
		cfg.High = 0.10
	}
	if cfg.Low == 0 {
		cfg.Low = 0.05
	}
	if cfg.Urgent == 0 {
		cfg.Urgent = 0.5
	}
	if cfg.CoolDown == 0 {
		cfg.CoolDown = 5 * time.Minute
	}
	if cfg.Flapping == 0 {
		cfg.Flapping = 10 * time.Minute
	}
	if cfg.Settle == 0 {
		cfg.Settle = 2 * time.Minute
	}
	if cfg.MostHeld == 0 {
		cfg.MostHeld = 30 * time.Minute
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
	if p.hold(o, &v) {
		return v
	}
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
	case o.Peak && avoidable <= p.cfg.Urgent:
		v.Reason = fmt.Sprintf("%s, but that can wait for the off-peak window: not above %s", grounds, format(p.cfg.Urgent))
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
		p.before.last, p.before.acted = p.last, p.acted
		p.acting, p.acted, p.last = true, true, o.At
		v.Actions = []Action{Rebalance}
		v.Reason = fmt.Sprintf("%s, above %s", grounds, format(limit))
	}
	return v
}

// Failed implements [Told].
func (p *Variance) Failed() { p.last, p.acted = p.before.last, p.before.acted }

// rest ends a phase of acting. The cool-down holds on, so that a spread that
// swings around the limits can't cause an action at every swing.
func (p *Variance) rest() { p.acting = false }

// hold keeps shards where they are while nodes come and go. It reports whether that is
// all there is to this decision.
func (p *Variance) hold(o Observation, v *Verdict) bool {
	p.watch(o)
	v.Numbers = append(v.Numbers, Number{"node_losses", float64(p.losses)})
	switch {
	case !p.flapping && p.holding:
		p.holding = false
		v.Actions = []Action{Release}
		v.Reason = fmt.Sprintf("the %d data nodes have been the same for %v: rebalancing is held no longer", o.DataNodes, p.cfg.Settle)
		return true
	case !p.flapping || p.weary:
		p.weary = p.weary && p.flapping
		return false
	case p.holding && o.At-p.held >= p.cfg.MostHeld:
		p.holding, p.weary = false, true
		v.Actions = []Action{Release}
		v.Reason = fmt.Sprintf("data nodes still come and go, but rebalancing has been held for %v", p.cfg.MostHeld)
		return true
	case !p.holding:
		p.holding, p.held = true, o.At
	}
	v.Actions = []Action{Hold} // also when it is held already: the first time may have failed
	v.Reason = fmt.Sprintf("data nodes left %d times, each within %v of the time before; the %d that are there have been the same for %v, and rebalancing is held until it is %v",
		p.losses, p.cfg.Flapping, o.DataNodes, (o.At - p.changed).Round(time.Second), p.cfg.Settle)
	return true
}

// watch notes how the number of data nodes changes: nodes without shards have no name
// here.
func (p *Variance) watch(o Observation) {
	before := p.nodes
	p.nodes = o.DataNodes
	if before != 0 && o.DataNodes != before {
		p.changed = o.At
	}
	if o.DataNodes < before {
		if p.losses == 0 || o.At-p.left > p.cfg.Flapping {
			p.losses = 0
		}
		p.losses++
		p.left = o.At
		p.flapping = p.flapping || p.losses > 1
	}
	if p.flapping && o.At-p.changed >= p.cfg.Settle {
		p.flapping = false
	}
}
