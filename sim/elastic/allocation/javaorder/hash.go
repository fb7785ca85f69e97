package javaorder

import (
	"cmp"
	"slices"
	"unicode/utf16"
)

// StringHash is java.lang.String.hashCode.
func StringHash(s string) int32 {
	var h int32
	for _, r := range s {
		if r < 0x10000 {
			h = 31*h + r
			continue
		}
		hi, lo := utf16.EncodeRune(r)
		h = 31*(31*h+hi) + lo
	}
	return h
}

// spread is how java.util.HashMap mixes a hash before it picks a bucket.
func spread(h int32) uint32 { return uint32(h) ^ uint32(h)>>16 }

// Table is the life of a java.util.HashMap as far as its iteration order goes: how
// large its array is. Entries of one bucket stand in the order in which they were
// put (chains of eight and more, which Java turns into trees, keep that order too
// but for the root; hashes this crowded do not occur in practice).
type Table struct{ capacity, size int }

// NewTable is a map made with the default constructor.
func NewTable() Table { return Table{capacity: 16} }

// NewTableFor is a map made by Elasticsearch's Maps.newMapWithExpectedSize(n).
func NewTableFor(n int) Table {
	want := n + 1
	if n >= 2 {
		want = int(float64(n)/0.75 + 1.0)
	}
	c := 1
	for c < want {
		c *= 2
	}
	return Table{capacity: c}
}

// Grow counts n more entries, doubling the array as Java does.
func (t *Table) Grow(n int) {
	t.size += n
	for t.size*4 > t.capacity*3 {
		t.capacity *= 2
	}
}

// GrowByComputing counts n more entries put with computeIfAbsent, which doubles a full
// array when it is called again, even for a key that is there. last says that the call
// which put the last entry was the last call.
func (t *Table) GrowByComputing(n int, last bool) {
	if n > 0 && last {
		t.Grow(n - 1)
		t.size++
		return
	}
	t.Grow(n)
}

// Doubles reports whether the last of n more entries makes the array grow.
func (t Table) Doubles(n int) bool {
	before := t
	before.Grow(n - 1)
	t.Grow(n)
	return t.capacity != before.capacity
}

// Bucket is the place in the array of an entry with this hash.
func (t Table) Bucket(hash int32) uint32 { return spread(hash) & uint32(t.capacity-1) }

// Sort puts entries, given in the order in which they were put into the map, into
// the map's iteration order.
func Sort[E any](t Table, entries []E, hash func(E) int32) {
	slices.SortStableFunc(entries, func(a, b E) int {
		return cmp.Compare(t.Bucket(hash(a)), t.Bucket(hash(b)))
	})
}

// SortComputed does the same for entries put with computeIfAbsent, which puts a new entry
// at the head of its bucket instead of the end.
func SortComputed[E any](t Table, entries []E, hash func(E) int32) {
	slices.Reverse(entries)
	Sort(t, entries, hash)
}
