package maporder

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

func brokenSequences(m map[string]*node, other map[string]*node) []string {
	for k := range maps.Keys(m) { // want `range over map maps.Keys\(m\) calls emit in map order`
		emit(k)
	}
	emitAll(slices.Collect(maps.Values(m))) // want `maps.Values in map order: walk slices.Sorted\(maps.Keys\(m\)\) \(map-order: `
	keys := slices.Collect(maps.Keys(m))    // want `keys is filled in map order and not sorted in this function`
	all := maps.All[map[string]*node]       // want `maps.All in map order`
	for k := range all(m) {
		emit(k)
	}
	_ = slices.SortedFunc(maps.Values(m), byWeight)       // want `slices.SortedFunc with a comparison that may tie`
	_ = slices.SortedStableFunc(maps.Values(m), byWeight) // want `slices.SortedStableFunc leaves elements that tie in map order`
	_ = reflect.ValueOf(m).MapKeys()                      // want `reflect.Value.MapKeys: sort the keys first`
	return keys
}

func emitAll([]*node) {}

func keptSequences(m map[string]*node, other map[string]*node) []string {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		emit(k)
	}
	maps.Insert(other, maps.All(m))
	_ = maps.Collect(maps.All(m))
	_ = slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Compare(b, a) })
	n := 0
	for range maps.Keys(m) {
		n++
	}
	keys := slices.Collect(maps.Keys(m))
	slices.Sort(keys)
	return keys
}
