package explore

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/shardquake/shardquake/internal/units"
)

// cut is one way to make a file smaller: what it could be next, the smallest first. Each is
// smaller than the file, so that cutting ends.
type cut func(root yaml.MapSlice) []yaml.MapSlice

// cuts are all of them, in the order in which they are tried: what takes most away first.
func cuts() []cut {
	return []cut{
		noController, simplerController, fewerIndices, fewerNodes, fewerShards, fewerCopies, smallerIndices, fewerStreams, lessLoad,
	}
}

func noController(root yaml.MapSlice) []yaml.MapSlice {
	return without(root, "controller")
}

// simplerController leaves out one of its parts, and asks no policy.
func simplerController(root yaml.MapSlice) []yaml.MapSlice {
	section, _ := value(root, "controller").(yaml.MapSlice)
	var out []yaml.MapSlice
	for _, item := range section {
		switch key := fmt.Sprint(item.Key); {
		case key == "interval" || key == "lease":
		case key != "policy":
			out = append(out, without(root, "controller", key)...)
		case item.Value != "none":
			out = append(out, with(root, "none", "controller", key))
		}
	}
	return out
}

// fewerIndices leaves out an index with the load on it.
func fewerIndices(root yaml.MapSlice) []yaml.MapSlice {
	list, _ := value(root, "cluster", "indices").([]any)
	if len(list) < 2 {
		return nil
	}
	var out []yaml.MapSlice
	for i := range slices.Backward(list) {
		name := value(root, "cluster", "indices", i, "name")
		smaller := without(root, "cluster", "indices", i)[0]
		if streams, is := value(root, "workload").([]any); is {
			streams = slices.DeleteFunc(slices.Clone(streams), func(w any) bool {
				m, _ := w.(yaml.MapSlice)
				return value(m, "index") == name
			})
			if len(streams) == 0 {
				smaller = without(smaller, "workload")[0]
			} else {
				smaller = with(smaller, streams, "workload")
			}
		}
		out = append(out, smaller)
	}
	return out
}

// fewerNodes has half of the nodes, or one less; of groups one group less, too.
func fewerNodes(root yaml.MapSlice) []yaml.MapSlice {
	groups, is := value(root, "cluster", "nodes").([]any)
	if !is {
		return fewer(root, 1, "cluster", "nodes", "count")
	}
	var out []yaml.MapSlice
	for i := range slices.Backward(groups) {
		if len(groups) > 1 {
			out = append(out, without(root, "cluster", "nodes", i)...)
		}
		out = append(out, fewer(root, 1, "cluster", "nodes", i, "count")...)
	}
	return out
}

// fewerShards has one shard of an index, or half of them, with the same data in each.
func fewerShards(root yaml.MapSlice) []yaml.MapSlice {
	var out []yaml.MapSlice
	eachIndex(root, func(i int) {
		was, is := number64(value(root, "cluster", "indices", i, "shards"))
		if !is {
			return
		}
		for _, now := range slices.Compact([]int64{1, was / 2}) {
			if now >= 1 && now < was {
				out = append(out, part(with(root, now, "cluster", "indices", i, "shards"), i, now, was))
			}
		}
	})
	return append(out, fewer(root, 1, "cluster", "kv", "shards")...)
}

// fewerCopies has one replica less of an index; one stays, for without a copy to fall back on
// every loss breaks something.
func fewerCopies(root yaml.MapSlice) []yaml.MapSlice {
	var out []yaml.MapSlice
	eachIndex(root, func(i int) {
		if was, is := number64(value(root, "cluster", "indices", i, "replicas")); is && was > 1 {
			out = append(out, with(root, was-1, "cluster", "indices", i, "replicas"))
		}
	})
	return out
}

// smallest is what an index keeps at least.
const smallest = 1 << 20

// smallerIndices has a tenth of an index's data, or half of it.
func smallerIndices(root yaml.MapSlice) []yaml.MapSlice {
	var out []yaml.MapSlice
	eachIndex(root, func(i int) {
		size, err := units.ParseSize(fmt.Sprint(value(root, "cluster", "indices", i, "size")))
		for _, by := range []int64{10, 2} {
			if err == nil && int64(size)/by >= smallest {
				out = append(out, part(root, i, 1, by))
			}
		}
	})
	return append(out, fewer(root, 1, "cluster", "kv", "items")...)
}

