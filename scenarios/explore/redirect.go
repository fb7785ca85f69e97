package explore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/shardquake/shardquake/chaos"
)

// redirect aims the faults of a plan that name nodes, indices or shards which a smaller file no
// longer has at some that stay: a node at one that no other fault names, as long as there is one,
// an index at the first, a shard at the one of its number, counted round. The plan as it is where
// nothing that it names is gone.
func redirect(p chaos.Plan, from, to yaml.MapSlice) (chaos.Plan, error) {
	m := &renaming{nodes: nodesOf(to), indices: indicesOf(to), names: map[string]string{}}
	for _, n := range nodesOf(from) {
		if !slices.Contains(m.nodes, n) {
			m.gone = append(m.gone, n)
		}
	}
	for _, ix := range indicesOf(from) {
		if !slices.ContainsFunc(m.indices, func(o chaos.IndexShape) bool { return o.Name == ix.Name }) && len(m.indices) > 0 {
			m.names[ix.Name] = m.indices[0].Name
		}
	}
	texts := make([]any, len(p.Entries))
	for i, e := range p.Entries {
		text, err := json.Marshal(e)
		if err != nil {
			return p, err
		}
		if err := json.Unmarshal(text, &texts[i]); err != nil {
			return p, err
		}
	}
	m.renameNodes(texts)
	out := chaos.Plan{Entries: make([]chaos.Entry, len(texts))}
	for i, v := range texts {
		text, err := json.Marshal(m.apply("", v))
		if err != nil {
			return p, err
		}
		if err := json.Unmarshal(text, &out.Entries[i]); err != nil {
			return p, err
		}
	}
	return out, nil
}

// renaming is what stands for what in a smaller file.
type renaming struct {
	nodes   []string // that stay
	gone    []string // nodes that don't
	indices []chaos.IndexShape
	names   map[string]string
}

// renameNodes gives each node that is gone and named one that stays.
func (m *renaming) renameNodes(entries []any) {
	var named []string
	for _, v := range entries {
		eachText(v, func(s string) { named = append(named, s) })
	}
	free := slices.DeleteFunc(slices.Clone(m.nodes), func(n string) bool { return slices.Contains(named, n) })
	for i, n := range m.gone {
		switch {
		case !slices.Contains(named, n) || len(m.nodes) == 0:
		case len(free) > 0:
			m.names[n], free = free[0], free[1:]
		default:
			m.names[n] = m.nodes[i%len(m.nodes)]
		}
	}
}

func eachText(v any, do func(string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v { //determinism:allow map-order what is gathered is only looked up
			eachText(x, do)
		}
	case []any:
		for _, x := range v {
			eachText(x, do)
		}
	case string:
		do(v)
	}
}

// apply is a value of an entry as kept in JSON, with the new names.
func (m *renaming) apply(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v { //determinism:allow map-order it becomes a map
			out[k] = m.apply(k, x)
		}
		index, named := out["index"].(string)
		if shard, is := out["shard"].(float64); is && named {
			out["shard"] = m.shard(index, int(shard))
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = m.apply(key, x)
		}
		return out
	case string:
		if key == "kind" {
			return v
		}
		return m.text(v)
	}
	return v
}

// text is a name or a selector.
func (m *renaming) text(s string) string {
	if to, is := m.names[s]; is {
		return to
	}
	role, arg, is := strings.Cut(s, "(")
	index, number, of := strings.Cut(strings.TrimSuffix(arg, ")"), ",")
	shard, err := strconv.Atoi(strings.TrimSpace(number))
	if !is || !of || err != nil {
		return s
	}
	if to, is := m.names[index]; is {
		index = to
	}
	return fmt.Sprintf("%s(%s,%d)", role, index, m.shard(index, shard))
}

// shard is a number of a shard that an index has.
func (m *renaming) shard(index string, shard int) int {
	for _, ix := range m.indices {
		if ix.Name == index && ix.Shards > 0 {
			return shard % ix.Shards
		}
	}
	return shard
}

// nodesOf are the names of the nodes of a file, where they are counted.
func nodesOf(root yaml.MapSlice) []string {
	groups, is := value(root, "cluster", "nodes").([]any)
	if !is {
		groups = []any{value(root, "cluster", "nodes")}
	}
	var out []string
	for _, g := range groups {
		n, _ := number64(value(g, "count"))
		if value(g, "name") != nil || value(g, "names") != nil {
			return nil
		}
		for range n {
			out = append(out, "n"+strconv.Itoa(len(out)+1))
		}
	}
	return out
}

// indicesOf are the indices of a file, with their shards.
func indicesOf(root yaml.MapSlice) []chaos.IndexShape {
	var out []chaos.IndexShape
	eachIndex(root, func(i int) {
		name, _ := value(root, "cluster", "indices", i, "name").(string)
		shards, given := number64(value(root, "cluster", "indices", i, "shards"))
		if !given {
			shards = 1
		}
		out = append(out, chaos.IndexShape{Name: name, Shards: int(shards)})
	})
	return out
}
