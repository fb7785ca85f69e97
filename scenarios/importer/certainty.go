package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// unmodelled lists what the cluster has and the simulator does not do.
func (a *assembly) unmodelled() {
	c := a.c
	say := func(format string, args ...any) { c.Unmodelled = append(c.Unmodelled, fmt.Sprintf(format, args...)) }
	var searchable, remote, followers, shutdown []string
	managed := 0
	for _, ix := range c.Indices {
		if ix.Settings["index.store.type"] == "snapshot" {
			searchable = append(searchable, ix.Name)
		}
		if strings.HasPrefix(ix.Settings["index.store.type"], "remote") || ix.Settings["index.replication.type"] == "SEGMENT" {
			remote = append(remote, ix.Name)
		}
		if ix.Settings["index.xpack.ccr.following_index"] == "true" {
			followers = append(followers, ix.Name)
		}
		if ix.Policy != "" {
			managed++
		}
	}
	for _, n := range c.Nodes {
		if n.Shutdown != "" && n.Shutdown != "restart" && n.Shutdown != "remove" {
			shutdown = append(shutdown, n.Name+" ("+n.Shutdown+")")
		}
	}
	for _, w := range []struct {
		names []string
		text  string
	}{
		{shutdown, "registered shutdowns of nodes other than restart and remove are not simulated, their copies stay: %s"},
		{searchable, "mounted snapshots are simulated as ordinary copies that recover from their primary: %s"},
		{remote, "copies by segments or in remote stores are simulated as ordinary ones: %s"},
		{followers, "following another cluster is not simulated: %s"},
	} {
		if len(w.names) > 0 {
			say(w.text, clip(list(w.names)))
		}
	}
	if managed > 0 || len(c.DataStreams) > 0 {
		say("ILM and roll-over do not run in the simulator: %d managed indices and %d data streams stay in the phase they are in", managed, len(c.DataStreams))
	}
	a.assume(30, "network", "10gbit for each node, 200us between any two", "the API does not tell it", "how long recoveries take where settings do not bound them")
	if c.Calibration.Recoveries == 0 {
		a.assume(35, "throughput of disks", "not the bottleneck", "no source holds finished recoveries of 32 MB or more", "how long recoveries take where settings do not bound them")
	}
}

// certainty counts how sure the sizes are, and lists what came from where.
func (a *assembly) certainty() {
	var by [4]int
	a.eachCopy(func(_ *clusterfile.Index, _ int, c *clusterfile.Copy) {
		if c.Node != "" && c.State != clusterfile.Initializing {
			by[c.Bytes.Tag]++
		}
	})
	if n := by[clusterfile.Derived]; n > 0 {
		a.assume(15, fmt.Sprintf("size of %d copies", n), "that of another copy, a rounded one, or their part of the index",
			"no source has the exact bytes", "how long their recoveries take")
	}
}

// kept lists what the file holds of the cluster.
func kept(c *clusterfile.Cluster) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	names := "names of the cluster, nodes, hosts and addresses, indices, aliases, data streams and policies, values of node attributes"
	if c.Anonymized {
		names = "made-up names of the cluster, nodes, indices, aliases, data streams and policies, made-up values of node attributes; the true ids of nodes, indices and allocations, which are random"
	}
	add("%s", names)
	add("roles, versions, heap, processors and disks of %d nodes", len(c.Nodes))
	copies := 0
	for _, ix := range c.Indices {
		for _, s := range ix.Shards {
			copies += len(s.Copies)
		}
	}
	add("place, state, size, documents, sequence numbers and load of %d copies of %d indices", copies, len(c.Indices))
	var keys []string
	for _, k := range append(sortedKeys(c.Persistent), sortedKeys(c.Transient)...) {
		if !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	if len(keys) > 0 {
		add("cluster settings with their values: %s", strings.Join(keys, ", "))
	}
	var index []string
	for _, ix := range c.Indices {
		for _, k := range sortedKeys(ix.Settings) {
			if !slices.Contains(index, k) {
				index = append(index, k)
			}
		}
	}
	slices.Sort(index)
	add("index settings with their values: %s", strings.Join(index, ", "))
	add("not in it: documents, mappings, templates, users, roles, keystores, repositories, tokens")
	return out
}
