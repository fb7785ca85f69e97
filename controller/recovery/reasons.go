package recovery

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/controller"
)

// Whose a setting is that stands in the way.
const (
	scopeCluster = "cluster"
	scopeIndex   = "index"
)

// Reason is one decider's no.
type Reason struct {
	Cause   Cause  `json:"cause"`
	Decider string `json:"decider"`
	Text    string `json:"text"`
	// Setting that the decider names, and whose it is: "cluster" or "index"; "" for none.
	Setting string `json:"setting,omitempty"`
	Scope   string `json:"scope,omitempty"`
}

// NodeReasons are all the reasons why one node doesn't take a copy.
type NodeReasons struct {
	Node    string   `json:"node"`
	Reasons []Reason `json:"reasons"`

	attributes map[string]string
}

// String is a sentence about the node without its name.
func (n NodeReasons) String() string {
	if n.only(TooFewNodes) {
		return "has room, but holds a copy of this shard"
	}
	texts := []string{}
	for _, r := range n.Reasons {
		if r.Cause == TooFewNodes {
			texts = append(texts, "holds a copy of this shard")
		} else {
			texts = append(texts, r.Text)
		}
	}
	return strings.Join(texts, "; and ")
}

func (n NodeReasons) has(c Cause) bool {
	return slices.ContainsFunc(n.Reasons, func(r Reason) bool { return r.Cause == c })
}

func (n NodeReasons) only(c Cause) bool {
	return len(n.Reasons) > 0 && !slices.ContainsFunc(n.Reasons, func(r Reason) bool { return r.Cause != c })
}

// deciders are the names of Elasticsearch's allocation deciders and what their no means.
// Of several causes, each of which alone keeps the copy from some node, the first here is
// named: what the controller can change comes first.
func deciders() []struct {
	name  string
	cause Cause
} {
	return []struct {
		name  string
		cause Cause
	}{
		{"max_retry", MaxRetries},
		{"enable", Disabled},
		{"disk_threshold", Watermark},
		{"filter", Filter},
		{"data_tier", MissingTier},
		{"awareness", Awareness},
		{"shards_limit", ShardsLimit},
		{"node_shutdown", Leaving},
		{"node_replacement", Leaving},
		{"node_version", OlderNodes},
		{"replica_after_primary_active", NoPrimary},
		{"throttling", Throttled},
		{"same_shard", TooFewNodes},
	}
}

// causeOf is what a decider's no means, and its place in the order of [deciders].
func causeOf(decider string) (Cause, int) {
	all := deciders()
	for i, d := range all {
		if d.name == decider {
			return d.cause, i
		}
	}
	return Unclear, len(all)
}

func (c Cause) rank() int {
	all := deciders()
	i := slices.IndexFunc(all, func(d struct {
		name  string
		cause Cause
	}) bool {
		return d.cause == c
	})
	if i < 0 {
		return len(all)
	}
	return i
}

// namedSetting finds a setting in a decider's text, such as: cluster setting
// [cluster.routing.allocation.enable=none].
var namedSetting = regexp.MustCompile(`\b(cluster|index) setting \[([a-z0-9_.]+)`)

// tierPreference is the setting that the data_tier decider goes by, which it doesn't name.
const tierPreference = "index.routing.allocation.include._tier_preference"

func reasonOf(o controller.Objection) Reason {
	r := Reason{Decider: o.Decider, Text: o.Text}
	r.Cause, _ = causeOf(o.Decider)
	if m := namedSetting.FindStringSubmatch(o.Text); m != nil {
		r.Scope, r.Setting = m[1], strings.TrimSuffix(m[2], ".")
	}
	if r.Cause == MissingTier {
		r.Scope, r.Setting = scopeIndex, tierPreference
	}
	return r
}

func reasonsOf(nodes []controller.NodeVerdict) []NodeReasons {
	var out []NodeReasons
	for _, n := range nodes {
		if len(n.Objections) == 0 {
			continue
		}
		one := NodeReasons{Node: n.Node, attributes: n.Attributes}
		for _, o := range n.Objections {
			one.Reasons = append(one.Reasons, reasonOf(o))
		}
		slices.SortStableFunc(one.Reasons, func(a, b Reason) int { return cmp.Compare(a.Cause.rank(), b.Cause.rank()) })
		out = append(out, one)
	}
	return out
}

