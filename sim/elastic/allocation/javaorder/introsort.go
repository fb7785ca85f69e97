package javaorder

import (
	"math"
	"math/bits"
)

// Pair is a sort key in the high 32 bits and what it belongs to in the low 32.
// Sorting looks at keys only.
type Pair uint64

// Ascending makes a pair that sorts by weight as java.lang.Float.compare does.
func Ascending(weight float32, value int32) Pair {
	return Pair(floatKey(weight))<<32 | Pair(uint32(value))
}

// Descending makes a pair that sorts by falling weight.
func Descending(weight float32, value int32) Pair {
	return Pair(^floatKey(weight))<<32 | Pair(uint32(value))
}

// floatKey maps a float to an integer of the same order, -0 below +0.
func floatKey(f float32) uint32 {
	b := math.Float32bits(f)
	if b&(1<<31) != 0 {
		return ^b
	}
	return b | 1<<31
}

// Weight is the weight of a pair made by [Ascending].
func (p Pair) Weight() float32 {
	k := uint32(p >> 32)
	if k&(1<<31) != 0 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

// Value is what the pair belongs to.
func (p Pair) Value() int32 { return int32(uint32(p)) }

func (p Pair) key() uint32 { return uint32(p >> 32) }

// Limits of Lucene 9.12's IntroSorter.
const (
	insertionSortLimit = 16
	singleMedianLimit  = 40
)

// IntroSort sorts as org.apache.lucene.util.IntroSorter does: the order in which it
// leaves equal keys depends on the order they came in, and only on that.
func IntroSort(a []Pair) {
	if len(a) > 1 {
		introSort(a, 0, len(a), 2*(bits.Len(uint(len(a)))-1))
	}
}

func introSort(a []Pair, from, to, depth int) {
	for {
		size := to - from
		if size <= insertionSortLimit {
			insertionSort(a[from:to])
			return
		}
		depth--
		if depth < 0 {
			heapSort(a[from:to])
			return
		}
		lower, upper := partition(a, from, to, choosePivot(a, from, to))
		// The smaller side by recursion, the larger one by the loop.
		if lower-from < to-1-upper {
			introSort(a, from, lower+1, depth)
			from = upper
		} else {
			introSort(a, upper, to, depth)
			to = lower + 1
		}
	}
}

// choosePivot takes the median around the middle, of larger ranges a median of medians.
func choosePivot(a []Pair, from, to int) int {
	size, last := to-from, to-1
	mid := (from + last) >> 1
	if size <= singleMedianLimit {
		r := size >> 2
		return median(a, mid-r, mid, mid+r)
	}
	r := size >> 3
	return median(a,
		median(a, from, from+r, from+2*r),
		median(a, mid-r, mid, mid+r),
		median(a, last-2*r, last-r, last))
}

func median(a []Pair, i, j, k int) int {
	x, y, z := a[i].key(), a[j].key(), a[k].key()
	if x < y {
		switch {
		case y <= z:
			return j
		case x < z:
			return k
		}
		return i
	}
	switch {
	case y >= z:
		return j
	case x < z:
		return i
	}
	return k
}

// partition splits [from, to) three ways around the pivot (Bentley and McIlroy):
// keys equal to it gather at both ends and are swapped into the middle at the end.
// It returns the last position of the smaller keys and the first of the larger ones.
func partition(a []Pair, from, to, pivot int) (lower, upper int) {
	last := to - 1
	key := a[pivot].key()
	a[from], a[pivot] = a[pivot], a[from]
	i, j := from, to
	p, q := from+1, last
	for {
		i++
		for a[i].key() < key {
			i++
		}
		j--
		for a[j].key() > key {
			j--
		}
		if i >= j {
			if i == j && a[j].key() == key {
				a[i], a[p] = a[p], a[i]
			}
			break
		}
		leftEqual, rightEqual := a[i].key() == key, a[j].key() == key
		a[i], a[j] = a[j], a[i]
		if rightEqual {
			a[i], a[p] = a[p], a[i]
			p++
		}
		if leftEqual {
			a[j], a[q] = a[q], a[j]
			q--
		}
	}
	i = j + 1
	for k := from; k < p; k++ {
		a[k], a[j] = a[j], a[k]
		j--
	}
	for k := last; k > q; k-- {
		a[k], a[i] = a[i], a[k]
		i++
	}
	return j, i
}

func insertionSort(a []Pair) {
	for i := 1; i < len(a); i++ {
		x := a[i]
		j := i
		for j > 0 && a[j-1].key() > x.key() {
			a[j] = a[j-1]
			j--
		}
		a[j] = x
	}
}

func heapSort(a []Pair) {
	for i := (len(a) - 2) >> 1; i >= 0; i-- {
		siftDown(a, i)
	}
	for end := len(a) - 1; end > 0; end-- {
		a[0], a[end] = a[end], a[0]
		siftDown(a[:end], 0)
	}
}

func siftDown(a []Pair, i int) {
	for left := 2*i + 1; left < len(a); left = 2*i + 1 {
		right := left + 1
		switch {
		case a[i].key() < a[left].key():
			if right < len(a) && a[left].key() < a[right].key() {
				a[i], a[right] = a[right], a[i]
				i = right
			} else {
				a[i], a[left] = a[left], a[i]
				i = left
			}
		case right < len(a) && a[i].key() < a[right].key():
			a[i], a[right] = a[right], a[i]
			i = right
		default:
			return
		}
	}
}
