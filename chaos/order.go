package chaos

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
)

// order is a fault that strikes when it is asked for.
type order struct{ entry Entry }

// ReadOrder reads a fault as a file has it, as YAML or JSON, but without its time.
func ReadOrder(text []byte) (Entry, error) {
	f, err := source.Parse("fault", text)
	if err != nil {
		return Entry{}, err
	}
	var o order
	if err := f.Decode(&o); err != nil {
		return Entry{}, err
	}
	return o.entry, nil
}

// UnmarshalYAML reads {KIND: {…}}.
func (o *order) UnmarshalYAML(n ast.Node) error {
	for _, kv := range source.Pairs(n) {
		key := kv.Key.GetToken()
		if key.Value == "at" || slices.Contains(triggerKeys, key.Value) {
			return &yaml.SyntaxError{Message: fmt.Sprintf("a fault by order strikes at once; expected it without %s:", key.Value), Token: key}
		}
		if err := o.entry.readFault(key, kv.Value); err != nil {
			return err
		}
	}
	if o.entry.Fault == nil {
		return &yaml.SyntaxError{Message: "expected a fault such as {node-loss: {node: n2}}", Token: n.GetToken()}
	}
	return nil
}
