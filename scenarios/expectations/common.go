package expectations

import "github.com/shardquake/shardquake/scenarios"

// Common are the expectations of every system. A new one is a file and a line here, or in the
// system that alone has it.
func Common() []scenarios.ExpectationKind {
	return []scenarios.ExpectationKind{
		{Name: "steady-state", About: "the steady state holds at the start or again after the end", New: func() scenarios.Expectation { return &SteadyState{} }},
		{Name: "recovered", About: "after a fault the cluster is green (or yellow) again within a limit", New: func() scenarios.Expectation { return &Recovered{} }},
		{Name: "detected", About: "a fault shows in the cluster's membership within a limit", New: func() scenarios.Expectation { return &Detected{} }},
		{Name: "balance", About: "shards, bytes or load are spread evenly", New: func() scenarios.Expectation { return &Balanced{} }},
		{Name: "lost-acked-writes", About: "no more acknowledged writes than this are lost", New: func() scenarios.Expectation { return &LostAckedWrites{} }},
		{Name: "no-red-longer-than", About: "the cluster is never red for longer at a stretch", New: func() scenarios.Expectation { return &NoRedLongerThan{} }},
		{Name: "master-within", About: "the cluster is never without a master for longer at a stretch", New: func() scenarios.Expectation { return &MasterWithin{} }},
		{Name: "green-when-healed", About: "the cluster is green again within a limit after the last fault", New: func() scenarios.Expectation { return &GreenWhenHealed{} }},
		{Name: "thrash-at-most", About: "no more moves undo or repeat an earlier one", New: func() scenarios.Expectation { return &ThrashAtMost{} }},
		{Name: "recoveries-at-once", About: "no node takes more copies from others at one time", New: func() scenarios.Expectation { return &RecoveriesAtOnce{} }},
		{Name: "bytes-copied-at-most", About: "recoveries copy no more bytes between nodes", New: func() scenarios.Expectation { return &BytesCopied{} }},
		{Name: "unassigned-at-most", About: "no more copies are without a node, or only for so long", New: func() scenarios.Expectation { return &UnassignedAtMost{} }},
		{Name: "client-errors", About: "no larger share of the followed writes failed or had no answer", New: func() scenarios.Expectation { return &ClientErrors{} }},
		{Name: "client-latency", About: "acknowledged writes took no longer, by a percentile", New: func() scenarios.Expectation { return &ClientLatency{} }},
		{Name: "no-writes-longer-than", About: "clients are never without an acknowledged write for longer", New: func() scenarios.Expectation { return &NoWritesLongerThan{} }},
		{Name: "node-empty", About: "a node holds no copies any more", New: func() scenarios.Expectation { return &NodeEmpty{} }},
	}
}
