package reports

import (
	"slices"

	"github.com/shardquake/shardquake/reports/score"
)

// PoliciesSchema is the version of a comparison of policies in JSON.
const PoliciesSchema = "shardquake.policies/1"

// Policies compares what policies made of the same scenarios with the same seeds.
type Policies struct {
	Schema string `json:"schema"`
	Seeds  int    `json:"seeds"` // runs behind each row of a scenario
	// Rows are by scenario, then by policy, both in the order in which they were asked for;
	// Totals are by policy.
	Rows   []PolicyRow `json:"rows"`
	Totals []PolicyRow `json:"totals"`
}

// PolicyRow is what a policy made of one scenario: means over the seeds. In a total,
// what can be added up (moves, thrash, bytes, actions) is the sum over the scenarios, the
// rest their mean.
type PolicyRow struct {
	Scenario string `json:"scenario,omitempty"`
	Policy   string `json:"policy"`
	// FinalCV and AverageCV are the coefficient of variation of shards over nodes at the end
	// and on average over time.
	FinalCV   float64 `json:"final_cv"`
	AverageCV float64 `json:"average_cv"`
	Moves     float64 `json:"moves"`
	Thrash    float64 `json:"thrash"`
	Bytes     float64 `json:"bytes"`
	// IdealMoves and IdealBytes are lower bounds on what it takes to become as even as the
	// policy left it, see [score.FewestMoves].
	IdealMoves float64 `json:"ideal_moves"`
	IdealBytes float64 `json:"ideal_bytes"`
	// RecoveryS is from a fault until the cluster was green again, of the slowest fault;
	// null without one, or where it never was.
	RecoveryS *float64 `json:"recovery_s" jsonschema:"oneof_type=number;null"`
	Actions   float64  `json:"actions"` // of the controller
	// Nodes is what operations took on each node, in no total.
	Nodes []NodeLatency `json:"nodes,omitempty"`
}

// ComparePolicies lines up the reports of runs that differ in nothing but policy and seed.
func ComparePolicies(reports []*Report) *Policies {
	var names, policies []string
	runs := make(map[[2]string][]*Report)
	for _, r := range reports {
		if !slices.Contains(names, r.Scenario) {
			names = append(names, r.Scenario)
		}
		if !slices.Contains(policies, r.Control.Policy) {
			policies = append(policies, r.Control.Policy)
		}
		k := [2]string{r.Scenario, r.Control.Policy}
		runs[k] = append(runs[k], r)
	}
	c := &Policies{Schema: PoliciesSchema}
	for _, name := range names {
		for _, p := range policies {
			if of := runs[[2]string{name, p}]; len(of) > 0 {
				c.Seeds = max(c.Seeds, len(of))
				c.Rows = append(c.Rows, policyRow(of))
			}
		}
	}
	for _, p := range policies {
		c.Totals = append(c.Totals, c.total(p))
	}
	return c
}

func policyRow(of []*Report) PolicyRow {
	row := PolicyRow{Scenario: of[0].Scenario, Policy: of[0].Control.Policy}
	mean := func(get func(*Report) float64) float64 {
		sum := 0.0
		for _, r := range of {
			sum += get(r)
		}
		return score.Round(sum / float64(len(of)))
	}
	cv := func(get func(*BalanceOverTime) float64) float64 {
		return mean(func(r *Report) float64 {
			if b := r.Scores.Balance.Shards; b != nil {
				return get(b)
			}
			return 0
		})
	}
	row.FinalCV = cv(func(b *BalanceOverTime) float64 { return b.Final.CV })
	row.AverageCV = cv(func(b *BalanceOverTime) float64 { return b.AverageCV })
	row.Moves = mean(func(r *Report) float64 { return float64(r.Scores.Movement.Moves) })
	row.Thrash = mean(func(r *Report) float64 { return float64(r.Scores.Movement.Thrash) })
	row.Bytes = mean(func(r *Report) float64 { return float64(r.Scores.Movement.Bytes) })
	row.IdealMoves = mean(func(r *Report) float64 { return float64(r.Scores.Movement.IdealMoves) })
	row.IdealBytes = mean(func(r *Report) float64 { return float64(r.Scores.Movement.IdealBytes) })
	row.Actions = mean(func(r *Report) float64 { return float64(r.Control.Actions) })
	var times []*float64
	for _, r := range of {
		times = append(times, r.Scores.Recovery.TimeToGreenS)
	}
	row.RecoveryS = meanOf(times)
	row.Nodes = meanLatencies(of)
	return row
}

// meanLatencies are the means over seeds of what operations took on each node.
func meanLatencies(of []*Report) []NodeLatency {
	var out []NodeLatency
	for i, n := range of[0].Scores.Nodes {
		mean := func(get func(NodeLatency) *float64) *float64 {
			var values []*float64
			for _, r := range of {
				if i < len(r.Scores.Nodes) {
					values = append(values, get(r.Scores.Nodes[i]))
				}
			}
			return meanOf(values)
		}
		out = append(out, NodeLatency{
			Node:     n.Node,
			BeforeMs: mean(func(l NodeLatency) *float64 { return l.BeforeMs }), AfterMs: mean(func(l NodeLatency) *float64 { return l.AfterMs }),
			BeforeP99: mean(func(l NodeLatency) *float64 { return l.BeforeP99 }), AfterP99: mean(func(l NodeLatency) *float64 { return l.AfterP99 }),
		})
	}
	return out
}

// meanOf is the mean of what is there; nil when nothing is.
func meanOf(values []*float64) *float64 {
	sum, n := 0.0, 0
	for _, v := range values {
		if v != nil {
			sum, n = sum+*v, n+1
		}
	}
	if n == 0 {
		return nil
	}
	return ptr(score.Round(sum / float64(n)))
}

// total sums up a policy's rows.
func (c *Policies) total(policy string) PolicyRow {
	t := PolicyRow{Policy: policy}
	n := 0.0
	var times []*float64
	for _, r := range c.Rows {
		if r.Policy != policy {
			continue
		}
		n++
		t.FinalCV += r.FinalCV
		t.AverageCV += r.AverageCV
		t.Moves += r.Moves
		t.Thrash += r.Thrash
		t.Bytes += r.Bytes
		t.IdealMoves += r.IdealMoves
		t.IdealBytes += r.IdealBytes
		t.Actions += r.Actions
		times = append(times, r.RecoveryS)
	}
	t.FinalCV, t.AverageCV = score.Round(t.FinalCV/n), score.Round(t.AverageCV/n)
	t.RecoveryS = meanOf(times)
	return t
}

// Total is a policy's total, nil when it was not compared.
func (c *Policies) Total(policy string) *PolicyRow {
	for i := range c.Totals {
		if c.Totals[i].Policy == policy {
			return &c.Totals[i]
		}
	}
	return nil
}
