package daemon

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/internal/source"
)

// Names are several names or addresses, separated by commas. A configuration file may
// also give them as a list.
type Names string

// UnmarshalYAML reads a text or a list of texts.
func (n *Names) UnmarshalYAML(node ast.Node) error {
	if _, ok := node.(*ast.SequenceNode); !ok {
		return source.DecodeNode(node, (*string)(n))
	}
	var parts []string
	if err := source.DecodeNode(node, &parts); err != nil {
		return err
	}
	*n = Names(strings.Join(parts, ","))
	return nil
}

// list splits at commas and drops what is empty.
func (n Names) list() []string {
	var out []string
	for _, part := range strings.Split(string(n), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// decode reads a configuration file. One in which nothing is said, such as a starter
// whose lines are all commented out, leaves everything at its default.
func decode(name string, data []byte, into *Options) error {
	if blank(string(data)) {
		return nil
	}
	f, err := source.Parse(name, data)
	if err != nil {
		return err
	}
	return f.Decode(into)
}

func blank(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// unknownName says that a name does not exist and which is nearest.
func unknownName(what, got string, valid []string) error {
	return fmt.Errorf("%s", source.Unknown(what, got, valid))
}
