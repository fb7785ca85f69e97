package yamlrest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/goccy/go-yaml"
)

// Suite is a file of tests.
type Suite struct {
	// Name is the file's path without its ending, such as "cat.shards/10_basic".
	Name            string
	setup, teardown []step
	Tests           []Test
}

// Test is a test of a suite.
type Test struct {
	Name  string
	steps []step
}

// step is one key of a test's list, such as do or match, and what stands below it.
type step struct {
	kind string
	with any
}

func parseSuite(name string, text []byte) (*Suite, error) {
	s := &Suite{Name: name}
	d := yaml.NewDecoder(bytes.NewReader(text), yaml.AllowDuplicateMapKey())
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		for _, title := range sortedKeys(doc) {
			steps, err := parseSteps(doc[title])
			if err != nil {
				return s, fmt.Errorf("%s: %s: %w", name, title, err)
			}
			switch title {
			case "setup":
				s.setup = steps
			case "teardown":
				s.teardown = steps
			default:
				s.Tests = append(s.Tests, Test{title, steps})
			}
		}
	}
}

func parseSteps(v any) ([]step, error) {
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, fmt.Errorf("expected a list of steps, found %T", v)
	}
	var out []step
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("expected a step, found %T", e)
		}
		for _, kind := range sortedKeys(m) {
			out = append(out, step{kind, m[kind]})
		}
	}
	return out, nil
}

// skips says why a list of steps is not for a node of the version, or "".
func skips(steps []step) string {
	for _, s := range steps {
		if s.kind != "skip" {
			continue
		}
		m, _ := s.with.(map[string]any)
		if v, ok := m["version"]; ok && covers(text(v)) {
			return "version " + text(v)
		}
		for _, f := range asList(m["features"]) {
			if !slices.Contains(features, text(f)) {
				return "feature " + text(f)
			}
		}
	}
	return ""
}

// features of test runners that this one has.
var features = []string{
	"headers", "warnings", "allowed_warnings", "arbitrary_key", "contains", "stash_in_key", "stash_in_path", "stash_path_replace",
	"transform_and_set", "node_selector", "embedded_stash_key", "default_shards",
}

func asList(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}