// nearest are the nodes that would take the copy after the fewest changes. That a node
// holds a copy can't be changed for it; where all do, that is what counts of each.
func nearest(nodes []NodeReasons) []NodeReasons {
	free := slices.DeleteFunc(slices.Clone(nodes), func(n NodeReasons) bool { return n.has(TooFewNodes) })
	if len(free) == 0 {
		var out []NodeReasons
		for _, n := range nodes {
			n.Reasons = slices.DeleteFunc(slices.Clone(n.Reasons), func(r Reason) bool { return r.Cause != TooFewNodes })
			out = append(out, n)
		}
		return out
	}
	causes := func(n NodeReasons) int {
		var seen []Cause
		for _, r := range n.Reasons {
			if !slices.Contains(seen, r.Cause) {
				seen = append(seen, r.Cause)
			}
		}
		return len(seen)
	}
	least := causes(slices.MinFunc(free, func(a, b NodeReasons) int { return cmp.Compare(causes(a), causes(b)) }))
	return slices.DeleteFunc(free, func(n NodeReasons) bool { return causes(n) > least })
}

// refused finds what keeps a copy from every node: the cause that is to go first for the
// copy to find a node.
func refused(x controller.AllocationExplanation) Diagnosis {
	d := Diagnosis{Cause: Unclear, Detail: x.Text, Nodes: reasonsOf(holders(x.Nodes))}
	var first *Reason
	var at NodeReasons
	near := nearest(d.Nodes)
	for i, n := range near {
		for j, r := range n.Reasons {
			if first == nil || r.Cause.rank() < first.Cause.rank() {
				first, at = &near[i].Reasons[j], n
			}
		}
	}
	if first == nil {
		return d
	}
	d.Cause, d.Scope, d.Decider = first.Cause, first.Scope, first.Decider
	for _, r := range at.Reasons {
		if r.Cause != d.Cause {
			d.Besides = append(d.Besides, fmt.Sprintf("%s: %s", at.Node, r.Text))
		}
	}
	d.Detail = describe(d.Nodes, d.Cause)
	if d.Cause == Filter {
		d.Filters = filtersOf(near)
	}
	if d.Cause == MaxRetries {
		d.Detail = fmt.Sprintf("given up after %d failures, the last: %s", x.FailedAttempts, brief(x.Details))
		if isCorruption(x.Details) {
			d.Cause = Corrupt
		}
	}
	return d
}

// describe says of every node why it refuses, those that the cause is about first. Nodes
// with the same reasons share a sentence.
func describe(nodes []NodeReasons, cause Cause) string {
	sorted := slices.Clone(nodes)
	slices.SortStableFunc(sorted, func(a, b NodeReasons) int { return cmp.Compare(otherwise(a, cause), otherwise(b, cause)) })
	var texts []string
	var names [][]string
	for _, n := range sorted {
		text := n.String()
		i := slices.Index(texts, text)
		if i < 0 {
			texts, names = append(texts, text), append(names, nil)
			i = len(texts) - 1
		}
		names[i] = append(names[i], n.Node)
	}
	const shown = 6
	var out []string
	for i := range texts[:min(shown, len(texts))] {
		out = append(out, someOf(names[i])+": "+texts[i])
	}
	if more := len(texts) - shown; more > 0 {
		out = append(out, fmt.Sprintf("and %d other reasons", more))
	}
	return strings.Join(out, "; ")
}

func otherwise(n NodeReasons, cause Cause) int {
	switch {
	case n.has(cause):
		return 0
	case n.only(TooFewNodes):
		return 1
	}
	return 2
}

// someOf are names, the first of many.
func someOf(names []string) string {
	const shown = 8
	if more := len(names) - shown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), more)
	}
	return strings.Join(names, ", ")
}
