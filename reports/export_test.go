package reports

import (
	"fmt"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// SampleRuns are runs whose pages are looked at: one that failed, and one of more nodes than
// a chart has lines for.
func SampleRuns() map[string]*scenarios.Result {
	many := fixture()
	many.Scenario.Name, many.Scenario.About = "many-nodes", "Twenty-four nodes in three zones, with a name of an index that is rather long."
	many.History.Nodes = nil
	many.Scenario.Cluster.Nodes.Count = 24
	many.Scenario.Cluster.Nodes.Attributes = map[string][]string{"zone": {"a", "b", "c"}}
	for i := range 24 {
		many.History.Nodes = append(many.History.Nodes, fmt.Sprintf("n%d", i+1))
		var copies observed.Copies
		for s := range 1 + i%4 {
			copies = append(copies, observed.Copy{Index: fmt.Sprintf(".ds-logs-application.production-%06d", i), Shard: s, Primary: true, State: "STARTED", Node: fmt.Sprintf("n%d", i+1), ID: fmt.Sprintf("x%d-%d", i, s), Bytes: 1 << 20})
		}
		many.History.Observations = append([]observed.Observation{{At: -sec(1), Sight: copies}}, many.History.Observations...)
	}
	many.Verdict, many.Outcomes = scenarios.Pass, many.Outcomes[:1]
	return map[string]*scenarios.Result{"run-failed": fixture(), "run-many-nodes": many}
}

// SamplePolicies is a comparison of policies.
func SamplePolicies() *Policies {
	return ComparePolicies([]*Report{
		ran("naive-threshold-storm", "threshold", 0.4, 16, 12, ptr(10.0)), ran("naive-threshold-storm", "variance", 0.05, 6, 0, ptr(9.0)),
		ran("a-fourth-node-joins", "threshold", 0.2, 4, 0, nil), ran("a-fourth-node-joins", "variance", 0.2, 4, 0, nil),
	})
}

// SampleSeed is a run of one of a sweep's seeds: the later the seed, the slower.
func SampleSeed(seed uint64) *scenarios.Result {
	res := fixture()
	res.Seed, res.Outcomes, res.Verdict = seed, res.Outcomes[:1], scenarios.Pass
	o := res.Outcomes[0]
	took := 10 + 6*float64(seed)
	o.Observed, o.Margin = ptr(took), ptr(*o.Limit-took)
	if took > *o.Limit {
		o.Verdict, res.Verdict, o.Reason = scenarios.Fail, scenarios.Fail, "green too late"
	}
	res.Outcomes = []scenarios.Outcome{o}
	return res
}
