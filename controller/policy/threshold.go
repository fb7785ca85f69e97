package policy

import "fmt"

// ThresholdConfig configures the threshold policy; zero values mean the defaults.
type ThresholdConfig struct {
	// MaxAverage is the average number of shards per node above which to rebalance. Default 5.
	MaxAverage float64
	// Hot are the limits of the search for hot shards.
	Hot HotLimits
}

// Threshold is the rule of the user's documents as it stands: rebalance when the
// average number of shards per node is above 5, optimise when there are hot shards.
//
// The average doesn't depend on where the shards lie. On a cluster with many shards
// the rule fires for ever, also on a perfectly balanced one; the scenario
// naive-threshold-storm shows it. It is kept because it is what the documents ask
// for, and as what other policies have to beat.
type Threshold struct{ cfg ThresholdConfig }

func threshold() Kind {
	return Kind{
		Name: "threshold", About: "rebalances whenever there are more than 5 shards per node on average",
		New: func() Policy { return NewThreshold(ThresholdConfig{}) },
	}
}

// NewThreshold makes the policy.
func NewThreshold(cfg ThresholdConfig) *Threshold {
	if cfg.MaxAverage == 0 {
		cfg.MaxAverage = 5
	}
	cfg.Hot = cfg.Hot.withDefaults()
	return &Threshold{cfg: cfg}
}

// Name implements [Policy].
func (t *Threshold) Name() string { return "threshold" }

// Needs implements [Policy].
func (t *Threshold) Needs() Needs { return Needs{Load: true} }

// Decide implements [Policy].
func (t *Threshold) Decide(o Observation) Verdict {
	avg, should := t.shouldRebalance(o)
	hot := FindHot(o, t.cfg.Hot)
	v := Verdict{Numbers: Numbers{
		{"nodes", float64(o.DataNodes)}, {"shards", float64(o.Shards)}, {"avg_shards_per_node", avg},
		{"limit", t.cfg.MaxAverage}, {"hot_shards", float64(len(hot.Shards))}, {"hot_nodes", float64(len(hot.Nodes))},
	}}
	relation := "not above"
	if should {
		relation = "above"
		v.Actions = append(v.Actions, Rebalance)
		v.Insist = true
	}
	v.Reason = fmt.Sprintf("%s shards per node on average, %s %s", format(avg), relation, format(t.cfg.MaxAverage))
	if hot.Any() {
		v.Actions = append(v.Actions, Optimize)
		v.Reason += "; " + hot.String()
	}
	return v
}

// shouldRebalance is the documents' rule: shards per node above the limit.
func (t *Threshold) shouldRebalance(o Observation) (avg float64, should bool) {
	if o.DataNodes == 0 {
		return 0, false
	}
	avg = float64(o.Shards) / float64(o.DataNodes)
	return avg, avg > t.cfg.MaxAverage
}
