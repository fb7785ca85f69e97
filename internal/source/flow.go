package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Ordered is a node's value with the keys of mappings in their order.
func Ordered(n ast.Node) (any, error) {
	var v any
	err := yaml.NodeToValue(n, &v, yaml.UseOrderedMap())
	return v, err
}

// simple is a text that YAML might take without quotes.
var simple = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./%-]*$`)

// Flow is a value of YAML, as [Ordered] reads it, on one line.
func Flow(v any) string {
	switch v := v.(type) {
	case yaml.MapSlice:
		var parts []string
		for _, item := range v {
			parts = append(parts, Flow(fmt.Sprint(item.Key))+": "+Flow(item.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, Flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		var back any
		if simple.MatchString(v) && yaml.Unmarshal([]byte(v), &back) == nil && back == v {
			return v
		}
	case nil:
		return "null"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b) // JSON's texts and numbers are YAML's
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}
