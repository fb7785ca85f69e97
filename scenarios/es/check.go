package es

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es/section"
)

var indexName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]*$`)

// version of a node: those that 8.19 can be in one cluster with and that have its deciders.
var version = regexp.MustCompile(`^8\.[0-9]{1,2}\.[0-9]{1,2}$`)

// mostShards of an index, as Elasticsearch has it.
const mostShards = 1024

// longestIndexName in bytes, as Elasticsearch has it.
const longestIndexName = 255

// mostTracers per second: each is a request and a process of its own.
const mostTracers = 10_000

// nodeRoles are the roles an Elasticsearch node may have (DiscoveryNodeRole).
var nodeRoles = [...]string{
	"data", "data_cold", "data_content", "data_frozen", "data_hot", "data_warm", "ingest", "master", "ml",
	"remote_cluster_client", "transform", "voting_only",
}

// Check implements [scenarios.System].
func (System) Check(s *scenarios.Scenario, voc scenarios.Vocabulary) []source.Problem {
	ps := checkCluster(s, voc)
	ps = append(ps, checkForeign(s)...)
	ps = append(ps, checkStart(s)...)
	if n := s.Cluster.Nodes.Count; n < 1 || n > scenarios.MostNodes {
		return ps // what hangs on the nodes' names can't be checked
	}
	ps = append(ps, checkAliases(s)...)
	ps = append(ps, checkWorkload(s)...)
	ps = append(ps, checkClient(s)...)
	ps = append(ps, checkController(s, voc)...)
	ps = append(ps, checkSettingsChanges(s, voc)...)
	return append(ps, checkDecided(s, voc)...)
}

// checkStart finds a start that there isn't.
func checkStart(s *scenarios.Scenario) []source.Problem {
	const at = "$.cluster.start"
	ways := []string{scenarios.StartFormed, scenarios.StartCold}
	switch start := s.Cluster.Start; {
	case start == "":
		return nil
	case s.Imported() != nil:
		return []source.Problem{source.Problemf(at, "the cluster of %s starts as it was; start: is for clusters that are described here", s.Cluster.From)}
	case !slices.Contains(ways, start):
		return []source.Problem{source.Problemf(at, "%s", source.Unknown("start", start, ways))}
	case start == scenarios.StartCold && slices.ContainsFunc(s.Cluster.Indices, func(ix scenarios.IndexSection) bool { return ix.Copies != nil }):
		return []source.Problem{source.Problemf(at, "a cluster with copies: starts as they say; expected no start, or formed")}
	}
	return nil
}

// checkForeign finds what other systems have.
func checkForeign(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	if s.Cluster.KV != nil {
		ps = append(ps, source.Problemf("$.cluster.kv", "this section is for system kv"))
	}
	for i := range s.Workload {
		for _, f := range s.Workload[i].Fields() {
			if f.Set {
				ps = append(ps, source.Problemf(fmt.Sprintf("$.workload[%d].%s", i, f.Name), "%s is for system kv", f.Name))
			}
		}
	}
	return ps
}

// mostRetries of an operation; there are no more nodes worth asking.
const mostRetries = 20

// checkClient returns what is wrong with how the clients behave.
func checkClient(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	c, names := s.Client, s.NodeNames()
	for i, n := range c.Nodes {
		if !slices.Contains(names, n) {
			ps = append(ps, source.Problemf(fmt.Sprintf("$.client.nodes[%d]", i), "%s", source.Unknown("node", n, names)))
		}
	}
	if n := *c.Retries; n < 0 || n > mostRetries {
		ps = append(ps, source.Problemf("$.client.retries", "%d retries; expected 0 to %d", n, mostRetries))
	}
	if c.Timeout < 0 || c.Slow < 0 {
		ps = append(ps, source.Problemf("$.client", "a time can't be negative"))
	}
	if c.Sniff != 0 && c.Sniff.D() < time.Second {
		ps = append(ps, source.Problemf("$.client.sniff", "%s; expected a second or more", c.Sniff))
	}
	return ps
}

// checkDecided asks the vocabulary about actions that are expected of the controller.
func checkDecided(s *scenarios.Scenario, voc scenarios.Vocabulary) []source.Problem {
	var ps []source.Problem
	for i, e := range s.Expect {
		if d, ok := e.Expectation.(*Decided); ok && d.Action != "" && !slices.Contains(voc.Actions, d.Action) {
			ps = append(ps, source.Problemf(fmt.Sprintf("$.expect[%d].decided", i), "%s", source.Unknown("action", d.Action, voc.Actions)))
		}
	}
	return ps
}

// checkSettingsChanges asks the vocabulary about settings that change during the run.
func checkSettingsChanges(s *scenarios.Scenario, voc scenarios.Vocabulary) []source.Problem {
	var ps []source.Problem
	for i, e := range s.Faults {
		setter, ok := e.Fault.(chaos.Setter)
		if !ok || voc.CheckSetting == nil {
			continue
		}
		values, ofIndex, at := setter.Sets()
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if values[key] == "" {
				continue
			}
			if err := voc.CheckSetting(key, values[key], ofIndex); err != nil {
				ps = append(ps, source.Problemf(fmt.Sprintf("$.faults[%d].%s.%s.'%s'", i, e.Fault.Kind(), at, key), "%v", err))
			}
		}
	}
	return ps
}

func checkCluster(s *scenarios.Scenario, voc scenarios.Vocabulary) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	ps = append(ps, s.CheckNodes(scenarios.MostNodes)...)
	n := s.Cluster.Nodes
	if n.Count >= 1 && n.Count <= scenarios.MostNodes { // names are made for each
		ps = append(ps, checkRoles(s)...)
	}
	for _, key := range slices.Sorted(maps.Keys(s.Cluster.Settings)) {
		if voc.CheckSetting != nil {
			if err := voc.CheckSetting(key, s.Cluster.Settings[key], len(key) > 6 && key[:6] == "index."); err != nil {
				bad("$.cluster.settings.'"+key+"'", "%v", err)
			}
		}
	}
	ps = append(ps, checkRoom(s)...)
	var nodes []scenarios.NodeSpec
	if n.Count >= 1 && n.Count <= scenarios.MostNodes {
		nodes = s.NodeSpecs()
	}
	seen := map[string]bool{}
	for i, ix := range s.Cluster.Indices {
		at := fmt.Sprintf("$.cluster.indices[%d]", i)
		if !indexName.MatchString(ix.Name) && importedIndex(s, ix.Name) == nil {
			bad(at+".name", "%q is not an index name; expected lower-case letters, digits, dashes, dots and underscores", ix.Name)
		}
		if len(ix.Name) > longestIndexName {
			bad(at+".name", "the name has %d bytes; Elasticsearch has %d at most", len(ix.Name), longestIndexName)
		}
		if seen[ix.Name] {
			bad(at+".name", "there are two indices %q", ix.Name)
		}
		seen[ix.Name] = true
		if ix.Shards < 1 || ix.Shards > mostShards {
			bad(at+".shards", "%d shards; expected 1 to %d", ix.Shards, mostShards)
		}
		if *ix.Replicas < 0 {
			bad(at+".replicas", "%d replicas; expected 0 or more", *ix.Replicas)
		}
		if there := n.Count - n.Late; *ix.Replicas >= max(there, 1) {
			bad(at+".replicas", "%d copies of each shard, and %d nodes from the start; no node holds two copies", 1+*ix.Replicas, there)
		}
		if ix.Docs < 0 {
			bad(at+".docs", "%d documents; expected 0 or more", ix.Docs)
		}
		ps = append(ps, checkPlacement(at, ix, nodes)...)
		ps = append(ps, checkPlaces(s, i, nodes)...)
		for _, key := range slices.Sorted(maps.Keys(ix.Settings)) {
			if voc.CheckSetting != nil {
				if err := voc.CheckSetting(key, ix.Settings[key], true); err != nil {
					bad(at+".settings.'"+key+"'", "%v", err)
				}
			}
		}
	}
	return ps
}

// checkRoom finds the index whose copies no longer fit on the disks of the nodes that are
// there from the start.
func checkRoom(s *scenarios.Scenario) []source.Problem {
	if s.Imported() != nil {
		return nil // its disks hold what they hold
	}
	if n := s.Cluster.Nodes.Count; n < 1 || n > scenarios.MostNodes {
		return nil // told elsewhere
	}
	room, disks := 0.0, 0
	for _, n := range s.NodeSpecs() {
		if !n.Late {
			room += float64(n.Disk)
			disks++
		}
	}
	need := 0.0
	for i, ix := range s.Cluster.Indices {
		if *ix.Replicas < 0 {
			continue
		}
		if need += float64(float64(ix.Size) * float64(1+*ix.Replicas)); need > room {
			return []source.Problem{source.Problemf(fmt.Sprintf("$.cluster.indices[%d].size", i), "%d copies of %s do not fit on %d disks of %s; expected larger disks or less data",
				1+*ix.Replicas, ix.Size, disks, s.Cluster.Nodes.Disks())}
		}
	}
	return nil
}

// checkRoles finds unknown distributions, roles and nodes, and a cluster that nobody could lead or
// keep data in.
func checkRoles(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	n, names := s.Cluster.Nodes, s.NodeNames()
	known := func(path string, roles []string) {
		for i, role := range roles {
			if !slices.Contains(nodeRoles[:], role) {
				ps = append(ps, source.Problemf(fmt.Sprintf("%s[%d]", path, i), "%s", source.Unknown("role", role, nodeRoles[:])))
			}
		}
	}
	if d := s.Cluster.Distribution; d != "" && !slices.Contains(distributions, d) {
		ps = append(ps, source.Problemf("$.cluster.distribution", "%s", source.Unknown("distribution", d, distributions)))
	}
	n.Each(func(at string, g *scenarios.NodeGroup) {
		known(at+".roles", g.Roles)
		if g.Version != "" && !version.MatchString(g.Version) {
			ps = append(ps, source.Problemf(at+".version", "%q is not a version of Elasticsearch 8; expected one such as 8.18.2", g.Version))
		}
		if g.Version != "" && s.Imported() != nil {
			ps = append(ps, source.Problemf(at+".version", "the nodes of %s run what they ran; expected no version", s.Cluster.From))
		}
	})
	for _, name := range slices.Sorted(maps.Keys(n.RolesOf)) {
		if !slices.Contains(names, name) {
			ps = append(ps, source.Problemf("$.cluster.nodes.roles-of."+name, "%s", source.Unknown("node", name, names)))
		}
		known("$.cluster.nodes.roles-of."+name, n.RolesOf[name])
	}
	if s.Imported() != nil {
		return ps
	}
	leads := slices.ContainsFunc(s.NodeSpecs(), func(n scenarios.NodeSpec) bool { return !n.Late && slices.Contains(n.Roles, "master") })
	if !leads {
		ps = append(ps, source.Problemf("$.cluster.nodes", "no node that is there from the start has the role master"))
	}
	return ps
}

// checkPlaces verifies where the copies of an index are said to be.
func checkPlaces(s *scenarios.Scenario, i int, nodes []scenarios.NodeSpec) []source.Problem {
	ix, at := &s.Cluster.Indices[i], fmt.Sprintf("$.cluster.indices[%d]", i)
	holders := make([]section.Holder, len(nodes))
	for i, n := range nodes {
		holders[i] = section.Holder{Name: n.Name, Roles: n.Roles, Late: n.Late}
	}
	ps := ix.CheckPlaces(at, holders)
	if ix.Placement != nil && ix.Copies == nil && slices.ContainsFunc(s.Cluster.Indices, func(o scenarios.IndexSection) bool { return o.Copies != nil }) {
		ps = append(ps, source.Problemf(at+".placement", "other indices say where each copy is (copies:); expected the same here, or the allocator's choice"))
	}
	return ps
}

// checkPlacement verifies that a placement holds every copy, and that no node would
// need two copies of a shard.
func checkPlacement(at string, ix scenarios.IndexSection, nodes []scenarios.NodeSpec) []source.Problem {
	if ix.Placement == nil {
		return nil
	}
	at += ".placement"
	if len(ix.Placement) != len(nodes) {
		return []source.Problem{source.Problemf(at, "the placement names %d nodes; expected %d, one number for each node", len(ix.Placement), len(nodes))}
	}
	sum := 0
	for i, c := range ix.Placement {
		if c < 0 || c > ix.Shards {
			return []source.Problem{source.Problemf(fmt.Sprintf("%s[%d]", at, i), "%d copies on %s; expected 0 to %d, for a node never holds two copies of a shard", c, nodes[i].Name, ix.Shards)}
		}
		if c > 0 && nodes[i].Late {
			return []source.Problem{source.Problemf(fmt.Sprintf("%s[%d]", at, i), "%s joins later and can hold nothing at t=0; expected 0", nodes[i].Name)}
		}
		sum += c
	}
	if want := ix.Shards * (1 + *ix.Replicas); sum != want {
		return []source.Problem{source.Problemf(at, "the placement holds %d copies; expected %d (%d shards × %d copies)", sum, want, ix.Shards, 1+*ix.Replicas)}
	}
	return nil
}

// aliasNames are the other names that indices have from the start.
func aliasNames(s *scenarios.Scenario) []string {
	var out []string
	for _, ix := range s.Cluster.Indices {
		out = append(out, ix.Aliases...)
	}
	return out
}

// checkAliases finds other names that are none, or that two have.
func checkAliases(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	seen := map[string]bool{}
	for i, ix := range s.Cluster.Indices {
		for j, name := range ix.Aliases {
			at := fmt.Sprintf("$.cluster.indices[%d].aliases[%d]", i, j)
			switch {
			case !indexName.MatchString(name):
				ps = append(ps, source.Problemf(at, "%q is not an alias; expected lower-case letters, digits, dashes, dots and underscores", name))
			case slices.Contains(indexNames(s), name):
				ps = append(ps, source.Problemf(at, "there is an index %s; expected another name", name))
			case seen[name]:
				ps = append(ps, source.Problemf(at, "two indices can't both get the writes to %s", name))
			}
			seen[name] = true
		}
	}
	return ps
}

func indexNames(s *scenarios.Scenario) []string {
	var out []string
	for _, ix := range s.Topology().Indices {
		out = append(out, ix.Name)
	}
	return out
}

func checkWorkload(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	for i, w := range s.Workload {
		at := fmt.Sprintf("$.workload[%d]", i)
		if known := append(indexNames(s), aliasNames(s)...); !slices.Contains(known, w.Index) {
			ps = append(ps, source.Problemf(at+".index", "%s", source.Unknown("index", w.Index, known)))
		}
		if *w.Tracers > 0 && slices.Contains(aliasNames(s), w.Index) {
			ps = append(ps, source.Problemf(at+".tracers", "%s is an alias, and single documents are looked for in the index that they were written to; expected the name of an index, or no tracers", w.Index))
		}
		if len(w.ByHour) > 24*7 {
			ps = append(ps, source.Problemf(at+".by-hour", "%d hours; expected up to 168, those of a week", len(w.ByHour)))
		}
		for j, p := range w.ByHour {
			if p < 0 {
				ps = append(ps, source.Problemf(fmt.Sprintf("%s.by-hour[%d]", at, j), "a part of the rates can't be negative"))
			}
		}
		if w.From < 0 || (s.Duration > 0 && w.From >= s.Duration) {
			ps = append(ps, source.Problemf(at+".from", "the load begins at %s; expected a time from 0s to the end at %s", w.From, s.Duration))
		}
		if *w.Tracers > mostTracers {
			ps = append(ps, source.Problemf(at+".tracers", "%s documents are followed one by one; expected at most %s", *w.Tracers, units.Rate(mostTracers)))
		}
		if w.Writes == 0 && w.Reads == 0 && *w.Tracers == 0 {
			ps = append(ps, source.Problemf(at, "the load does nothing; expected writes:, reads: or tracers:"))
		}
	}
	return ps
}

func checkController(s *scenarios.Scenario, voc scenarios.Vocabulary) []source.Problem {
	c := s.Controller
	if c == nil {
		return nil
	}
	var ps []source.Problem
	for i, p := range append([]string{c.Policy}, c.Shadow...) {
		path := "$.controller.policy"
		if i > 0 {
			path = fmt.Sprintf("$.controller.shadow[%d]", i-1)
		}
		if !slices.Contains(voc.Policies, p) {
			ps = append(ps, source.Problemf(path, "%s", source.Unknown("policy", p, voc.Policies)))
		}
	}
	if c.Count < 1 || c.Count > 9 {
		ps = append(ps, source.Problemf("$.controller.count", "%d instances; expected 1 to 9", c.Count))
	}
	if c.Lease < 0 || (c.Lease > 0 && c.Lease.D() < 5*time.Second) {
		ps = append(ps, source.Problemf("$.controller.lease", "a lease of %s can't be renewed in time; expected 5s or more", c.Lease))
	}
	if c.Patience < 0 {
		ps = append(ps, source.Problemf("$.controller.patience", "a patience of %s; expected a time such as 30m", c.Patience))
	}
	if c.Consistency < 0 {
		ps = append(ps, source.Problemf("$.controller.consistency", "copies can't be compared every %s; expected a time such as 1m", c.Consistency))
	}
	if len(c.Approve) > 0 && !c.Recovery {
		ps = append(ps, source.Problemf("$.controller.approve", "approvals mean something only with recovery: true"))
	}
	if len(c.OffPeak) > 0 && !c.Tuning && c.Policy != "variance" {
		ps = append(ps, source.Problemf("$.controller.off-peak", "windows mean something only with tuning: true or policy: variance"))
	}
	if voc.CheckControl != nil {
		wrong := voc.CheckControl(*c)
		for _, key := range slices.Sorted(maps.Keys(wrong)) {
			ps = append(ps, source.Problemf("$.controller."+key, "%v", wrong[key]))
		}
	}
	if c.Interval < 0 {
		ps = append(ps, source.Problemf("$.controller.interval", "an interval can't be negative"))
	}
	for i, e := range c.Endpoints {
		if !slices.Contains(s.NodeNames(), e) {
			ps = append(ps, source.Problemf(fmt.Sprintf("$.controller.endpoints[%d]", i), "%s", source.Unknown("node", e, s.NodeNames())))
		}
	}
	return ps
}
