package section

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// The states of a described copy.
const (
	copyStarted      = "started"
	copyInitializing = "initializing"
	copyMissing      = "missing"
)

// longMissing is how long a missing copy has been so where the file does not say.
const longMissing = units.Duration(time.Hour)

// reasonsOf are Elasticsearch's names of why a copy is missing.
var reasonsOf = []struct{ word, reason string }{
	{"node-left", "NODE_LEFT"}, {"allocation-failed", "ALLOCATION_FAILED"}, {"index-created", "INDEX_CREATED"}, {"replica-added", "REPLICA_ADDED"},
}

// CopyMapping is a [Copy] in the long form, which is read field by field.
type CopyMapping Copy

// UnmarshalYAML reads a node's name, the word missing, or a mapping.
func (c *Copy) UnmarshalYAML(node ast.Node) error {
	if _, ok := node.(*ast.MappingNode); ok {
		return source.DecodeNode(node, (*CopyMapping)(c))
	}
	if _, ok := node.(*ast.MappingValueNode); ok {
		return source.DecodeNode(node, (*CopyMapping)(c))
	}
	var word string
	if err := source.DecodeNode(node, &word); err != nil {
		return err
	}
	if word == copyMissing {
		c.State = copyMissing
	} else {
		c.Node = word
	}
	return nil
}

// state is what the copy is.
func (c *Copy) state() string {
	switch {
	case c.State != "":
		return c.State
	case c.Node == "":
		return copyMissing
	}
	return copyStarted
}

// CompletePlaces fills in sizes and counts of indices whose copies are described.
func (ix *Index) CompletePlaces() {
	if ix.Copies == nil {
		return
	}
	if ix.Shards == 0 {
		ix.Shards = len(ix.Copies)
	}
	if ix.Replicas == nil && len(ix.Copies) > 0 {
		n := len(ix.Copies[0].Replicas)
		ix.Replicas = &n
	}
	own, without := units.Size(0), int64(0)
	for _, sh := range ix.Copies {
		if own += sh.Size; sh.Size == 0 {
			without++
		}
	}
	if ix.Size == 0 {
		ix.Size = own
	}
	left, nth := int64(max(0, ix.Size-own)), int64(0)
	for i := range ix.Copies {
		sh := &ix.Copies[i]
		if sh.Size == 0 {
			sh.Size = units.Size(left*(nth+1)/without - left*nth/without)
			nth++
		}
		if sh.Docs == 0 {
			sh.Docs = int64(sh.Size) / 1024
		}
	}
}

// Holder is a node as far as it matters for what it can hold.
type Holder struct {
	Name  string
	Roles []string
	Late  bool // it joins later
}

// CheckPlaces returns what is wrong with the described copies of an index.
func (ix *Index) CheckPlaces(at string, nodes []Holder) []source.Problem {
	if ix.Copies == nil {
		return nil
	}
	var ps []source.Problem
	bad := func(path, format string, args ...any) { ps = append(ps, source.Problemf(path, format, args...)) }
	if ix.Placement != nil {
		bad(at+".placement", "copies: says where the copies of %s are; expected one of both", ix.Name)
	}
	if len(ix.Copies) != ix.Shards {
		bad(at+".copies", "%d shards are described; expected %d, one entry for each shard", len(ix.Copies), ix.Shards)
	}
	total := units.Size(0)
	for i := range ix.Copies {
		sh := &ix.Copies[i]
		total += sh.Size
		path := fmt.Sprintf("%s.copies[%d]", at, i)
		if n := len(sh.Replicas); n != *ix.Replicas {
			bad(path, "shard %d has %d replicas; expected %d, and missing for one that has no node", i, n, *ix.Replicas)
		}
		if sh.Docs < 0 {
			bad(path+".docs", "%d documents; expected 0 or more", sh.Docs)
		}
		k := copyChecker{nodes: nodes, on: map[string]bool{}}
		k.check(path+".primary", &sh.Primary, true)
		for j := range sh.Replicas {
			r := &sh.Replicas[j]
			k.check(fmt.Sprintf("%s.replicas[%d]", path, j), r, false)
			if sh.Primary.state() != copyStarted && r.state() != copyMissing {
				k.bad(fmt.Sprintf("%s.replicas[%d]", path, j), "a replica on %s without a started primary would be promoted; expected missing, or a primary", r.Node)
			}
		}
		ps = append(ps, k.ps...)
	}
	if total != ix.Size && len(ix.Copies) == ix.Shards {
		bad(at+".size", "the shards have %s in all; expected the same here, or nothing", total)
	}
	return ps
}

// copyChecker looks at the copies of one shard.
type copyChecker struct {
	nodes []Holder
	on    map[string]bool
	ps    []source.Problem
}

func (k *copyChecker) bad(path, format string, args ...any) {
	k.ps = append(k.ps, source.Problemf(path, format, args...))
}

