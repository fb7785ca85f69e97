package es

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/es/section"
)

const (
	// reducedWhole is how many nodes a small machine bears as they are; of more, so many of a
	// kind stay, and of kinds so many that there are more than that, one.
	reducedWhole, reducedKind = 6, 2
	// reducedCopies is how many copies a node of a reduced cluster holds at most, on the
	// average, and reducedShards how many shards an index keeps for each node.
	reducedCopies, reducedShards = 25, 2
	// reducedBytes is what all primaries take where the scenario does not say what part of
	// the sizes real nodes get.
	reducedBytes = 256 << 20
	// reducedHeap is what a node of a reduced cluster gets at most.
	reducedHeap = 256 << 20
)

// Reduce implements [scenarios.Reducer]: of the nodes of a tier and zone one or two stand for
// all, beside those that the scenario names; of the indices the largest are there, beside those
// that it names. The notes say what has become of what.
func (System) Reduce(s *scenarios.Scenario) (scenarios.ClusterSection, []string) {
	r := &reduction{s: s, from: Formed(s), named: wordsOf(s)}
	var out scenarios.ClusterSection
	out.Start, out.Distribution, out.Settings = s.Cluster.Start, s.Cluster.Distribution, r.settings()
	out.Nodes = r.nodes()
	r.data = max(1, len(slices.DeleteFunc(slices.Clone(out.Nodes.Groups), func(g scenarios.NodeGroup) bool { return !keepsData(g.Roles) })))
	out.Indices = r.indices()
	return out, r.notes
}

// reduction is one such description.
type reduction struct {
	s     *scenarios.Scenario
	from  *clusterfile.Cluster
	named map[string]bool
	data  int // nodes that keep data
	notes []string
}

func (r *reduction) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// keepsData reports whether a node of these roles holds copies.
func keepsData(roles []string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { return strings.HasPrefix(role, "data") })
}

// wordsOf are the words in which the scenario speaks of nodes and indices: all texts of its
// faults, expectations, load and controller.
func wordsOf(s *scenarios.Scenario) map[string]bool {
	out := map[string]bool{}
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case string:
			for _, word := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(" ,()", r) }) {
				out[word] = true
			}
		case []any:
			for _, x := range v {
				collect(x)
			}
		case map[string]any:
			for _, x := range v { //determinism:allow map-order the words are a set
				collect(x)
			}
		}
	}
	parts := []any{s.Faults, s.Workload, s.Controller}
	for _, e := range s.Expect {
		parts = append(parts, e.Expectation)
	}
	for _, part := range parts {
		text, err := json.Marshal(part)
		var v any
		if err == nil && json.Unmarshal(text, &v) == nil {
			collect(v)
		}
	}
	for _, ix := range s.Cluster.Indices {
		out[ix.Name] = true
	}
	return out
}

// settings are those of the cluster, the ones of both scopes together, that say where copies
// go and how fast.
func (r *reduction) settings() map[string]string {
	out := map[string]string{}
	var others []string
	take := func(all map[string]string) {
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if meansTheSame(key, "cluster.routing.", "cluster.max_shards_per_node", "indices.recovery.") {
				out[key] = all[key]
			} else if !slices.Contains(others, key) {
				others = append(others, key)
			}
		}
	}
	take(r.from.Persistent)
	take(r.from.Transient)
	maps.Copy(out, r.s.Cluster.Settings)
	others = slices.DeleteFunc(others, func(key string) bool { return out[key] != "" })
	if len(others) > 0 {
		r.note("settings of the cluster that are left out: %s", strings.Join(others, ", "))
	}
	return out
}

