package kv

import (
	"fmt"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv/section"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/kvload"
)

// Complete implements [scenarios.System].
func (System) Complete(s *scenarios.Scenario, d *scenarios.Defaults) {
	if s.Cluster.KV == nil { // it has a default for everything
		s.Cluster.KV = &section.Cluster{}
	}
	k := s.Cluster.KV
	const at = "$.cluster.kv."
	scenarios.Fill(d, at+"shards", &k.Shards, 4, "1 or more")
	scenarios.Fill(d, at+"replication", &k.Replication, 3, "1 or more")
	scenarios.Fill(d, at+"read-level", &k.ReadLevel, "quorum", "")
	scenarios.Fill(d, at+"write-level", &k.WriteLevel, "quorum", "")
	scenarios.Fill(d, at+"voters", &k.Voters, 3, "1 or more")
	scenarios.Fill(d, at+"heartbeat", &k.Heartbeat, units.Duration(5*time.Second), "a time such as 5s")
	scenarios.Fill(d, at+"failure-threshold", &k.FailureThreshold, 3, "1 or more")
	scenarios.Fill(d, at+"recovery-threshold", &k.RecoveryThreshold, 3, "1 or more")
	scenarios.Fill(d, at+"replace-after", &k.ReplaceAfter, units.Duration(time.Minute), "a time such as 1m")
	scenarios.Fill(d, at+"value", &k.Value, 100, "a size such as 100b")
	for i := range s.Workload {
		w := &s.Workload[i]
		at := fmt.Sprintf("$.workload[%d].", i)
		scenarios.Fill(d, at+"clients", &w.Clients, 4, "1 or more")
		scenarios.Fill(d, at+"doc", &w.Doc, 100, "a size such as 100b")
		if w.KV == kvload.Bank {
			scenarios.Fill(d, at+"accounts", &w.Accounts, 8, "2 or more")
		} else {
			scenarios.Fill(d, at+"keys", &w.Keys, 8, "1 or more")
		}
		scenarios.Fill(d, at+"level", &w.Level, k.WriteLevel, "")
		scenarios.Fill(d, at+"read-level", &w.ReadLevel, k.ReadLevel, "")
		if w.Tracers == nil {
			rate := units.Rate(0)
			if w.Writes > 0 || w.Transfers > 0 {
				rate = 5
			}
			w.Tracers = &rate
		}
	}
}
