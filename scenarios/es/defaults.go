package es

import (
	"fmt"
	"github.com/shardquake/shardquake/scenarios"
	"time"

	"github.com/shardquake/shardquake/internal/units"
)

// Complete implements [scenarios.System].
func (System) Complete(s *scenarios.Scenario, d *scenarios.Defaults) {
	n := &s.Cluster.Nodes
	if n.Roles == nil {
		n.Roles = []string{"data", "ingest", "master"}
	}
	for i := range s.Cluster.Indices {
		ix := &s.Cluster.Indices[i]
		at := fmt.Sprintf("$.cluster.indices[%d].", i)
		scenarios.Fill(d, at+"shards", &ix.Shards, 1, "") // checked with the rest
		if ix.Replicas == nil {
			one := 1
			ix.Replicas = &one
		}
		want := ""
		if ix.Size > 0 {
			want = "1 or more documents to fill " + ix.Size.String()
		}
		scenarios.Fill(d, at+"docs", &ix.Docs, int64(ix.Size)/1024, want)
	}
	for i := range s.Workload {
		w := &s.Workload[i]
		scenarios.Fill(d, fmt.Sprintf("$.workload[%d].doc", i), &w.Doc, 1024, "a size such as 1kb")
		if w.Tracers == nil {
			rate := units.Rate(0)
			if w.Writes > 0 {
				rate = 10
			}
			w.Tracers = &rate
		}
	}
	if c := s.Controller; c != nil {
		scenarios.Fill(d, "$.controller.interval", &c.Interval, units.Duration(30*time.Second), "a time such as 30s")
		scenarios.Fill(d, "$.controller.patience", &c.Patience, units.Duration(30*time.Minute), "a time such as 30m")
		scenarios.Fill(d, "$.controller.count", &c.Count, 1, "") // checked with the rest
		if c.Count > 1 {
			scenarios.Fill(d, "$.controller.lease", &c.Lease, units.Duration(15*time.Second), "a time such as 15s")
		}
	}
}
