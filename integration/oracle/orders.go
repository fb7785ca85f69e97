package oracle

import (
	"cmp"
	"math"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
)

// apart reports whether ids have buckets of their own in the HashMap of n nodes.
func apart(ids []string, n int) bool {
	table := javaorder.NewTableFor(n)
	taken := make(map[uint32]bool)
	for _, id := range ids {
		bucket := table.Bucket(javaorder.StringHash(id))
		if taken[bucket] {
			return false
		}
		taken[bucket] = true
	}
	return true
}

// nodeOrder is the order in which that HashMap iterates.
func nodeOrder(ids []string) []string {
	order := slices.Clone(ids)
	javaorder.Sort(javaorder.NewTableFor(len(ids)), order, javaorder.StringHash)
	return order
}

// mix is how HPPC spreads a hash.
func mix(h uint32) uint32 {
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// slots is the length of an HPPC map's array that was made for n entries.
func slots(n int) uint32 {
	want := int(math.Ceil(float64(n) / 0.75))
	if want == n {
		want++
	}
	length := uint32(4)
	for int(length) < want {
		length *= 2
	}
	return length
}

// slot is the place of a name in an array of that length, with -Dhppc.bitmixer=deterministic.
func slot(name string, length uint32) uint32 {
	return mix(uint32(javaorder.StringHash(name))^mix(length)) & (length - 1)
}

// indexOrder is the order in which a routing table of these indices iterates.
func indexOrder(names []string) []string {
	length := slots(len(names))
	order := slices.Clone(names)
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(slot(a, length), slot(b, length)) })
	return order
}
