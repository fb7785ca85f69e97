package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/internal/source"
)

// Topology is what is known of a cluster before it runs, for checking a plan.
type Topology struct {
	System  string   // elasticsearch or kv
	Nodes   []string // n1 first
	Late    []string // those of them that are not started with the cluster
	Viewers []string // endpoints that are not nodes: controller, client
	// Controllers are those of them that are instances of the controller.
	Controllers []string
	Attributes  []map[string]string // of each node
	Indices     []IndexShape
	// Diskless are the nodes that hold no data.
	Diskless []string
}

// IndexShape is an index's name and numbers of shards and of copies beside each primary.
type IndexShape struct {
	Name     string
	Shards   int
	Replicas int
}

// View answers what a selector means at the moment a fault strikes.
type View interface {
	Topology() Topology
	// Master is the elected master's name, "" when there is none.
	Master() string
	// Primary is the node of a shard's active primary, "" when there is none.
	Primary(index string, shard int) string
	// Replica is the node of a shard's active replica, the first by name of several; ""
	// when there is none.
	Replica(index string, shard int) string
	// Lives is whether a node is a member of the cluster now.
	Lives(node string) bool
	// Copies is how many active shard copies a node holds.
	Copies(node string) int
	// DiskUsed is how full a node's disk is, in percent; known is whether it was seen.
	DiskUsed(node string) (percent float64, known bool)
}

// Selector names endpoints: a node or viewer ("n2", "controller"), the elected
// "master", a "follower" (the first node that lives and is not the master), an attribute
// ("zone=a": every such node), the node of a primary ("primary(logs,0)") or of a replica
// ("replica(logs,0)": the first by name), one node of an attribute ("node(zone=a)": the first by
// name that lives), a node by what it holds ("emptiest", "fullest",
// "emptiest-disk", "fullest-disk", "copies(12)"), or "rest"
// (in a partition: every node that the other side does not name). In a list "another
// follower" is one that the list has not named before.
type Selector string

const (
	selectorHelp = "expected a node (%s), master, follower, emptiest, fullest, emptiest-disk, fullest-disk, copies(N), ATTRIBUTE=VALUE, node(ATTRIBUTE=VALUE), primary(INDEX,SHARD), replica(INDEX,SHARD) or rest"
	another      = "another "
)

// byWhatTheyHold order nodes by what they hold; the first is meant.
var byWhatTheyHold = map[string]func(a, b holding) int{
	"emptiest":      func(a, b holding) int { return cmp.Compare(a.copies, b.copies) },
	"fullest":       func(a, b holding) int { return cmp.Compare(b.copies, a.copies) },
	"emptiest-disk": func(a, b holding) int { return cmp.Compare(a.percent, b.percent) },
	"fullest-disk":  func(a, b holding) int { return cmp.Compare(b.percent, a.percent) },
}

// holding is a node and what it holds.
type holding struct {
	node    string
	copies  int
	percent float64
}

// several reports whether the selector means all nodes that fit it, and not the first.
func (s Selector) several() bool {
	_, _, one := parseOneOf(string(s))
	return strings.Contains(string(s), "=") && !one
}

// parseOneOf reads "node(ATTRIBUTE=VALUE)".
func parseOneOf(s string) (key, value string, ok bool) {
	arg, ok := strings.CutPrefix(s, "node(")
	if !ok {
		return "", "", false
	}
	arg, ok = strings.CutSuffix(arg, ")")
	key, value, is := strings.Cut(arg, "=")
	return key, value, ok && is
}

// Attribute is the value that an attribute of the endpoints meant has, where the selector says
// that beforehand, whatever the cluster is like when the fault strikes.
func (s Selector) Attribute(key string, t Topology) (value string, known bool) {
	text := strings.TrimPrefix(string(s), another)
	if k, v, is := parseOneOf(text); is && k == key {
		return v, true
	}
	if k, v, is := strings.Cut(text, "="); is && k == key {
		return v, true
	}
	if i := slices.Index(t.Nodes, text); i >= 0 && i < len(t.Attributes) {
		return t.Attributes[i][key], true
	}
	return "", false
}

// Aiming is a fault that tells at whom it is aimed before anybody knows who that is.
type Aiming interface {
	Aims() []Selector
}

