package importer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// Anonymize replaces every name in the cluster, the same one by the same, and drops what
// can't be told apart from a name: details of failures, settings the allocator does not
// know, addresses and the names of files. Sizes, times and the orders that decide
// something stay: indices and nodes sort as they did by their names, and the ids of nodes,
// indices and allocations, which are random and by whose hashes Elasticsearch walks its
// tables, are not touched.
func Anonymize(c *clusterfile.Cluster) {
	m := newMasks(c)
	c.Name, c.UUID, c.Anonymized = "cluster", "", true
	for i := range c.Sources {
		c.Sources[i].Name, c.Sources[i].Problem = fmt.Sprintf("source-%d", i+1), masked(c.Sources[i].Problem)
	}
	c.Contradictions = counted(c.Contradictions, "places where the sources contradicted each other")
	c.Unmodelled = counted(c.Unmodelled, "things that the simulator does not do; `shardquake import` told them where it ran")
	for i := range c.Assumptions {
		c.Assumptions[i].About = m.words(c.Assumptions[i].About)
		c.Assumptions[i].Took = m.words(c.Assumptions[i].Took)
	}
	c.Persistent, c.Transient = m.settings(c.Persistent), m.settings(c.Transient)
	k := &c.Coordination
	k.Master, k.Committed, k.Accepted, k.Exclusions = m.node(k.Master), m.nodesOf(k.Committed), m.nodesOf(k.Accepted), m.nodesOf(k.Exclusions)
	for i := range c.Nodes {
		m.maskNode(&c.Nodes[i])
	}
	for i := range c.Indices {
		m.maskIndex(&c.Indices[i])
	}
	for i := range c.DataStreams {
		d := &c.DataStreams[i]
		d.Name, d.Policy = m.streams[d.Name], m.policies[d.Policy]
		for j, ix := range d.Indices {
			d.Indices[j] = cmp.Or(m.indices[ix], "gone")
		}
	}
	for i := range c.ILM {
		c.ILM[i].Name = m.policies[c.ILM[i].Name]
	}
}

// masked says that there was a problem, and not which: it may quote a name.
func masked(problem string) string {
	if problem == "" {
		return ""
	}
	return "could not be read, or not all of it"
}

func counted(list []string, what string) []string {
	if len(list) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d %s", len(list), what)}
}

// masks are the new names by the old ones.
type masks struct {
	nodes, indices, aliases, streams, policies, attributes map[string]string
	values                                                 map[string]map[string]string // of attributes, by name
}

func newMasks(c *clusterfile.Cluster) *masks {
	var nodes, indices, aliases, streams, policies, attributes []string
	values := map[string][]string{}
	for _, n := range c.Nodes {
		nodes = append(nodes, n.Name)
		for _, k := range sortedKeys(n.Attributes) {
			attributes = append(attributes, k)
			values[k] = append(values[k], n.Attributes[k])
		}
	}
	for _, ix := range c.Indices {
		indices = append(indices, ix.Name)
		aliases, policies = append(aliases, ix.Aliases...), append(policies, ix.Policy)
		streams = append(streams, ix.DataStream)
		for _, s := range ix.Shards {
			for _, cp := range s.Copies {
				if u := cp.Unassigned; u != nil {
					nodes = append(append(nodes, u.LastNode), u.FailedNodes...)
				}
			}
		}
	}
	for _, d := range c.DataStreams {
		streams, policies = append(streams, d.Name), append(policies, d.Policy)
	}
	for _, p := range c.ILM {
		policies = append(policies, p.Name)
	}
	k := c.Coordination
	nodes = slices.Concat(nodes, k.Committed, k.Accepted, k.Exclusions)
	m := &masks{
		nodes: inOrder("node", nodes), indices: indexNames(indices), aliases: inOrder("alias", aliases), streams: inOrder("stream", streams),
		policies: inOrder("policy", policies), attributes: attributeNames(attributes), values: map[string]map[string]string{},
	}
	for _, name := range sortedKeys(values) {
		m.values[name] = inOrder(m.attributes[name], values[name])
	}
	return m
}

// inOrder numbers names so that the new ones sort as the old ones did.
func inOrder(prefix string, old []string) map[string]string {
	old = slices.Compact(slices.Sorted(slices.Values(old)))
	old = slices.DeleteFunc(old, func(s string) bool { return s == "" })
	width := len(strconv.Itoa(len(old)))
	out := make(map[string]string, len(old)+1)
	out[""] = ""
	for i, name := range old {
		out[name] = fmt.Sprintf("%s-%0*d", prefix, width, i+1)
	}
	return out
}

// indexNames are the new names of indices. A dot before a name says that an index is
// hidden; where names with a dot come first, as nearly always, it stays.
func indexNames(old []string) map[string]string {
	out := inOrder("index", old)
	names := slices.Sorted(maps.Keys(out))
	dotted := func(s string) bool { return strings.HasPrefix(s, ".") }
	first := slices.IndexFunc(names, func(s string) bool { return s != "" && !dotted(s) })
	for i, name := range names {
		if dotted(name) && (first < 0 || i < first) {
			out[name] = "." + out[name]
		}
	}
	return out
}

// attributeNames keeps the names of attributes that half of the world uses; they tell nothing.
func attributeNames(old []string) map[string]string {
	out := inOrder("attribute", old)
	for _, common := range []string{"zone", "rack", "rack_id", "box_type", "data", "availability_zone", "region", "host", "temp", "logical_availability_zone"} {
		if _, ok := out[common]; ok {
			out[common] = common
		}
	}
	return out
}