// fewerStreams leaves out a stream of load.
func fewerStreams(root yaml.MapSlice) []yaml.MapSlice {
	list, _ := value(root, "workload").([]any)
	var out []yaml.MapSlice
	for i := range slices.Backward(list) {
		if len(list) == 1 {
			return without(root, "workload")
		}
		out = append(out, without(root, "workload", i)...)
	}
	return out
}

// lessLoad has one operation of a kind in a second, or half as many.
func lessLoad(root yaml.MapSlice) []yaml.MapSlice {
	list, _ := value(root, "workload").([]any)
	var out []yaml.MapSlice
	for i := range list {
		for _, key := range []string{"reads", "writes", "tracers", "transfers"} {
			was, err := units.ParseRate(fmt.Sprint(value(root, "workload", i, key)))
			if err != nil {
				continue
			}
			for _, now := range []units.Rate{1, was / 2} {
				if now >= 1 && now < was {
					out = append(out, with(root, now.String(), "workload", i, key))
				}
			}
		}
	}
	return out
}

// fewer has half of a number, or one less, and at least so many.
func fewer(root yaml.MapSlice, least int64, path ...any) []yaml.MapSlice {
	was, is := number64(value(root, path...))
	var out []yaml.MapSlice
	if is && was/2 >= least && was/2 < was-1 {
		out = append(out, with(root, was/2, path...))
	}
	if is && was-1 >= least {
		out = append(out, with(root, was-1, path...))
	}
	return out
}

// part has of the i-th index so many parts of its data.
func part(root yaml.MapSlice, i int, now, was int64) yaml.MapSlice {
	if size, err := units.ParseSize(fmt.Sprint(value(root, "cluster", "indices", i, "size"))); err == nil {
		root = with(root, sizeText(int64(size)/was*now), "cluster", "indices", i, "size")
	}
	if docs, is := number64(value(root, "cluster", "indices", i, "docs")); is {
		root = with(root, max(1, docs/was*now), "cluster", "indices", i, "docs")
	}
	return root
}

// sizeText is a size in megabytes, where it has some: so one reads it.
func sizeText(bytes int64) string {
	if bytes > smallest {
		bytes -= bytes % smallest
	}
	return units.FormatBytes(bytes)
}

func eachIndex(root yaml.MapSlice, do func(i int)) {
	list, _ := value(root, "cluster", "indices").([]any)
	for i := range list {
		do(i)
	}
}

// number64 is a whole number as a file has it.
func number64(v any) (int64, bool) {
	switch v := v.(type) {
	case uint64:
		return int64(v), true
	case int64:
		return v, true
	case int:
		return int64(v), true
	}
	return 0, false
}

// value is what stands at a path of keys and places; nil where nothing does.
func value(v any, path ...any) any {
	if len(path) == 0 {
		return v
	}
	switch v := v.(type) {
	case yaml.MapSlice:
		for _, item := range v {
			if item.Key == path[0] {
				return value(item.Value, path[1:]...)
			}
		}
	case []any:
		if i, is := path[0].(int); is && i < len(v) {
			return value(v[i], path[1:]...)
		}
	}
	return nil
}

// with is a file with another value at a path that is there.
func with(root yaml.MapSlice, to any, path ...any) yaml.MapSlice {
	out, _ := changed(root, path, func(any) (any, bool) { return to, true }).(yaml.MapSlice)
	return out
}

// without is a file without what stands at a path; nothing where nothing does.
func without(root yaml.MapSlice, path ...any) []yaml.MapSlice {
	if value(root, path...) == nil {
		return nil
	}
	out, _ := changed(root, path, func(any) (any, bool) { return nil, false }).(yaml.MapSlice)
	return []yaml.MapSlice{out}
}

// changed copies what leads to a path and changes what stands there, or takes it out.
func changed(v any, path []any, change func(any) (to any, keep bool)) any {
	next := func(old any) (any, bool) {
		if len(path) == 1 {
			return change(old)
		}
		return changed(old, path[1:], change), true
	}
	switch v := v.(type) {
	case yaml.MapSlice:
		var out yaml.MapSlice
		for _, item := range v {
			if item.Key == path[0] {
				to, keep := next(item.Value)
				if !keep {
					continue
				}
				item.Value = to
			}
			out = append(out, item)
		}
		return out
	case []any:
		var out []any
		for i, old := range v {
			if i == path[0] {
				to, keep := next(old)
				if !keep {
					continue
				}
				old = to
			}
			out = append(out, old)
		}
		return out
	}
	return v
}

// flowOf is a section as text, to compare two.
func flowOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}
