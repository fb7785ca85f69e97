package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// modelled is the release line whose decisions are reproduced.
const modelled = "8.19"

// differences are what another release does otherwise and matters here, by the version
// from which, or up to which, it holds.
var differences = []struct {
	below, from string // of Elasticsearch: holds for versions below, or from
	text        string
}{
	{below: "8.6", text: "there is no desired balance: every reroute balances at once and on weights alone, so moves come in another order and number"},
	{below: "8.6", text: "disk use and write load play no part in balancing, only numbers of copies"},
	{below: "8.0", text: "index.unassigned.node_left and allocation filters are the same; the default roles of nodes, the tier settings and cluster.routing.allocation.* defaults differ in places"},
	{below: "7.13", text: "the share of the disk decider's frozen tier and its headrooms do not exist"},
	{below: "8.5", text: "watermarks have no max_headroom: on large disks copies move away earlier"},
	{from: "9.0", text: "balancing may also look at each node's write load and heap (cluster.routing.allocation.write_load_decider.*), and failed relocations are counted otherwise"},
	{from: "9.1", text: "moves of copies that can't remain may be preferred by other orders than those of 8.19"},
}

// versions labels what is not the release that is modelled.
func (a *assembly) versions() {
	v := &a.c.Version
	v.Number, _ = first(a, func(s *snapshot) (string, bool) { return s.version.Number, s.version.Number != "" })
	v.Distribution, _ = first(a, func(s *snapshot) (string, bool) { return s.version.Distribution, s.version.Distribution != "" })
	var all []string
	for _, n := range a.c.Nodes {
		if n.Version != "" && !slices.Contains(all, n.Version) {
			all = append(all, n.Version)
		}
	}
	slices.SortStableFunc(all, compareVersions)
	if len(all) > 0 {
		if v.Number != "" && !slices.Contains(all, v.Number) {
			a.contradict("the cluster says it is %s, its nodes are %s: the nodes' is taken", clip(v.Number), strings.Join(all, ", "))
		}
		v.Number = all[0] // what the oldest can't do nobody does
	}
	v.Distribution = cmp.Or(v.Distribution, distribution(v.Number, a.managers()))
	if len(all) == 0 && v.Number != "" {
		all = []string{v.Number}
	}
	v.Differences = unlike(v.Distribution, all)
	v.Modelled = v.Number != "" && len(v.Differences) == 0
	switch {
	case v.Number == "":
		a.assume(75, "the version", modelled, "no source tells it", "every decision: only "+modelled+" is modelled")
	case !v.Modelled:
		a.c.Unmodelled = append([]string{fmt.Sprintf("%s %s is not modelled, %s is: %s", v.Distribution, strings.Join(all, ", "), modelled, strings.Join(v.Differences, "; "))}, a.c.Unmodelled...)
	}
}

// managers reports whether some source speaks OpenSearch's words.
func (a *assembly) managers() bool {
	return slices.ContainsFunc(a.c.Nodes, func(n clusterfile.Node) bool { return slices.Contains(n.Roles, "cluster_manager") })
}

// distribution guesses who made the nodes: OpenSearch counts from 1 again.
func distribution(number string, managers bool) string {
	if major, _, _ := strings.Cut(number, "."); managers || major == "1" || major == "2" || major == "3" {
		return "opensearch"
	}
	return "elasticsearch"
}

// compareVersions orders versions by their numbers.
func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(x), len(y)) {
		var m, n int
		if i < len(x) {
			m, _ = strconv.Atoi(x[i])
		}
		if i < len(y) {
			n, _ = strconv.Atoi(y[i])
		}
		if m != n {
			return m - n
		}
	}
	return cmp.Compare(a, b)
}

// unlike lists in what versions differ from the one that is modelled.
func unlike(dist string, all []string) []string {
	if dist == "opensearch" {
		return []string{
			"OpenSearch allocates without a desired balance, with its own weights (cluster.routing.allocation.balance.*), shard indexing backpressure and remote stores",
			"its awareness, watermarks and delayed allocation are those of Elasticsearch 7.10 and went on from there",
		}
	}
	var out []string
	for _, v := range all {
		if v == modelled || strings.HasPrefix(v, modelled+".") {
			continue
		}
		before := len(out)
		for _, d := range differences {
			applies := d.below != "" && compareVersions(v, d.below) < 0 || d.from != "" && compareVersions(v, d.from) >= 0
			if applies && !slices.Contains(out, d.text) {
				out = append(out, d.text)
			}
		}
		if len(out) == before && before == 0 {
			out = append(out, "its allocator is near to that of "+modelled+", and was not compared with it")
		}
	}
	return out
}
