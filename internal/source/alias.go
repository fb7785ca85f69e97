package source

import (
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Limits of what is read. A file beyond them is refused at its place, before it costs much.
const (
	// mostBytes is how large a file may be.
	mostBytes = 8 << 20
	// mostDepth is how deep mappings and lists may lie in each other.
	mostDepth = 64
	// mostNodes is how many values a document may have when aliases stand for what they
	// name.
	mostNodes = 2_000_000
)

// resolver puts what aliases name in their places, so that every part of a document can be
// read by itself.
type resolver struct {
	anchors map[string]ast.Node
	nodes   int
}

// resolve returns a node with its aliases resolved, or what is wrong with it.
func (r *resolver) resolve(n ast.Node, depth int) (ast.Node, error) {
	if r.nodes++; r.nodes > mostNodes {
		return nil, &yaml.SyntaxError{Message: fmt.Sprintf("the document has more than %d values; expected fewer, or fewer aliases", mostNodes), Token: n.GetToken()}
	}
	if depth > mostDepth {
		return nil, &yaml.SyntaxError{Message: fmt.Sprintf("mappings and lists lie more than %d deep in each other", mostDepth), Token: n.GetToken()}
	}
	var err error
	switch n := n.(type) {
	case *ast.AnchorNode:
		v, err := r.resolve(n.Value, depth)
		if err != nil {
			return nil, err
		}
		r.anchors[n.Name.GetToken().Value] = v
		return v, nil
	case *ast.AliasNode:
		v := r.anchors[n.Value.GetToken().Value]
		if v == nil {
			return nil, &yaml.SyntaxError{Message: fmt.Sprintf("there is no anchor &%s before this alias", n.Value.GetToken().Value), Token: n.GetToken()}
		}
		return r.resolve(v, depth) // again, for the count
	case *ast.MappingNode:
		return n, r.mapping(n, depth)
	case *ast.MappingValueNode:
		n.Value, err = r.resolve(n.Value, depth+1)
		return n, err
	case *ast.SequenceNode:
		for i := range n.Values {
			if n.Values[i], err = r.resolve(n.Values[i], depth+1); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// mapping resolves a mapping's values; what is merged into it (<<) comes after its own keys.
func (r *resolver) mapping(n *ast.MappingNode, depth int) error {
	own := make(map[string]bool)
	var merged []*ast.MappingValueNode
	var values []*ast.MappingValueNode
	for _, kv := range n.Values {
		v, err := r.resolve(kv.Value, depth+1)
		if err != nil {
			return err
		}
		kv.Value = v
		if kv.Key.IsMergeKey() {
			merged = append(merged, Pairs(v)...)
			continue
		}
		own[kv.Key.GetToken().Value] = true
		values = append(values, kv)
	}
	for _, kv := range merged {
		if key := kv.Key.GetToken().Value; !own[key] {
			own[key] = true
			values = append(values, kv)
		}
	}
	n.Values = values
	return nil
}
