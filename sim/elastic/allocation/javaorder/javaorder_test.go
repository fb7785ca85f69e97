package javaorder

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestStringHashIsJavas(t *testing.T) {
	// Values from java.lang.String.hashCode.
	assert.Equal(t, int32(0), StringHash(""))
	assert.Equal(t, int32(97), StringHash("a"))
	assert.Equal(t, int32(99162322), StringHash("hello"))
	assert.Equal(t, int32(-1985354563), StringHash("elasticsearch"))
	assert.Equal(t, int32(1772899), StringHash("\U0001F600"), "characters beyond the first plane count as two")
}

func TestHashMapIteratesByBucket(t *testing.T) {
	// new HashMap with capacity 4 over these keys iterates so in Java.
	table := NewTableFor(3)
	table.Grow(3)
	keys := []string{"rGd6ty", "7jSg4X", "9QKpcr"}
	Sort(table, keys, StringHash)
	assert.Equal(t, []string{"9QKpcr", "rGd6ty", "7jSg4X"}, keys)
}

func TestTableCapacityFollowsJava(t *testing.T) {
	for n, want := range map[int]int{0: 1, 1: 2, 2: 4, 3: 8, 6: 16, 11: 16, 12: 32, 24: 64} {
		assert.Equal(t, want, NewTableFor(n).capacity, "expected size %d", n)
	}
	table := NewTable()
	table.Grow(12)
	assert.Equal(t, 16, table.capacity, "12 entries fill 16 buckets to three quarters")
	table.Grow(1)
	assert.Equal(t, 32, table.capacity)
}

func TestComputeIfAbsentDoublesLateAndPutsFirst(t *testing.T) {
	table := NewTable()
	table.GrowByComputing(13, true)
	assert.Equal(t, 16, table.capacity, "the array is looked at before the entry is put")
	table = NewTable()
	table.GrowByComputing(13, false)
	assert.Equal(t, 32, table.capacity, "the next call finds it too full")
	assert.True(t, NewTable().Doubles(13))
	assert.False(t, NewTable().Doubles(12))

	keys := []int32{16, 1, 0, 32}
	same := func(h int32) int32 { return h }
	Sort(NewTable(), keys, same)
	assert.Equal(t, []int32{16, 0, 32, 1}, keys, "put appends to a bucket")
	keys = []int32{16, 1, 0, 32}
	SortComputed(NewTable(), keys, same)
	assert.Equal(t, []int32{32, 0, 16, 1}, keys, "computeIfAbsent puts at its head")
}

func TestPairsSortAsJavaCompares(t *testing.T) {
	weights := []float32{float32(math.Inf(-1)), -2, -1e-30, float32(math.Copysign(0, -1)), 0, 1e-30, 2, float32(math.Inf(1))}
	for i := 1; i < len(weights); i++ {
		assert.Less(t, Ascending(weights[i-1], 9), Ascending(weights[i], 0), "%g before %g", weights[i-1], weights[i])
		assert.Greater(t, Descending(weights[i-1], 0), Descending(weights[i], 9))
	}
	for _, w := range weights {
		assert.Equal(t, math.Float32bits(w), math.Float32bits(Ascending(w, 7).Weight()))
		assert.Equal(t, int32(7), Ascending(w, 7).Value())
	}
}

// reference is Lucene's IntroSorter as its abstract class describes it, with compare
// and swap only.
type reference struct{ a []Pair }

func (r *reference) compare(i, j int) int {
	switch x, y := r.a[i].key(), r.a[j].key(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func TestIntroSortSortsAndKeepsShortRunsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfN(rapid.IntRange(0, 9), 0, 200).Draw(t, "keys")
		pairs := make([]Pair, len(keys))
		for i, k := range keys {
			pairs[i] = Ascending(float32(k), int32(i))
		}
		sorted := slices.Clone(pairs)
		IntroSort(sorted)
		r := &reference{sorted}
		for i := 1; i < len(sorted); i++ {
			require.LessOrEqual(t, r.compare(i-1, i), 0)
		}
		if len(keys) <= insertionSortLimit {
			slices.Sort(pairs)
			require.Equal(t, pairs, sorted, "insertion sort keeps equal keys in order")
		} else {
			slices.Sort(sorted)
			slices.Sort(pairs)
			require.Equal(t, pairs, sorted, "nothing is lost")
		}
	})
}

func TestIntroSortLeavesTiesAsLuceneDoes(t *testing.T) {
	for _, test := range luceneOrders {
		assert.Equal(t, test.want, sortedBy(test.n, test.step, test.mod, IntroSort), "%d keys", test.n)
	}
	for _, test := range luceneHeapOrders {
		assert.Equal(t, test.want, sortedBy(test.n, test.step, test.mod, heapSort), "heap sort of %d keys", test.n)
	}
}

// sortedBy sorts n elements by (i × step) mod mod and returns them in order.
func sortedBy(n, step, mod int, sort func([]Pair)) []int {
	pairs := make([]Pair, n)
	for i := range pairs {
		pairs[i] = Ascending(float32(i*step%mod), int32(i))
	}
	sort(pairs)
	out := make([]int, n)
	for i, p := range pairs {
		out[i] = int(p.Value())
	}
	return out
}
