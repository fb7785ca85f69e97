package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/shardquake/shardquake/internal/source"
)

// override applies --set replacements to the text, keeping the rest as it is.
func override(name string, data []byte, set []string) ([]byte, error) {
	if len(set) == 0 {
		return data, nil
	}
	if _, err := source.Parse(name, data); err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(source.Plain(data), parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, assignment := range set {
		path, value, ok := strings.Cut(assignment, "=")
		if !ok || path == "" {
			return nil, fmt.Errorf("--set %q: expected path=value, such as cluster.nodes.count=5", assignment)
		}
		if strings.TrimSpace(value) == "" {
			return nil, fmt.Errorf("--set %q: there is no value; expected path=value, such as cluster.nodes.count=5", assignment)
		}
		parts, err := splitPath(path)
		if err != nil {
			return nil, fmt.Errorf("--set %q: %w", assignment, err)
		}
		if file, err = assign(file, parts, value); err != nil {
			return nil, fmt.Errorf("--set %q: %w", assignment, err)
		}
	}
	return []byte(file.String()), nil
}

// splitPath parts a path at its dots, except those between quotes, single or double:
// cluster.settings."cluster.routing.rebalance.enable".
func splitPath(path string) ([]string, error) {
	var parts []string
	var part strings.Builder
	quote := rune(0)
	for _, c := range path {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			part.WriteRune(c)
		case c == '"' || c == '\'':
			quote = c
			part.WriteRune(c)
		case c == '.':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteRune(c)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("%q is not a path: a quote is not closed", path)
	}
	parts = append(parts, part.String())
	if slices.Contains(parts, "") {
		return nil, fmt.Errorf("%q is not a path: a name is missing between dots", path)
	}
	return parts, nil
}

// yamlPath is the path of these parts for the YAML library, which wants single quotes.
func yamlPath(parts []string) (*yaml.Path, error) {
	text := "$"
	for _, p := range parts {
		if name, ok := quoted(p); ok {
			p = "'" + name + "'"
		}
		text += "." + p
	}
	path, err := yaml.PathString(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a path: %w", strings.Join(parts, "."), err)
	}
	return path, nil
}

// quoted is the name between quotes.
func quoted(part string) (string, bool) {
	if len(part) >= 2 && (part[0] == '"' || part[0] == '\'') && part[len(part)-1] == part[0] {
		return part[1 : len(part)-1], true
	}
	return part, false
}

// assign replaces the value at a path, or adds it to a mapping that is there.
func assign(file *ast.File, parts []string, value string) (*ast.File, error) {
	path, err := yamlPath(parts)
	if err != nil {
		return nil, err
	}
	if _, err := path.FilterFile(file); err == nil {
		return file, path.ReplaceWithReader(file, strings.NewReader(value))
	}
	parent, err := yamlPath(parts[:len(parts)-1])
	if err != nil {
		return nil, err
	}
	key, _ := quoted(parts[len(parts)-1])
	entry := fmt.Sprintf("%q: %s", key, value)
	// The tree shows no more what has been merged into it; the text does.
	if file, err = parser.ParseBytes([]byte(file.String()), parser.ParseComments); err != nil {
		return nil, err
	}
	if strings.HasSuffix(parts[len(parts)-1], "]") { // of a list that is not so long
		return nil, fmt.Errorf("there is no %s", strings.Join(parts, "."))
	}
	if _, err := parent.FilterFile(file); err != nil {
		if len(parts) < 2 {
			return nil, errors.New("the scenario is empty")
		}
		return assign(file, parts[:len(parts)-1], "{"+entry+"}")
	}
	if err := parent.MergeFromReader(file, strings.NewReader(entry)); err != nil {
		return nil, err
	}
	return parser.ParseBytes([]byte(file.String()), parser.ParseComments)
}