// check returns what is wrong with the selector, "" when nothing is.
func (s Selector) check(t Topology, viewers, rest bool) string {
	text := string(s)
	if of, is := strings.CutPrefix(text, another); is {
		if slices.Contains(append(slices.Clone(t.Nodes), t.Viewers...), of) || of == "rest" || of == "master" {
			return fmt.Sprintf("there is no other %s", of)
		}
		return Selector(of).check(t, viewers, rest)
	}
	if _, is := byWhatTheyHold[text]; is || slices.Contains(t.Nodes, text) || text == "master" || text == "follower" {
		return ""
	}
	if _, is := parseCount(text); is {
		return ""
	}
	if slices.Contains(t.Viewers, text) {
		if viewers {
			return ""
		}
		return fmt.Sprintf("%q is not a node; this fault acts on nodes: %s", text, strings.Join(t.Nodes, ", "))
	}
	if text == "rest" {
		if rest {
			return ""
		}
		return `"rest" means something only in one side of a partition or link`
	}
	if key, value, ok := parseOneOf(text); ok {
		return checkAttribute(key, value, t)
	}
	if key, value, ok := strings.Cut(text, "="); ok {
		return checkAttribute(key, value, t)
	}
	if role, index, shard, ok := parseCopy(text); ok {
		var names []string
		for _, i := range t.Indices {
			names = append(names, i.Name)
			if i.Name == index && shard >= i.Shards {
				return fmt.Sprintf("there is no shard %d of %q; expected 0 to %d", shard, index, i.Shards-1)
			}
			if i.Name == index {
				if role == copyReplica && i.Replicas == 0 {
					return fmt.Sprintf("index %q has no replicas", index)
				}
				return ""
			}
		}
		return source.Unknown("index", index, names)
	}
	msg := fmt.Sprintf("there is no node %q", text)
	if n := source.Nearest(text, append(slices.Clone(t.Nodes), t.Viewers...)); n != "" {
		msg += fmt.Sprintf("; did you mean %q?", n)
	}
	return msg + " (" + fmt.Sprintf(selectorHelp, strings.Join(t.Nodes, ", ")) + ")"
}

func checkAttribute(key, value string, t Topology) string {
	var values, keys []string
	for _, a := range t.Attributes {
		keys = slices.AppendSeq(keys, maps.Keys(a))
		if a[key] == value {
			return ""
		}
		if v, ok := a[key]; ok && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return source.Unknown("attribute", key, slices.Compact(slices.Sorted(slices.Values(keys))))
	}
	return fmt.Sprintf("no node has %s=%s (values: %s)", key, value, strings.Join(values, ", "))
}

// parseCopy reads "primary(INDEX,SHARD)" or "replica(INDEX,SHARD)".
func parseCopy(s string) (role, index string, shard int, ok bool) {
	role, arg, ok := strings.Cut(s, "(")
	if !ok || role != copyPrimary && role != copyReplica {
		return "", "", 0, false
	}
	arg, ok = strings.CutSuffix(arg, ")")
	index, num, ok2 := strings.Cut(arg, ",")
	shard, err := strconv.Atoi(strings.TrimSpace(num))
	return role, strings.TrimSpace(index), shard, ok && ok2 && err == nil && shard >= 0
}

// parseCount reads "copies(N)".
func parseCount(s string) (int, bool) {
	arg, ok := strings.CutPrefix(s, "copies(")
	if !ok {
		return 0, false
	}
	arg, ok = strings.CutSuffix(arg, ")")
	n, err := strconv.Atoi(strings.TrimSpace(arg))
	return n, ok && err == nil && n >= 0
}

// resolve gives the names that the selector means now.
func (s Selector) resolve(v View) ([]string, error) { return resolveAll([]Selector{s}, v) }

// candidates are the nodes that fit the selector now, the first choice first.
func (s Selector) candidates(v View) ([]string, error) {
	text, t := string(s), v.Topology()
	if slices.Contains(t.Nodes, text) || slices.Contains(t.Viewers, text) {
		return []string{text}, nil
	}
	if key, value, ok := parseOneOf(text); ok {
		return oneOf(key, value, v)
	}
	if key, value, ok := strings.Cut(text, "="); ok {
		var out []string
		for i, a := range t.Attributes {
			if a[key] == value {
				out = append(out, t.Nodes[i])
			}
		}
		return out, nil
	}
	if role, index, shard, ok := parseCopy(text); ok {
		of := v.Primary
		if role == copyReplica {
			of = v.Replica
		}
		if n := of(index, shard); n != "" {
			return []string{n}, nil
		}
		return nil, fmt.Errorf("shard %s[%d] has no active %s at this moment", index, shard, role)
	}
	return s.living(v)
}