// meansTheSame reports whether a setting begins with one of the prefixes, and names no nodes:
// those of the cluster are not there.
func meansTheSame(key string, prefixes ...string) bool {
	for _, end := range []string{"._name", "._ip", "._host", "._id", "._host_ip", "._publish_ip"} {
		if strings.HasSuffix(key, end) {
			return false
		}
	}
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

// nodes has one group of one node for each node that stays.
func (r *reduction) nodes() scenarios.NodesSection {
	type kind struct {
		key   string
		nodes []clusterfile.Node
		specs []scenarios.NodeSpec
	}
	var kinds []*kind
	byKey := map[string]*kind{}
	specs := r.s.NodeSpecs()
	for i, n := range r.from.Nodes {
		key := r.kind(n)
		k := byKey[key]
		if k == nil {
			k = &kind{key: key}
			byKey[key] = k
			kinds = append(kinds, k)
		}
		k.nodes, k.specs = append(k.nodes, n), append(k.specs, specs[i])
	}
	var out scenarios.NodesSection
	var few []string
	for _, k := range kinds {
		kept := r.kept(k.nodes)
		for i, n := range k.nodes {
			if !kept[n.Name] {
				continue
			}
			spec := k.specs[i]
			g := scenarios.NodeGroup{
				Count: 1, Names: []string{spec.Name}, Disk: units.Size(spec.Disk), DiskRate: units.Bandwidth(spec.DiskRate), Network: units.Bandwidth(spec.Network),
				Latency: units.Duration(spec.Latency), CPUs: spec.CPUs, Heap: units.Size(min(spec.Heap, reducedHeap)), Roles: spec.Roles, Attributes: map[string][]string{},
			}
			for name, value := range spec.Attributes {
				g.Attributes[name] = []string{value}
			}
			out.Groups = append(out.Groups, g)
			out.Count++
		}
		if len(kept) < len(k.nodes) {
			few = append(few, fmt.Sprintf("%d for the %d of %s", len(kept), len(k.nodes), k.key))
		}
	}
	r.note("%d nodes for the %d of the imported cluster, of every tier and zone", out.Count, len(r.from.Nodes))
	if len(few) > 0 {
		r.note("nodes: %s", strings.Join(few, "; "))
	}
	return out
}

// zones are the attributes that say where a node stands, where the cluster is aware of none.
var zones = []string{"zone", "availability_zone", "region", "rack", "rack_id"}

// kind is a node's tier and zone.
func (r *reduction) kind(n clusterfile.Node) string {
	var parts []string
	for _, role := range n.Roles {
		if role == "master" || strings.HasPrefix(role, "data") {
			parts = append(parts, role)
		}
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		parts = []string{"neither master nor data"}
	}
	places := zones
	if aware := cmp.Or(r.from.Transient[awareness], r.from.Persistent[awareness]); aware != "" {
		places = strings.FieldsFunc(aware, func(c rune) bool { return c == ',' || c == ' ' })
	}
	for _, name := range places {
		if value, has := n.Attributes[name]; has {
			parts = append(parts, name+"="+value)
		}
	}
	return strings.Join(parts, " ")
}

const awareness = "cluster.routing.allocation.awareness.attributes"

// kept are the nodes of a kind that stay: those that the scenario names and the first; of
// nodes that may be elected or keep data, and are all of one kind, three.
func (r *reduction) kept(nodes []clusterfile.Node) map[string]bool {
	out := map[string]bool{}
	for _, n := range nodes {
		if r.named[n.Name] {
			out[n.Name] = true
		}
	}
	want := reducedKind
	switch {
	case len(r.from.Nodes) <= reducedWhole:
		want = len(nodes)
	case r.kinds("master") == 1 && slices.Contains(nodes[0].Roles, "master"), r.kinds("data") == 1 && keepsData(nodes[0].Roles):
		want = 3
	case r.kinds("")*reducedKind > reducedWhole && len(out) == 0:
		want = 1 // of a kind that something is done to, another remains
	}
	for _, n := range nodes {
		if len(out) < min(want, len(nodes)) {
			out[n.Name] = true
		}
	}
	return out
}

// kinds counts the kinds of nodes with a role that begins so; "": all of them.
func (r *reduction) kinds(role string) int {
	seen := map[string]bool{}
	for _, n := range r.from.Nodes {
		if role == "" || slices.ContainsFunc(n.Roles, func(have string) bool { return strings.HasPrefix(have, role) }) {
			seen[r.kind(n)] = true
		}
	}
	return len(seen)
}

// indices are those that the scenario names, then the largest while there is room.
func (r *reduction) indices() []section.Index {
	order := slices.Clone(r.from.Indices)
	slices.SortStableFunc(order, func(a, b clusterfile.Index) int {
		switch {
		case r.named[a.Name] != r.named[b.Name] && r.named[a.Name]:
			return -1
		case r.named[a.Name] != r.named[b.Name]:
			return 1
		}
		return cmp.Compare(primaryBytes(&b), primaryBytes(&a))
	})
	part := r.part(order)
	var out []section.Index
	copies, left, fewer := 0, 0, 0
	for i := range order {
		ix := &order[i]
		shards, replicas := min(ix.ShardCount, reducedShards*r.data), min(ix.Replicas, r.data-1)
		if ix.Closed || copies+shards*(1+replicas) > reducedCopies*r.data && !r.named[ix.Name] {
			left++
			continue
		}
		if shards < ix.ShardCount || replicas < ix.Replicas {
			fewer++
		}
		copies += shards * (1 + replicas)
		bytes := part.Of(primaryBytes(ix))
		out = append(out, section.Index{
			Name: ix.Name, Shards: shards, Replicas: &replicas, Size: units.Size(bytes), Docs: max(1, bytes/1024), Settings: indexSettings(ix),
		})
	}
	for _, ix := range NewIndices(r.s) {
		ix.Size, ix.Docs = units.Size(part.Of(int64(ix.Size))), max(1, part.Of(ix.Docs))
		replicas := min(*ix.Replicas, r.data-1)
		ix.Replicas, ix.Shards = &replicas, min(ix.Shards, reducedShards*r.data)
		out = append(out, ix)
	}
	r.note("%d of %d indices, those with most data and those that the scenario names; where their copies are is the allocator's choice", len(order)-left, len(order))
	if fewer > 0 {
		r.note("%d of them have fewer shards or copies: at most %d shards, and a copy on every node", fewer, reducedShards*r.data)
	}
	r.note("sizes and documents of indices are %s of the cluster's", part)
	return out
}

// part is what part of the sizes real nodes get: what the scenario says, else so little that
// it fits.
func (r *reduction) part(all []clusterfile.Index) units.Fraction {
	if real := r.s.Real; real != nil && real.Bytes.Den > 0 {
		return real.Bytes
	}
	total := int64(0)
	for i := range all {
		total += primaryBytes(&all[i])
	}
	f := units.Fraction{Num: 1, Den: 1}
	for f.Of(total) > reducedBytes {
		f.Den *= 10
	}
	return f
}

// primaryBytes is what the primaries of an index take, or any copy where none is known.
func primaryBytes(ix *clusterfile.Index) (sum int64) {
	for i := range ix.Shards {
		best := int64(0)
		for _, cp := range ix.Shards[i].Copies {
			best = max(best, cp.Bytes.V)
		}
		sum += best
	}
	return sum
}

// indexSettings are those of an index that say where its copies go.
func indexSettings(ix *clusterfile.Index) map[string]string {
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(ix.Settings)) {
		if meansTheSame(key, "index.routing.allocation.", "index.unassigned.", "index.allocation.", "index.priority") {
			out[key] = ix.Settings[key]
		}
	}
	return out
}
