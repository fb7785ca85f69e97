package sim

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Run with
//
//	go test -run '^$' -bench . ./sim
//
// Hold benchmarks keep the number of pending events: the first event is taken out
// and put back with a random delay, exponentially distributed. Each prints its
// rival, run just before it, as a ratio: how many times faster the engine is.

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

var sizes = []int{1_000, 100_000, 1_000_000}

// BenchmarkHold compares the ladder queue, and the engine with dispatch and hash,
// with container/heap.
func BenchmarkHold(b *testing.B) {
	table := increments()
	for _, n := range sizes {
		var rival float64
		b.Run(fmt.Sprintf("pending=%d/container-heap", n), func(b *testing.B) {
			holdContainerHeap(b, table, n)
			rival = perOp(b)
		})
		for _, c := range []struct {
			name string
			run  func(*testing.B, []Time, int)
		}{{"ladder", holdQueue}, {"engine", holdEngine}, {"engine-cancellable", holdScheduled}} {
			b.Run(fmt.Sprintf("pending=%d/%s", n, c.name), func(b *testing.B) {
				c.run(b, table, n)
				report(b, rival)
			})
		}
	}
}

func perOp(b *testing.B) float64 { return float64(b.Elapsed()) / float64(b.N) }

func report(b *testing.B, rival float64) {
	b.ReportMetric(1e3/perOp(b), "M/s")
	if rival > 0 { // filters may have left the rival out
		b.ReportMetric(rival/perOp(b), "x-rival")
	}
}

func holdQueue(b *testing.B, table []Time, n int) {
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
	hold(3 * n)
	b.ReportAllocs()
	b.ResetTimer()
	hold(b.N)
}

func holdEngine(b *testing.B, table []Time, n int) {
	e := NewEngine(Config{})
	left := 3 * n
	var tick Kind
	tick = e.Register("tick", func(arg uint32) {
		left--
		e.Post(time.Duration(table[(e.seq*7+uint64(arg))&0xffff]), tick, arg)
	})
	for i := range n {
		e.Post(time.Duration(table[i&0xffff]), tick, uint32(i))
	}
	holdFor(b, e, &left)
}

func holdScheduled(b *testing.B, table []Time, n int) {
	e := NewEngine(Config{})
	left := 3 * n
	var tick Kind
	tick = e.Register("tick", func(arg uint32) {
		left--
		e.Schedule(time.Duration(table[(e.seq*7+uint64(arg))&0xffff]), tick, arg)
	})
	for i := range n {
		e.Schedule(time.Duration(table[i&0xffff]), tick, uint32(i))
	}
	holdFor(b, e, &left)
}

// holdFor warms up and then measures b.N events.
func holdFor(b *testing.B, e *Engine, left *int) {
	done := func() bool { return *left <= 0 }
	if err := e.RunUntil(done, Never); err != nil {
		b.Fatal(err)
	}
	*left = b.N
	b.ReportAllocs()
	b.ResetTimer()
	if err := e.RunUntil(done, Never); err != nil {
		b.Fatal(err)
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

func holdContainerHeap(b *testing.B, table []Time, n int) {
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
}

// BenchmarkProcessSwitch compares the wake-up of one of a thousand processes that
// sleep for random times with the same thing done with a goroutine and a channel
// for each process. Both use the engine's queue.
func BenchmarkProcessSwitch(b *testing.B) {
	const processes = 1000
	table := increments()
	var rival float64
	b.Run("goroutine-channel", func(b *testing.B) {
		switchGoroutines(b, table, processes)
		rival = perOp(b)
	})
	b.Run("process", func(b *testing.B) {
		switchProcesses(b, table, processes)
		report(b, rival)
	})
}

func switchProcesses(b *testing.B, table []Time, n int) {
	e := NewEngine(Config{})
	left := 3 * n
	for i := range n {
		e.Go("sleeper", func(ctx context.Context) {
			for j := i; e.Sleep(ctx, time.Duration(table[j&0xffff])) == nil; j += 7 {
				left--
			}
		})
	}
	holdFor(b, e, &left)
	b.StopTimer()
	if err := e.Close(); err != nil {
		b.Fatal(err)
	}
}

func switchGoroutines(b *testing.B, table []Time, n int) {
	var q queue
	wake := make([]chan bool, n)
	asleep := make(chan Time)
	for i := range wake {
		wake[i] = make(chan bool)
		go func() {
			for j := i; ; j += 7 {
				asleep <- table[j&0xffff]
				if !<-wake[i] {
					return
				}
			}
		}()
	}
	seq := uint64(0)
	put := func(i uint32) {
		seq++
		q.push(event{at: q.now + <-asleep, seq: seq, arg: i})
	}
	for i := range wake {
		put(uint32(i)) // which of them it is does not matter yet
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		ev, _ := q.popUntil(Never)
		q.now = ev.at
		wake[ev.arg] <- true
		put(ev.arg)
	}
	b.StopTimer()
	for _, c := range wake {
		c <- false
	}
}

// BenchmarkFluid starts and ends flows among a hundred nodes, of which each flow
// passes two network cards and a disk.
func BenchmarkFluid(b *testing.B) {
	const nodes, flows = 100, 300
	e := NewEngine(Config{})
	f := e.NewFluid()
	var in, out, disk []*Resource
	for i := range nodes {
		in = append(in, f.Resource(fmt.Sprint(i, "/in"), 1e9/8))
		out = append(out, f.Resource(fmt.Sprint(i, "/out"), 1e9/8))
		disk = append(disk, f.Resource(fmt.Sprint(i, "/disk"), 2e8))
	}
	r := rand.New(rand.NewPCG(3, 4))
	left := 2 * flows
	var start func()
	start = func() {
		left--
		from, to := r.IntN(nodes), r.IntN(nodes)
		f.Start(FlowSpec{Bytes: 1e6 + r.Int64N(1e9), Cap: 40e6, Through: []*Resource{out[from], in[to], disk[to]}}, start)
	}
	for range flows {
		start()
	}
	holdFor(b, e, &left)
}