// oneOf are the nodes that live of those that have a value of an attribute.
func oneOf(key, value string, v View) ([]string, error) {
	var out []string
	t := v.Topology()
	for i, a := range t.Attributes {
		if a[key] == value && v.Lives(t.Nodes[i]) {
			out = append(out, t.Nodes[i])
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no node of %s=%s lives", key, value)
	}
	return out, nil
}

// living are the candidates of the selectors that mean nodes which live.
func (s Selector) living(v View) ([]string, error) {
	text, master := string(s), v.Master()
	if text == "master" {
		if master == "" {
			return nil, fmt.Errorf("no master is elected at this moment")
		}
		return []string{master}, nil
	}
	order := byWhatTheyHold[text]
	want, counted := parseCount(text)
	var all []holding
	for _, n := range v.Topology().Nodes {
		if !v.Lives(n) {
			continue
		}
		h := holding{node: n, copies: v.Copies(n)}
		h.percent, _ = v.DiskUsed(n)
		data := !slices.Contains(v.Topology().Diskless, n)
		switch {
		case text == "follower" && n != master, order != nil && data, counted && h.copies == want:
			all = append(all, h)
		}
	}
	switch {
	case len(all) > 0:
	case text == "follower":
		return nil, fmt.Errorf("no node lives beside the master")
	case counted:
		return nil, fmt.Errorf("no node holds %d copies at this moment", want)
	case order != nil:
		return nil, fmt.Errorf("no node that could hold data lives")
	default:
		return nil, fmt.Errorf("unknown selector %q", text)
	}
	if order != nil {
		slices.SortStableFunc(all, order) // of equals the first by name
	}
	out := make([]string, len(all))
	for i, h := range all {
		out[i] = h.node
	}
	return out, nil
}

// resolveAll resolves several selectors, without repetition, in their order.
func resolveAll(sel []Selector, v View) ([]string, error) {
	var out []string
	for _, s := range sel {
		text, other := strings.CutPrefix(string(s), another)
		names, err := Selector(text).candidates(v)
		if err != nil {
			return nil, err
		}
		if other {
			names = slices.DeleteFunc(names, func(n string) bool { return slices.Contains(out, n) })
			if len(names) == 0 {
				return nil, fmt.Errorf("there is no other %s", text)
			}
		}
		if !s.several() {
			names = names[:1]
		}
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out, nil
}

// resolveSides resolves the two sides of a partition or a link; "rest" on one of
// them is every node that the other does not name.
func resolveSides(a, b []Selector, v View) (left, right []string, err error) {
	isRest := func(s []Selector) bool { return len(s) == 1 && s[0] == "rest" }
	others := func(side []string) []string {
		var out []string
		for _, n := range v.Topology().Nodes {
			if !slices.Contains(side, n) {
				out = append(out, n)
			}
		}
		return out
	}
	if isRest(a) {
		right, left, err = resolveSides(b, a, v)
		return left, right, err
	}
	if left, err = resolveAll(a, v); err != nil {
		return nil, nil, err
	}
	if isRest(b) {
		right = others(left)
	} else if right, err = resolveAll(b, v); err != nil {
		return nil, nil, err
	}
	for _, n := range left {
		if slices.Contains(right, n) {
			return nil, nil, fmt.Errorf("%s stands on both sides", n)
		}
	}
	if len(left) == 0 || len(right) == 0 {
		return nil, nil, fmt.Errorf("one side is empty: %v against %v", left, right)
	}
	return left, right, nil
}

func asSelectors(names []string) []Selector {
	out := make([]Selector, len(names))
	for i, n := range names {
		out[i] = Selector(n)
	}
	return out
}

// checkSides validates both sides of a partition or a link.
func checkSides(between, and []Selector, t Topology) []source.Problem {
	var ps []source.Problem
	side := func(name string, sel, other []Selector) {
		if len(sel) == 0 {
			ps = append(ps, source.Problemf(name, "%s names nobody; expected a list such as [n1]", name))
		}
		for i, s := range sel {
			path := fmt.Sprintf("%s[%d]", name, i)
			restOK := len(sel) == 1 && !(len(other) == 1 && other[0] == "rest")
			if msg := s.check(t, true, restOK); msg != "" {
				ps = append(ps, source.Problemf(path, "%s", msg))
			}
			if name == "and" && s != "rest" && slices.Contains(other, s) {
				ps = append(ps, source.Problemf(path, "%s stands on both sides", s))
			}
		}
	}
	side("between", between, and)
	side("and", and, between)
	viewers := func(s Selector) bool { return slices.Contains(t.Viewers, string(s)) }
	if len(ps) == 0 && !slices.ContainsFunc(slices.Concat(between, and), func(s Selector) bool { return !viewers(s) }) {
		ps = append(ps, source.Problemf("", "nothing travels between viewers; expected a node on one side"))
	}
	return ps
}
