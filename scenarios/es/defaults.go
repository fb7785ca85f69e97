package es

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
)

// Complete implements [scenarios.System].
func (System) Complete(s *scenarios.Scenario, d *scenarios.Defaults) {
	checkImported(s, d)
	s.Cluster.Nodes.CompleteRoles("data", "ingest", "master")
	for i := range s.Cluster.Indices {
		ix := &s.Cluster.Indices[i]
		at := fmt.Sprintf("$.cluster.indices[%d].", i)
		ix.CompletePlaces()
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
	scenarios.Fill(d, "$.steady-within", &s.Steady, units.Duration(3*time.Minute+copies(s)/10*time.Second), "a time such as 3m")
	for i := range s.Workload {
		w := &s.Workload[i]
		scenarios.Fill(d, fmt.Sprintf("$.workload[%d].doc", i), &w.Doc, 1024, "a size such as 1kb")
		if w.Tracers == nil {
			rate := units.Rate(0)
			if w.Writes > 0 && !slices.Contains(aliasNames(s), w.Index) {
				rate = 10
			}
			w.Tracers = &rate
		}
	}
	completeClient(s, d)
	if c := s.Controller; c != nil {
		scenarios.Fill(d, "$.controller.interval", &c.Interval, units.Duration(30*time.Second), "a time such as 30s")
		scenarios.Fill(d, "$.controller.patience", &c.Patience, units.Duration(30*time.Minute), "a time such as 30m")
		scenarios.Fill(d, "$.controller.count", &c.Count, 1, "") // checked with the rest
		if c.Count > 1 {
			scenarios.Fill(d, "$.controller.lease", &c.Lease, units.Duration(15*time.Second), "a time such as 15s")
		}
	}
}

// completeClient makes the client what the official one for Go is by default.
func completeClient(s *scenarios.Scenario, d *scenarios.Defaults) {
	c := s.Client
	if c.SetAside == nil {
		yes := true
		c.SetAside = &yes
	}
	if c.Retries == nil {
		three := 3
		c.Retries = &three
	}
	scenarios.Fill(d, "$.client.timeout", &c.Timeout, units.Duration(10*time.Second), "a time such as 10s")
	scenarios.Fill(d, "$.client.sniff", &c.Sniff, 0, "a time such as 1m")
}

// copies is how many the described indices have, in all: the more there are, the longer the
// first steady state may take.
func copies(s *scenarios.Scenario) time.Duration {
	n := 0
	for _, ix := range s.Cluster.Indices {
		if *ix.Replicas >= 0 && ix.Shards >= 0 {
			n += min(ix.Shards, mostShards) * (1 + min(*ix.Replicas, scenarios.MostNodes))
		}
	}
	return time.Duration(n)
}
