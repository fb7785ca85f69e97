package sim

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// increments is a table of exponentially distributed delays with a mean of 1 ms, so
// that drawing them doesn't count.
func increments() []Time {
	r := rand.New(rand.NewPCG(1, 2))
	table := make([]Time, 1<<16)
	for i := range table {
		table[i] = Time(-math.Log(1-r.Float64())*1e6) + 1
	}
	return table
}

var sizes = []int{10, 100, 1_000, 10_000, 100_000, 1_000_000}

func BenchmarkHoldQueue(b *testing.B) {
	table := increments()
	for _, n := range sizes {
		b.Run(fmt.Sprintf("pending=%d", n), func(b *testing.B) {
			var q queue
			seq := uint64(0)
			for i := range n {
				seq++
				q.push(event{at: table[i&0xffff] + Time(i%97), seq: seq})
			}
			hold := func(count int) {
				for range count {
					ev, _ := q.popUntil(Never)
					seq++
					q.now = ev.at
					ev.at += table[seq&0xffff]
					ev.seq = seq
					q.push(ev)
				}
			}
			hold(2 * n)
			b.ReportAllocs()
			b.ResetTimer()
			hold(b.N)
		})
	}
}

// pointerHeap is the queue that one writes first: container/heap with pointers.
type pointerHeap []*event

func (h pointerHeap) Len() int           { return len(h) }
func (h pointerHeap) Less(i, j int) bool { return compareEvents(*h[i], *h[j]) < 0 }
func (h pointerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *pointerHeap) Push(x any)        { *h = append(*h, x.(*event)) }
func (h *pointerHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

func BenchmarkHoldContainerHeap(b *testing.B) {
	table := increments()
	for _, n := range sizes {
		b.Run(fmt.Sprintf("pending=%d", n), func(b *testing.B) {
			var h pointerHeap
			seq := uint64(0)
			for i := range n {
				seq++
				heap.Push(&h, &event{at: table[i&0xffff] + Time(i%97), seq: seq})
			}
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				ev := heap.Pop(&h).(*event)
				seq++
				heap.Push(&h, &event{at: ev.at + table[seq&0xffff], seq: seq})
			}
		})
	}
}
