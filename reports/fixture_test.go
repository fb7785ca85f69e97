package reports

import (
	"fmt"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func sec(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// fixture is a run told by hand: three nodes, one index of four shards with a
// replica; n2 dies at 10 s, is removed at 10.3 s, and its two replicas are built anew
// on n1 and n3 from 20 s to 24 s. One relocation follows.
func fixture() *scenarios.Result {
	h := &observed.History{Nodes: []string{"n1", "n2", "n3"}, End: sec(60), Settled: sec(61), Closed: sec(62), Steady: sec(2.5)}
	add := func(t float64, o observed.Observation) {
		o.At = sec(t)
		h.Observations = append(h.Observations, o)
	}
	health := func(t float64, status string, init, reloc, un int) {
		add(t, observed.Observation{Sight: observed.Health{Status: status, Master: true, Nodes: 3, Active: 8 - init - un, Primaries: 4, Initializing: init, Relocating: reloc, Unassigned: un}})
	}
	shard := func(t float64, n int, primary string, replica observed.Copy) {
		replica.Index, replica.Shard, replica.Bytes, replica.ID = "logs", n, 10<<20, fmt.Sprintf("r%d", n)
		add(t, observed.Observation{Sight: observed.Copies{
			{Index: "logs", Shard: n, Primary: true, State: "STARTED", Node: primary, ID: fmt.Sprintf("p%d", n), Bytes: 10 << 20}, replica,
		}})
	}
	started := func(n string) observed.Copy { return observed.Copy{State: "STARTED", Node: n} }
	missing := observed.Copy{State: "UNASSIGNED", Reason: "NODE_LEFT", Delayed: true}
	building := func(n string) observed.Copy {
		return observed.Copy{State: "INITIALIZING", Node: n, Reason: "NODE_LEFT"}
	}
	add(-1, observed.Observation{Sight: observed.Members{Master: "n1", Nodes: []string{"n1", "n2", "n3"}}})
	health(-1, "green", 0, 0, 0)
	for i, at := range [][2]string{{"n1", "n2"}, {"n3", "n1"}, {"n1", "n3"}, {"n3", "n2"}} {
		shard(-1, i, at[0], started(at[1]))
	}
	add(10.3, observed.Observation{Sight: observed.Members{Master: "n1", Nodes: []string{"n1", "n3"}}})
	health(10.3, "yellow", 0, 0, 2)
	shard(10.3, 0, "n1", missing)
	shard(10.3, 3, "n3", missing)
	health(20, "yellow", 2, 0, 0)
	shard(20, 0, "n1", building("n3"))
	shard(20, 3, "n3", building("n1"))
	for i, to := range []string{"n3", "n1"} {
		from := []string{"n1", "n3"}[i]
		rec := observed.Recovery{Index: "logs", Shard: 3 * i, ID: fmt.Sprintf("new%d", i), From: from, To: to, Kind: "files", Reason: "replica", Stage: "INDEX", BytesTotal: 10 << 20, Start: sec(20)}
		add(20, observed.Observation{Sight: rec})
		done := rec
		done.Stage, done.Bytes, done.Stop = "DONE", 10<<20, sec(23+float64(i))
		add(23+float64(i), observed.Observation{Sight: done})
	}
	shard(23, 0, "n1", started("n3"))
	shard(24, 3, "n3", started("n1"))
	health(24, "green", 0, 0, 0)
	shard(30, 1, "n3", observed.Copy{State: "RELOCATING", Node: "n1", To: "n2"})
	shard(33, 1, "n3", started("n2"))
	h.Faults = []*chaos.Record{{
		Kind: "node-loss", Params: &chaos.NodeLoss{Nodes: []chaos.Selector{"n2"}, How: "kill"}, Victims: []string{"n2"}, Primitives: []string{"kill n2"},
		Due: sec(10), At: sec(10), HealedAt: -1, Injected: true, Bites: []chaos.Evidence{{What: "kill n2", Shown: true, Saw: "the process of n2: exited"}},
	}}
	h.Decisions = []observed.Decision{
		{Seq: 1, At: sec(0), Actor: "shard-controller", Policy: "variance", Decided: "nothing", Reason: "spread 0.05 is below 0.1"},
		{Seq: 2, At: sec(30), Actor: "shard-controller", Policy: "variance", Decided: "rebalance", Reason: "spread 0.2 is above 0.1", Done: "rebalance (1 calls)", Acted: true},
	}
	h.Tracers = observed.TracerSummary{AckedInFault: 2, Checked: 4}
	h.Tracers.Follow([]observed.TracerOp{
		{At: sec(1), Latency: sec(0.001), Result: observed.FateAcked, Requests: 1},
		{At: sec(9.9), Latency: sec(10), Result: observed.FateUnknown, Cause: observed.CauseTimeout, Node: "n2", Requests: 1},
		{At: sec(10.1), Latency: sec(0.0004), Result: observed.FateFailed, Cause: observed.CauseDeadNode, Node: "n2", Requests: 1},
		{At: sec(10.2), Latency: sec(0.003), Result: observed.FateFailed, Cause: observed.CauseNoPrimary, Node: "n1", Requests: 4},
		{At: sec(20), Latency: sec(0.002), Result: observed.FateAcked, Requests: 1}, {At: sec(21), Latency: sec(0.0015), Result: observed.FateAcked, Requests: 2},
		{At: sec(30), Latency: sec(0.03), Result: observed.FateAcked, Requests: 1, Slow: true},
	})
	h.Traffic = []observed.TrafficSample{{At: sec(60), Traffic: observed.Traffic{Acked: 3000, Failed: 2, Reads: 1200}}}
	v := func(f float64) *float64 { return &f }
	return &scenarios.Result{
		Scenario: &scenarios.Scenario{Name: "told-by-hand", About: "A run told by hand.", System: "elasticsearch", Client: &scenarios.ClientSection{Slow: units.Duration(sec(0.02))}, Controller: &scenarios.ControlSection{Policy: "variance", Interval: units.Duration(sec(30))}},
		File:     "told-by-hand.yaml", Text: []byte("name: told-by-hand\n"), Backend: "sim", Scale: scenarios.AsDescribed, Seed: 1,
		Notes: []string{"nothing was scaled"}, History: h, Verdict: scenarios.Fail,
		Outcomes: []scenarios.Outcome{
			{Name: "green after node-loss", Verdict: scenarios.Pass, Observed: v(14), Limit: v(60), Margin: v(46), Unit: "s", At: v(24), Reason: "green 14s after the fault"},
			{Name: "relocations", Verdict: scenarios.Fail, Observed: v(1), Limit: v(0), Margin: v(-1), Reason: "1 relocations began"},
			{Name: "cv of cpu over nodes at the end", Verdict: scenarios.Unknown, Reason: "cpu per node was not observed"},
		},
		Plan:     chaos.Plan{Entries: []chaos.Entry{{At: units.Duration(sec(10)), Fault: &chaos.NodeLoss{Nodes: []chaos.Selector{"n2"}, How: "kill"}}}},
		LogLines: []scenarios.LogLine{{At: sec(30), Text: "Triggering shard rebalancing..."}},
		Virtual:  sec(62), Wall: sec(0.25), Events: 12345, TraceHash: 0xabc,
	}
}
