package sortties

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

type shard struct {
	id   int
	size int64
}

type bySize []shard

func (s bySize) Len() int           { return len(s) }
func (s bySize) Less(i, j int) bool { return s[i].size < s[j].size }
func (s bySize) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }

func compareSize(a, b shard) int { return cmp.Compare(a.size, b.size) }

func broken(shards []shard) {
	slices.SortFunc(shards, compareSize)                                                 // want `slices.SortFunc with a comparison that may tie: use slices.SortStableFunc, or compare by something unique and say so: //determinism:allow sort-ties reason \(sort-ties: `
	slices.SortFunc(shards, func(a, b shard) int { return cmp.Compare(a.size, b.size) }) // want `slices.SortFunc`
	sort.Slice(shards, func(i, j int) bool { return shards[i].size < shards[j].size })   // want `sort.Slice`
	sort.Sort(bySize(shards))                                                            // want `sort.Sort`
	_ = slices.SortedFunc(slices.Values(shards), compareSize)                            // want `slices.SortedFunc`
	sorter := slices.SortFunc[[]shard]                                                   // want `slices.SortFunc`
	sorter(shards, compareSize)
}

func kept(shards []shard, names []string, sizes []int64) {
	slices.SortStableFunc(shards, compareSize)
	sort.SliceStable(shards, func(i, j int) bool { return shards[i].size < shards[j].size })
	sort.Stable(bySize(shards))
	slices.Sort(names)
	sort.Strings(names)
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	slices.SortFunc(names, strings.Compare)
	slices.SortFunc(sizes, cmp.Compare[int64])
	slices.SortFunc(sizes, func(a, b int64) int { return cmp.Compare(b, a) })
	slices.SortFunc(sizes, func(a, b int64) int { return -cmp.Compare(a, b) })
	sort.Slice(sizes, func(i, j int) bool { return sizes[i] > sizes[j] })
	slices.SortFunc(shards, func(a, b shard) int { return a.id - b.id }) //determinism:allow sort-ties ids are unique
}