func (k *copyChecker) check(path string, c *Copy, primary bool) {
	if states := []string{copyStarted, copyInitializing, copyMissing}; !slices.Contains(states, c.state()) {
		k.bad(path+".state", "%s", source.Unknown("state", c.State, states))
		return
	}
	var words []string
	for _, r := range reasonsOf {
		words = append(words, r.word)
	}
	if c.Why != "" && !slices.Contains(words, c.Why) {
		k.bad(path+".why", "%s", source.Unknown("reason", c.Why, words))
	}
	if c.Since < 0 || c.Failed < 0 {
		k.bad(path, "neither a time nor a number of attempts can be negative")
	}
	for _, held := range []struct{ key, node string }{{"node", c.Node}, {"to", c.To}} {
		if held.node == "" {
			continue
		}
		k.node(path, held.node, false)
		if k.on[held.node] {
			k.bad(path, "%s would hold two copies of the shard", held.node)
		}
		k.on[held.node] = true
	}
	if c.Last != "" {
		k.node(path+".last", c.Last, true)
	}
	missing := c.state() == copyMissing
	switch {
	case missing && (c.Node != "" || c.To != ""):
		k.bad(path+".state", "a missing copy is on no node; expected last: for the one that had it")
	case !missing && c.Node == "":
		k.bad(path+".state", "a copy that is %s has a node; expected node:", c.state())
	case !missing && c.Last != "":
		k.bad(path+".last", "only a missing copy has a last node")
	case c.To != "" && c.state() != copyStarted:
		k.bad(path+".to", "only a started copy moves")
	case c.state() == copyStarted && (c.Why != "" || c.Since != 0 || c.Failed != 0):
		k.bad(path, "why:, since: and failed: are of copies that are missing or initializing")
	case primary && c.state() == copyInitializing:
		k.bad(path+".state", "a primary is started or missing; one whose data is on a node that lives is opened there at once (last:)")
	}
}

// node finds a name that is none of a node that can hold copies.
func (k *copyChecker) node(path, name string, late bool) {
	var names []string
	for _, n := range k.nodes {
		holds := len(n.Roles) == 0 || slices.ContainsFunc(n.Roles, func(r string) bool { return strings.HasPrefix(r, "data") })
		if n.Name == name && !holds {
			k.bad(path, "%s holds no data: its roles are %s", name, strings.Join(n.Roles, ", "))
			return
		}
		if n.Name == name && n.Late && !late {
			k.bad(path, "%s joins later and can hold no copy at the start; expected missing, with last: %s", name, name)
			return
		}
		if n.Name == name {
			return
		}
		names = append(names, n.Name)
	}
	k.bad(path, "%s", source.Unknown("node", name, names))
}

// Formed is the index with its copies, in a cluster of some settings.
func (ix *Index) Formed(cluster map[string]string) clusterfile.Index {
	out := clusterfile.Index{Name: ix.Name, ShardCount: ix.Shards, Replicas: *ix.Replicas, Closed: ix.Closed, Settings: clusterfile.Settings{}}
	out.Settings = out.Settings.With(ix.Settings)
	delay := units.Duration(time.Minute) // Elasticsearch's default
	for _, set := range []map[string]string{cluster, ix.Settings} {
		if text, has := set[delayedTimeout]; has {
			if d, err := units.ParseDuration(text); err == nil {
				delay = d
			}
		}
	}
	for num := range ix.Copies {
		sh := &ix.Copies[num]
		t := clusterfile.Shard{PrimaryTerm: 1}
		for i := range 1 + len(sh.Replicas) {
			c := &sh.Primary
			if i > 0 {
				c = &sh.Replicas[i-1]
			}
			id := fmt.Sprintf("%s-%d-%d", ix.Name, num, i)
			if i == 0 || c.state() == copyStarted {
				t.InSync = append(t.InSync, id)
			}
			t.Copies = append(t.Copies, c.formed(sh, i == 0, id, delay))
		}
		out.Shards = append(out.Shards, t)
	}
	return out
}

// delayedTimeout is how long Elasticsearch waits for a node that has left.
const delayedTimeout = "index.unassigned.node_left.delayed_timeout"

func (c *Copy) formed(sh *Shard, primary bool, id string, delay units.Duration) clusterfile.Copy {
	out := clusterfile.Copy{Primary: primary, Node: c.Node, To: c.To, Bytes: clusterfile.Seen(int64(sh.Size)), Docs: clusterfile.Seen(sh.Docs)}
	switch c.state() {
	case copyStarted:
		out.ID, out.State = id, clusterfile.Started
		if c.To != "" {
			out.State = clusterfile.Relocating
		}
		return out
	case copyInitializing:
		out.State = clusterfile.Initializing
	default:
		out.State = clusterfile.NoNode
	}
	since := c.Since
	if since == 0 {
		since = longMissing
	}
	u := &clusterfile.Unassigned{Reason: "NODE_LEFT", LastNode: c.Last, Failed: c.Failed, At: clusterfile.Seen(-since.D().Milliseconds())}
	for _, r := range reasonsOf {
		if r.word == c.Why {
			u.Reason = r.reason
		}
	}
	u.Delayed = u.Reason == "NODE_LEFT" && since < delay && !primary
	out.Unassigned = u
	out.Recovery = "PEER"
	if primary {
		out.Recovery = "EXISTING_STORE"
		if u.Reason == "INDEX_CREATED" {
			out.Recovery = "EMPTY_STORE"
		}
	}
	return out
}
