package scenarios

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

// ShardSection says where the copies of one shard are when the run begins, and what they
// hold.
type ShardSection struct {
	Primary  CopySection   `yaml:"primary" json:"primary" jsonschema:"required,description=a node; or missing; or a mapping"`
	Replicas []CopySection `yaml:"replicas,omitempty" json:"replicas,omitempty" jsonschema:"description=as many as the index has; each a node or missing or a mapping"`
	Size     units.Size    `yaml:"size,omitempty" json:"size,omitempty" jsonschema:"description=of each copy; default: an equal part of what the index has left"`
	Docs     int64         `yaml:"docs,omitempty" json:"docs,omitempty" jsonschema:"minimum=0,description=of each copy; default: one for each kb"`
}

// CopySection is one copy: the name of its node, the word missing, or a mapping.
type CopySection struct {
	Node  string `yaml:"node,omitempty" json:"node,omitempty" jsonschema:"description=where it is"`
	To    string `yaml:"to,omitempty" json:"to,omitempty" jsonschema:"description=the node that it is moving to"`
	State string `yaml:"state,omitempty" json:"state,omitempty" jsonschema:"enum=started,enum=initializing,enum=missing,description=default: started where it has a node; else missing"`
	// Why it is missing, or is being made.
	Why string `yaml:"why,omitempty" json:"why,omitempty" jsonschema:"enum=node-left,enum=allocation-failed,enum=index-created,enum=replica-added,description=why it is missing or being made; default node-left"`
	// Last is the node that held it: its data is there still.
	Last   string         `yaml:"last,omitempty" json:"last,omitempty" jsonschema:"description=of a missing copy: the node that had it; one that joins later brings its data"`
	Since  units.Duration `yaml:"since,omitempty" json:"since,omitempty" jsonschema:"description=for how long it has been missing; default 1h; less than node_left.delayed_timeout: it is waited for"`
	Failed int            `yaml:"failed,omitempty" json:"failed,omitempty" jsonschema:"minimum=0,description=attempts in a row that have failed; five are the most that Elasticsearch makes"`
}

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

// plainCopy is a CopySection that is read field by field.
type plainCopy CopySection

// UnmarshalYAML reads a node's name, the word missing, or a mapping.
func (c *CopySection) UnmarshalYAML(node ast.Node) error {
	if _, ok := node.(*ast.MappingNode); ok {
		return source.DecodeNode(node, (*plainCopy)(c))
	}
	if _, ok := node.(*ast.MappingValueNode); ok {
		return source.DecodeNode(node, (*plainCopy)(c))
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
func (c *CopySection) state() string {
	switch {
	case c.State != "":
		return c.State
	case c.Node == "":
		return copyMissing
	}
	return copyStarted
}

// placed reports whether the file says of some index where each of its copies is.
func (s *Scenario) placed() bool {
	return slices.ContainsFunc(s.Cluster.Indices, func(ix IndexSection) bool { return ix.Copies != nil })
}

// CompletePlaces fills in sizes and counts of indices whose copies are described.
func (ix *IndexSection) CompletePlaces() {
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

// CheckPlaces returns what is wrong with the described copies of an index.
func (ix *IndexSection) CheckPlaces(at string, nodes []NodeSpec) []source.Problem {
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
	nodes []NodeSpec
	on    map[string]bool
	ps    []source.Problem
}

func (k *copyChecker) bad(path, format string, args ...any) {
	k.ps = append(k.ps, source.Problemf(path, format, args...))
}

func (k *copyChecker) check(path string, c *CopySection, primary bool) {
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

// formedOf is the cluster of a file that says where its copies are: with all that it
// describes, so that it can start in place.
func (s *Scenario) formedOf() *clusterfile.Cluster {
	c := &clusterfile.Cluster{Schema: clusterfile.Schema, System: s.System, Name: s.Name, Version: clusterfile.Version{Modelled: true}}
	var voters []string
	for _, n := range s.NodeSpecs() {
		if n.Late {
			continue
		}
		c.Nodes = append(c.Nodes, clusterfile.Node{
			Name: n.Name, Roles: n.Roles, Attributes: n.Attributes, Disk: clusterfile.Disk{Total: clusterfile.Seen(n.Disk)},
			HeapMax: clusterfile.Seen(n.Heap), Processors: clusterfile.Seen(int64(n.CPUs)),
		})
		if len(n.Roles) == 0 || slices.Contains(n.Roles, "master") {
			voters = append(voters, n.Name)
		}
	}
	if len(voters) > 0 {
		c.Coordination.Master = voters[0]
		if len(voters)%2 == 0 { // as Elasticsearch has it: an odd number votes
			voters = voters[:len(voters)-1]
		}
	}
	c.Coordination.Committed, c.Coordination.Accepted = voters, voters
	for _, ix := range s.Cluster.Indices {
		if ix.Copies != nil {
			c.Indices = append(c.Indices, ix.formed(s.Cluster.Settings))
		}
	}
	return c
}

// formed is the index with its copies.
func (ix *IndexSection) formed(cluster map[string]string) clusterfile.Index {
	out := clusterfile.Index{Name: ix.Name, ShardCount: ix.Shards, Replicas: *ix.Replicas, Closed: ix.Closed, Settings: clusterfile.Settings{}}
	out.Settings = merged(out.Settings, ix.Settings, func(string) bool { return true })
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

func (c *CopySection) formed(sh *ShardSection, primary bool, id string, delay units.Duration) clusterfile.Copy {
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
