package restapi

import (
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/restapi/usage"
)

// pathTrie matches request paths against patterns with {named} parts as
// Elasticsearch's PathTrie does: in four passes from the strictest (explicit names
// only) to the loosest (wildcards everywhere).
type pathTrie struct {
	root *trieNode
	top  *endpoint // what stands at "/"
}

type trieNode struct {
	children map[string]*trieNode
	wildcard string // name of the {part}; "" for a literal
	value    *endpoint
}

// endpoint is the handlers of one path pattern.
type endpoint struct {
	pattern string
	methods []methodRoute
}

type methodRoute struct {
	method string
	route  *rest.Route
	name   string // Elasticsearch's, of the handler
}

func (e *endpoint) route(method string) *methodRoute {
	for i := range e.methods {
		if e.methods[i].method == method && e.methods[i].route != nil {
			return &e.methods[i]
		}
	}
	return nil
}

type matchMode uint8

const (
	explicitOnly matchMode = iota
	wildcardRoot
	wildcardLeaf
	wildcardAny
)

func newTrie() *pathTrie { return &pathTrie{root: &trieNode{}} }

func (t *pathTrie) insert(pattern, method string, r *rest.Route) {
	parts := split(pattern)
	var at **endpoint
	if len(parts) == 0 {
		at = &t.top
	} else {
		node := t.root
		for _, part := range parts {
			node = node.child(part)
		}
		at = &node.value
	}
	if *at == nil {
		*at = &endpoint{pattern: pattern}
	}
	(*at).methods = append((*at).methods, methodRoute{method, r, usage.NameOf(method + " " + pattern)})
}

func (n *trieNode) child(part string) *trieNode {
	key, wildcard := part, ""
	if strings.HasPrefix(part, "{") {
		key, wildcard = "*", strings.Trim(part, "{}")
	}
	c := n.children[key]
	if c == nil {
		if n.children == nil {
			n.children = map[string]*trieNode{}
		}
		c = &trieNode{wildcard: wildcard}
		n.children[key] = c
	}
	if wildcard != "" && c.wildcard != wildcard {
		panic("restapi: two names for one part of a path: " + wildcard + ", " + c.wildcard)
	}
	return c
}

// split cuts a path as Java's String.split does: empty parts at the end go, one at
// the beginning stands for the leading slash.
func split(path string) []string {
	parts := strings.Split(path, "/")
	for len(parts) > 0 && parts[len(parts)-1] == "" {
		parts = parts[:len(parts)-1]
	}
	if len(parts) > 0 && parts[0] == "" {
		parts = parts[1:]
	}
	return parts
}

// part is a named part of a path, as a request has it.
type part struct{ name, value string }

// find finds the endpoint of a path that was split; named, unless nil, receives the named parts.
func (t *pathTrie) find(parts []string, mode matchMode, named *[]part) *endpoint {
	if len(parts) == 0 {
		return t.top
	}
	return t.root.find(parts, 0, mode, named)
}

func (n *trieNode) find(parts []string, i int, mode matchMode, named *[]part) *endpoint {
	if i >= len(parts) {
		return nil
	}
	last := i == len(parts)-1
	node, usedWildcard := n.step(parts[i], i, last, mode)
	if node == nil {
		return nil
	}
	record(node, parts[i], named)
	if last {
		return node.value
	}
	v := node.find(parts, i+1, mode, named)
	if v == nil && !usedWildcard && mode != explicitOnly {
		if w := n.children["*"]; w != nil {
			record(w, parts[i], named)
			v = w.find(parts, i+1, mode, named)
		}
	}
	return v
}

func (n *trieNode) step(token string, i int, last bool, mode matchMode) (node *trieNode, usedWildcard bool) {
	wildcard := n.children["*"]
	node = n.children[token]
	if node == nil {
		if mode == wildcardAny || mode == wildcardRoot && i == 0 || mode == wildcardLeaf && last {
			return wildcard, true
		}
		return nil, false
	}
	if node.value == nil && wildcard != nil {
		if last && (mode == wildcardLeaf || mode == wildcardAny) || i == 0 && mode == wildcardRoot {
			return wildcard, true
		}
	}
	return node, token == "*"
}

func record(n *trieNode, token string, named *[]part) {
	if named == nil || n.wildcard == "" {
		return
	}
	value, err := rest.DecodeComponent(token, false)
	if err != nil {
		value = token
	}
	*named = append(*named, part{n.wildcard, value})
}
