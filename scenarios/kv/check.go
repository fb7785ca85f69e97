package kv

import (
	"fmt"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv/section"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/scenarios/kvload"
)

var endpointName = regexp.MustCompile(`^client[a-z0-9-]*$`)

const (
	mostNodes   = 100
	mostShards  = 1000
	mostClients = 1000
	// mostRate is operations a second of a stream: each is simulated by itself.
	mostRate = 10_000
)

// Check implements [scenarios.System].
func (System) Check(s *scenarios.Scenario, _ scenarios.Vocabulary) []source.Problem {
	ps := checkCluster(s)
	if n := s.Cluster.Nodes.Count; n < 1 || n > mostNodes {
		return ps // what hangs on the nodes' names can't be checked
	}
	for _, key := range s.Client.Foreign() {
		ps = append(ps, source.Problemf("$.client."+key, "%s is for system elasticsearch; clients of a key-value cluster know its shard map", key))
	}
	return append(ps, checkWorkload(s)...)
}

// checkCluster returns what is wrong with a cluster of system kv.
func checkCluster(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	n, k := s.Cluster.Nodes, s.Cluster.KV
	ps = append(ps, s.CheckNodes(mostNodes)...)
	if n.Count < 1 || n.Count > mostNodes {
		return ps
	}
	ps = append(ps, checkAlike(&n)...)
	if k.Shards < 1 || k.Shards > mostShards {
		bad("$.cluster.kv.shards", "%d shards; expected 1 to %d", k.Shards, mostShards)
	}
	if k.Replication > len(promptNodes(s)) {
		bad("$.cluster.kv.replication", "%d copies of each shard, and %d nodes from the start; no node holds two copies", k.Replication, len(promptNodes(s)))
	}
	ps = append(ps, checkLevels("$.cluster.kv.", [2]string{"read-level", k.ReadLevel}, [2]string{"write-level", k.WriteLevel})...)
	if k.Items < 0 {
		bad("$.cluster.kv.items", "%d items; expected 0 or more", k.Items)
	}
	settings := checkSettings(k)
	if set := settingsOf(k); len(settings) == 0 {
		if err := meta.ValidateSettings(&set); err != nil {
			bad("$.cluster.kv", "%v", err)
		}
	}
	return append(append(ps, settings...), checkForeign(s)...)
}

// checkSettings finds the settings that make no sense by themselves; how they go together
// the cluster tells.
func checkSettings(k *section.Cluster) []source.Problem {
	var ps []source.Problem
	bad := func(name, format string, args ...any) {
		ps = append(ps, source.Problemf("$.cluster.kv."+name, format, args...))
	}
	for _, n := range []struct {
		name         string
		value, least int
		most         int
	}{
		{"replication", k.Replication, 1, 9}, {"voters", k.Voters, 1, 9},
		{"failure-threshold", k.FailureThreshold, 1, 100}, {"recovery-threshold", k.RecoveryThreshold, 1, 100},
		{"split-qps", k.SplitQPS, 0, math.MaxInt}, {"merge-qps", k.MergeQPS, 0, math.MaxInt},
	} {
		switch {
		case n.value >= n.least && n.value <= n.most:
		case n.most == math.MaxInt:
			bad(n.name, "%d; expected %d or more", n.value, n.least)
		default:
			bad(n.name, "%d; expected %d to %d", n.value, n.least, n.most)
		}
	}
	if k.Heartbeat.D() < 10*time.Millisecond || k.Heartbeat.D() > 10*time.Minute {
		bad("heartbeat", "a heartbeat every %s; expected 10ms to 10m", k.Heartbeat)
	}
	if k.ReplaceAfter < 0 {
		bad("replace-after", "a time can't be negative")
	}
	if k.BalanceEvery != 0 && k.BalanceEvery.D() < time.Second {
		bad("balance-every", "every %s; expected 1s or more", k.BalanceEvery)
	}
	return ps
}

// checkAlike finds what key-value nodes can't have, or can't have each for itself.
func checkAlike(n *scenarios.NodesSection) []source.Problem {
	var ps []source.Problem
	var first *scenarios.NodeGroup
	n.Each(func(at string, g *scenarios.NodeGroup) {
		for _, key := range slices.Sorted(maps.Keys(g.Attributes)) {
			if key != "zone" {
				ps = append(ps, source.Problemf(at+".attributes."+key, "a key-value node knows its zone only; expected attributes: {zone: [a, b, c]}"))
			}
		}
		if first == nil {
			first = g
		}
		for _, f := range []struct {
			key   string
			alike bool
		}{{"network", g.Network == first.Network}, {"latency", g.Latency == first.Latency}, {"disk-rate", g.DiskRate == first.DiskRate}, {"cpus", g.CPUs == first.CPUs}, {"heap", g.Heap == first.Heap}} {
			if !f.alike {
				ps = append(ps, source.Problemf(at+"."+f.key, "key-value nodes are alike but for names, disks and zones; expected the %s of the first group", f.key))
			}
		}
	})
	return ps
}

