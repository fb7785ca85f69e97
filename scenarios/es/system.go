package es

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es/client"
)

//go:embed starter.yaml
var starter []byte

// System is Elasticsearch.
type System struct{}

// Name implements [scenarios.System].
func (System) Name() string { return chaos.Elasticsearch }

// Starter implements [scenarios.System].
func (System) Starter() []byte { return starter }

// Shapes implements [scenarios.System].
func (System) Shapes(s *scenarios.Scenario) []chaos.IndexShape {
	var out []chaos.IndexShape
	if im := s.Imported(); im != nil {
		for _, ix := range im.Indices {
			out = append(out, chaos.IndexShape{Name: ix.Name, Shards: ix.ShardCount, Replicas: ix.Replicas})
		}
	}
	for _, ix := range NewIndices(s) {
		out = append(out, chaos.IndexShape{Name: ix.Name, Shards: ix.Shards, Replicas: *ix.Replicas})
	}
	return out
}

// Viewers implements [scenarios.System].
func (System) Viewers(s *scenarios.Scenario) []string {
	names := s.ControllerNames()
	if len(names) == 0 {
		names = []string{scenarios.ViewerController}
	}
	return append(names, scenarios.ViewerClient)
}

// Own implements [scenarios.System]: a *[Description].
func (System) Own(s *scenarios.Scenario) any {
	out := &Description{Formed: Formed(s), Distribution: cmp.Or(s.Cluster.Distribution, DefaultDistribution)}
	if s.Imported() != nil {
		return out
	}
	start := s.Cluster.Start
	if rest := s.Rest; start == "" && rest != nil && !rest.None && rest.Status != "green" {
		start = scenarios.StartCold // it passes that state while it forms
	}
	out.Start, out.Indices = start, IndexSpecs(s)
	return out
}

// masterEligible are the nodes that may be master, those that come late apart.
func masterEligible(s *scenarios.Scenario) []string {
	var out []string
	for _, n := range s.ClusterSpec().Nodes {
		if !n.Late && (len(n.Roles) == 0 || slices.Contains(n.Roles, "master")) {
			out = append(out, n.Name)
		}
	}
	return out
}

// Describe implements [scenarios.System].
func (System) Describe(s *scenarios.Scenario) []string {
	var out []string
	for _, ix := range NewIndices(s) {
		out = append(out, fmt.Sprintf("index     %s: %d shards × %d copies, %s in primaries", ix.Name, ix.Shards, 1+*ix.Replicas, units.FormatBytes(int64(ix.Size))))
	}
	if masters := masterEligible(s); len(masters) == 2 {
		out = append(out, fmt.Sprintf("note      two master-eligible nodes (%s) survive no loss: without one of them no master can be elected; three survive one", strings.Join(masters, ", ")))
	}
	for _, l := range LoadSpecs(s) {
		out = append(out, fmt.Sprintf("load      %s: %g writes/s, %g reads/s", l.Index, l.Writes, l.Reads))
	}
	if len(LoadSpecs(s)) > 0 {
		out = append(out, "client    "+client.Describe(s.Client))
	}
	return out
}

// Expectations implements [scenarios.System]. A new one is a file and a line here.
func (System) Expectations() []scenarios.ExpectationKind {
	return []scenarios.ExpectationKind{
		kind("node-load", "a figure of the nodes' load (cpu, latency, …) stays within a bound", func() scenarios.Expectation { return &NodeLoadBound{} }),
		kind("writes-blocked", "a block refuses writes to an index, or no longer", func() scenarios.Expectation { return &WritesBlocked{} }),
		kind("no-copies-on", "no copy lies on the nodes of a tier", func() scenarios.Expectation { return &NoCopiesOn{} }),
		kind("controller-makes-worse", "what holds without the controller holds with it: the run is made once more without", func() scenarios.Expectation { return &ControllerMakesWorse{} }),
		kind("one-in-charge", "no controller acts after another has taken the lead", func() scenarios.Expectation { return &OneInCharge{} }),
		kind("settings-kept", "settings are at the end what they were at t=0", func() scenarios.Expectation { return &SettingsKept{} }),
		kind("copies-agree", "all copies of a shard hold equally many documents and are at the same operation at the end", func() scenarios.Expectation { return &CopiesAgree{} }),
		{
			Name: "disk-below", About: "no data disk gets fuller than a watermark or a percentage", Systems: []string{chaos.Elasticsearch, chaos.KeyValue},
			New: func() scenarios.Expectation { return &DiskBelow{} },
		},
		kind("moves-at-most", "no more shard copies are relocated", func() scenarios.Expectation { return &MovesAtMost{} }),
		kind("controller-actions", "how often the controller acted, or a shadow policy would have", func() scenarios.Expectation { return &ControllerActions{} }),
		kind("repaired", "the cluster has replaced every corrupted copy by the end, or has left them", func() scenarios.Expectation { return &Repaired{} }),
		kind("inconsistency", "the comparison of copies names those that were silently corrupted, and no others", func() scenarios.Expectation { return &Inconsistency{} }),
		kind("decided", "the controller does something within a limit, or so often", func() scenarios.Expectation { return &Decided{} }),
	}
}

func kind(name, about string, fresh func() scenarios.Expectation) scenarios.ExpectationKind {
	return scenarios.ExpectationKind{Name: name, About: about, Systems: []string{chaos.Elasticsearch}, New: fresh}
}