func (m *masks) node(name string) string { return cmp.Or(m.nodes[name], "") }

func (m *masks) nodesOf(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, m.node(n))
	}
	slices.Sort(out)
	return out
}

// words replaces names in a sentence of the importer's own.
func (m *masks) words(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
	slices.SortStableFunc(parts, func(a, b string) int { return len(b) - len(a) })
	for _, p := range parts {
		if n := m.nodes[p]; n != "" {
			s = strings.ReplaceAll(s, p, n)
		}
	}
	return s
}

func (m *masks) maskNode(n *clusterfile.Node) {
	n.Name, n.Host, n.Address = m.node(n.Name), "", ""
	attributes := map[string]string{}
	for _, k := range sortedKeys(n.Attributes) {
		attributes[m.attributes[k]] = m.values[k][n.Attributes[k]]
	}
	if n.Attributes != nil {
		n.Attributes = attributes
	}
	n.Settings = m.settings(n.Settings)
}

func (m *masks) maskIndex(ix *clusterfile.Index) {
	ix.Name, ix.DataStream, ix.Policy = m.indices[ix.Name], m.streams[ix.DataStream], m.policies[ix.Policy]
	for i, a := range ix.Aliases {
		ix.Aliases[i] = m.aliases[a]
	}
	ix.Settings = m.settings(ix.Settings)
	for i := range ix.Shards {
		s := &ix.Shards[i]
		s.Desired = m.nodesOf(s.Desired)
		for j := range s.Copies {
			cp := &s.Copies[j]
			cp.Node, cp.To = m.node(cp.Node), m.node(cp.To)
			if u := cp.Unassigned; u != nil {
				u.LastNode, u.FailedNodes, u.Details = m.node(u.LastNode), m.nodesOf(u.FailedNodes), ""
			}
		}
	}
}

// harmless are the settings whose values can be no names: what the allocator, recoveries
// and the metadata of an index go by. Filters and awareness name nodes and attributes,
// which are replaced.
var harmless = []string{
	"cluster.routing.", "indices.recovery.", "cluster.max_shards_per_node", "cluster.info.", "cluster.fault_detection.", "gateway.",
	"index.number_of_", "index.routing.allocation.", "index.auto_expand_replicas", "index.unassigned.", "index.priority", "index.creation_date",
	"index.version.created", "index.codec", "index.refresh_interval", "index.translog.", "index.blocks.", "index.hidden", "index.store.type",
	"index.allocation.max_retries", "index.routing_partition_size", "index.write.wait_for_active_shards",
}

func (m *masks) settings(s clusterfile.Settings) clusterfile.Settings {
	var out clusterfile.Settings
	for _, k := range sortedKeys(s) {
		if !slices.ContainsFunc(harmless, func(p string) bool { return strings.HasPrefix(k, p) }) {
			continue
		}
		if out == nil {
			out = clusterfile.Settings{}
		}
		key, value := m.filter(k, s[k])
		out[key] = value
	}
	return out
}

// filter replaces the names in filters and awareness.
func (m *masks) filter(key, value string) (string, string) {
	if strings.Contains(key, "awareness.attributes") {
		return key, m.listed(value, func(a string) string { return cmp.Or(m.attributes[a], "attribute-other") })
	}
	for _, part := range []string{".awareness.force.", ".include.", ".exclude.", ".require.", ".initial_recovery."} {
		prefix, attribute, ok := strings.Cut(key, part)
		if !ok {
			continue
		}
		if part == ".awareness.force." {
			attribute = strings.TrimSuffix(attribute, ".values")
			return prefix + part + cmp.Or(m.attributes[attribute], "attribute-other") + ".values", m.listed(value, m.valueOf(attribute))
		}
		switch attribute {
		case "_tier", "_tier_preference":
			return key, value
		case "_name":
			return key, m.listed(value, func(v string) string { return m.matching(v, m.nodes, "node-other") })
		case "_id":
			return key, value
		case "_host", "_ip", "_host_ip", "_publish_ip":
			return key, "host-other"
		}
		return prefix + part + cmp.Or(m.attributes[attribute], "attribute-other"), m.listed(value, m.valueOf(attribute))
	}
	return key, value
}

func (m *masks) valueOf(attribute string) func(string) string {
	return func(v string) string { return m.matching(v, m.values[attribute], "value-other") }
}

// mostStars bounds the work that a pattern makes.
const mostStars = 4

// matching replaces a name, or a pattern by all the names that it matches.
func (m *masks) matching(v string, names map[string]string, none string) string {
	if n := names[v]; n != "" {
		return n
	}
	if stars := strings.Count(v, "*"); stars == 0 || stars > mostStars {
		return none
	}
	var out []string
	for _, old := range sortedKeys(names) {
		if old != "" && wildcard(v, old) {
			out = append(out, names[old])
		}
	}
	return cmp.Or(strings.Join(out, ","), none)
}

// wildcard matches a pattern with stars (Regex.simpleMatch).
func wildcard(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	for s = s[len(head):]; ; s = s[1:] {
		if wildcard(rest, s) {
			return true
		}
		if s == "" {
			return false
		}
	}
}

func (m *masks) listed(value string, f func(string) string) string {
	var out []string
	for v := range strings.SplitSeq(value, ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, f(v))
		}
	}
	return strings.Join(out, ",")
}