// checkForeign finds what belongs to Elasticsearch only.
func checkForeign(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	n := s.Cluster.Nodes
	if len(s.Cluster.Indices) > 0 {
		bad("$.cluster.indices", "indices are for system elasticsearch; a key-value cluster has kv: with shards:")
	}
	if len(s.Cluster.Settings) > 0 {
		bad("$.cluster.settings", "these settings are for system elasticsearch; those of a key-value cluster stand in kv:")
	}
	if s.Controller != nil {
		bad("$.controller", "a key-value cluster looks after itself; the controller is for system elasticsearch")
	}
	n.Each(func(at string, g *scenarios.NodeGroup) {
		if g.Version != "" {
			bad(at+".version", "versions of nodes are for system elasticsearch")
		}
		if g.Roles != nil {
			bad(at+".roles", "roles are for system elasticsearch")
		}
	})
	if n.RolesOf != nil {
		bad("$.cluster.nodes.roles-of", "roles are for system elasticsearch")
	}
	if s.Cluster.Start != "" {
		bad("$.cluster.start", "a key-value cluster forms before t=0; start is for system elasticsearch")
	}
	if s.Cluster.Distribution != "" {
		bad("$.cluster.distribution", "distributions are for system elasticsearch")
	}
	if s.Growth != nil && len(s.Growth.Streams) > 0 {
		bad("$.growth.streams", "streams are indices, which are for system elasticsearch; expected rate:")
	}
	if s.Real != nil && s.Real.Bytes.Den > 1 {
		bad("$.real.bytes", "bytes scales indices, which are for system elasticsearch")
	}
	return ps
}

// checkLevels verifies levels, each with its key.
func checkLevels(at string, levels ...[2]string) []source.Problem {
	var ps []source.Problem
	for _, l := range levels {
		if _, ok := wireLevel(l[1]); !ok {
			ps = append(ps, source.Problemf(at+l[0], "%s", source.Unknown("level", l[1], []string{"one", "quorum", "all"})))
		}
	}
	return ps
}

// checkWorkload returns what is wrong with streams of clients.
func checkWorkload(s *scenarios.Scenario) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	kinds := []string{kvload.Registers, kvload.Bank, kvload.Append}
	for i := range s.Workload {
		w := &s.Workload[i]
		at := fmt.Sprintf("$.workload[%d]", i)
		if w.Index != "" {
			bad(at+".index", "indices are for system elasticsearch; expected kv: with one of %s", strings.Join(kinds, ", "))
			continue
		}
		if !slices.Contains(kinds, w.KV) {
			bad(at+".kv", "%s", source.Unknown("kind of stream", w.KV, kinds))
			continue
		}
		if w.From < 0 || (s.Duration > 0 && w.From >= s.Duration) {
			bad(at+".from", "the load begins at %s; expected a time from 0s to the end at %s", w.From, s.Duration)
		}
		if w.Clients < 1 || w.Clients > mostClients {
			bad(at+".clients", "%d clients; expected 1 to %d", w.Clients, mostClients)
		}
		if total := w.Writes + w.Reads + w.Transfers + *w.Tracers; total == 0 || total > mostRate {
			bad(at, "the load does %s operations a second; expected some, and at most %d: writes:, reads:, transfers: or tracers:", total, mostRate)
		}
		if w.Endpoint != "" && (!endpointName.MatchString(w.Endpoint) || slices.Contains(s.NodeNames(), w.Endpoint)) {
			bad(at+".endpoint", "%q is not a place for clients; expected a name that begins with client, such as client-2", w.Endpoint)
		}
		ps = append(ps, checkLevels(at+".", [2]string{"level", w.Level}, [2]string{"read-level", w.ReadLevel})...)
		ps = append(ps, checkKind(w, at)...)
	}
	return ps
}

// checkKind finds what doesn't belong to a stream's kind.
func checkKind(w *scenarios.LoadSection, at string) []source.Problem {
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	if w.Skew != 0 {
		bad(at+".skew", "keys are chosen evenly; skew is for system elasticsearch")
	}
	if w.KV == kvload.Bank {
		if w.Accounts < 2 {
			bad(at+".accounts", "%d accounts; money needs 2 or more to move", w.Accounts)
		}
		if w.Keys != 0 {
			bad(at+".keys", "a bank has accounts:, no keys:")
		}
		if w.Writes != 0 {
			bad(at+".writes", "a bank has transfers:, no writes:")
		}
		return ps
	}
	if w.Accounts != 0 || w.Transfers != 0 {
		bad(at, "accounts: and transfers: are for kv: bank")
	}
	if w.Keys < 1 || w.KV == kvload.Append && w.Keys < 2 {
		bad(at+".keys", "%d keys; expected 1 or more, for lists 2", w.Keys)
	}
	return ps
}
