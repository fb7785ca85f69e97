package explore

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/source"
	"github.com/shardquake/shardquake/scenarios"
)

// claimsOf are the expectations and the claims of a scenario's file. One that stands there
// twice counts once.
func claimsOf(l *scenarios.Loaded) ([]*claim, error) {
	file, err := source.Parse(l.File, l.Text)
	if err != nil {
		return nil, err
	}
	var out []*claim
	names, texts := map[string]bool{}, map[string]bool{}
	add := func(list []scenarios.Claim, nodes []ast.Node) error {
		for i, c := range list {
			v, err := source.Ordered(nodes[i])
			if err != nil {
				return err
			}
			text := source.Flow(v)
			if texts[text] {
				continue
			}
			name := number(l.Name+"-breaks-"+c.Kind(), func(n string) bool { return names[n] })
			texts[text], names[name] = true, true
			out = append(out, &claim{Claim: c, text: text, alone: source.Flow(unscoped(v)), name: name})
		}
		return nil
	}
	var expected []scenarios.Claim
	for _, e := range l.Expect {
		expected = append(expected, scenarios.Claim{Expect: e})
	}
	if err := add(expected, file.Items("$.expect")); err != nil {
		return nil, err
	}
	if l.Explore != nil {
		err = add(l.Explore.Claims, file.Items("$.explore.claims"))
	}
	return out, err
}

// unscoped is a claim without what says of which plans: it is an expectation then.
func unscoped(v any) any {
	items, is := v.(yaml.MapSlice)
	if !is {
		return v
	}
	return slices.DeleteFunc(slices.Clone(items), func(item yaml.MapItem) bool { return scenarios.ScopesClaim(fmt.Sprint(item.Key)) })
}

// file is the scenario of what was found, for a folder ("": that of the scenario explored):
// the file explored, as far as it is reduced, with the plan in place of its faults.
func (s *search) file(f *Find, dir string) ([]byte, error) {
	root := f.root
	if root == nil {
		var err error
		if root, err = s.root(); err != nil {
			return nil, err
		}
	}
	return s.text(f, root, dir)
}

// text is the scenario of what was found with what else stands in a file.
func (s *search) text(f *Find, root yaml.MapSlice, dir string) ([]byte, error) {
	places, err := s.asked(f, root)
	if err != nil {
		return nil, err
	}
	return s.compose(f, root, dir, places)
}

// asked are the places of the claims that make sense of the plan in a file: of a smaller one
// these are fewer.
func (s *search) asked(f *Find, root yaml.MapSlice) ([]int, error) {
	asked := s.under(f.Plan).Expect
	first := f.claim
	if f.Crash && len(asked) > 0 {
		first = asked[0].Line - 1 // a file has to expect something
	}
	text, err := s.compose(f, root, "", []int{first})
	if err != nil {
		return nil, err
	}
	l, err := scenarios.Parse(s.cfg.Scenario.File, text, s.cfg.Vocabulary)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, e := range asked {
		if len(s.claims[e.Line-1].Check(l.Scenario)) == 0 {
			out = append(out, e.Line-1)
		}
	}
	return out, nil
}

// compose writes a scenario that expects the claims of these places.
func (s *search) compose(f *Find, root yaml.MapSlice, dir string, places []int) ([]byte, error) {
	l := s.cfg.Scenario
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Found by shardquake explore in %s, seed %d.\n# Does not hold: %s\n", l.Name, s.cfg.Seed, f.Claim)
	for _, item := range root {
		switch key := fmt.Sprint(item.Key); key {
		case "name":
			block(&b, "", key, f.named())
		case "about":
			block(&b, "", key, f.About)
		case "system":
			block(&b, "", key, item.Value)
			block(&b, "", "seed", f.Seed)
		case "seed", "faults", "explore", "vary":
		case "expect":
			if err := s.writeFaults(&b, f.Plan); err != nil {
				return nil, err
			}
			b.WriteString("expect:\n")
			for _, place := range places {
				b.WriteString("  - " + s.claims[place].alone + "\n")
			}
		case "cluster":
			value, err := rebased(item.Value, l.File, dir)
			if err != nil {
				return nil, err
			}
			block(&b, "", key, value)
		default:
			block(&b, "", key, item.Value)
		}
	}
	return b.Bytes(), nil
}

// writeFaults writes the faults: section of a plan.
func (s *search) writeFaults(b *bytes.Buffer, p chaos.Plan) error {
	if len(p.Entries) == 0 {
		return nil
	}
	b.WriteString("faults:\n")
	for _, e := range p.Entries {
		text, err := yaml.Marshal(e.Fault)
		if err != nil {
			return fmt.Errorf("fault %s: %w", e.Fault.Kind(), err)
		}
		var params yaml.MapSlice
		if err := yaml.UnmarshalWithOptions(text, &params, yaml.UseOrderedMap()); err != nil {
			return fmt.Errorf("fault %s: %w", e.Fault.Kind(), err)
		}
		moment := yaml.MapItem{Key: "at", Value: e.At.String()}
		if e.Trigger != nil {
			if moment, err = trigger(e.Trigger); err != nil {
				return err
			}
		}
		b.WriteString("  - " + source.Flow(yaml.MapSlice{moment, {Key: e.Fault.Kind(), Value: params}}) + "\n")
	}
	return nil
}

// trigger is what an entry has in place of a time.
func trigger(t *chaos.Trigger) (yaml.MapItem, error) {
	var value any
	key := "when"
	switch {
	case t.While != nil:
		key, value = "while", t.While
	case t.After != nil:
		key, value = "after", t.After
	default:
		return yaml.MapItem{Key: key, Value: string(t.When)}, nil
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return yaml.MapItem{}, fmt.Errorf("trigger %s: %w", key, err)
	}
	var params yaml.MapSlice
	err = yaml.UnmarshalWithOptions(text, &params, yaml.UseOrderedMap())
	return yaml.MapItem{Key: key, Value: params}, err
}

// rebased is a cluster: section whose file is found from another folder.
func rebased(section any, file, dir string) (any, error) {
	items, _ := section.(yaml.MapSlice)
	out := append(yaml.MapSlice(nil), items...)
	for i, item := range out {
		from, is := item.Value.(string)
		if item.Key != "from" || !is || dir == "" || filepath.IsAbs(from) {
			continue
		}
		to, err := filepath.Abs(filepath.Join(filepath.Dir(file), from))
		if err != nil {
			return nil, err
		}
		base, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		if out[i].Value, err = filepath.Rel(base, to); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// widest is how long a line may be before its mapping or list is broken up.
const widest = 120

// block writes a key with its value, in one line where that is short.
func block(b *bytes.Buffer, indent, key string, v any) {
	line := source.Flow(v)
	if len(indent)+len(key)+len(line) <= widest || !nested(v) {
		fmt.Fprintf(b, "%s%s: %s\n", indent, source.Flow(key), line)
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, source.Flow(key))
	switch v := v.(type) {
	case yaml.MapSlice:
		for _, item := range v {
			block(b, indent+"  ", fmt.Sprint(item.Key), item.Value)
		}
	case []any:
		for _, item := range v {
			b.WriteString(indent + "  - " + source.Flow(item) + "\n")
		}
	}
}

// nested reports whether a value is a mapping or a list of something.
func nested(v any) bool {
	switch v := v.(type) {
	case yaml.MapSlice:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return false
}
