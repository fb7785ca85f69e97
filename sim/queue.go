package sim

import (
	"math/bits"
	"slices"
)

// event is what the queue holds. It has no pointers, so the garbage collector
// never looks at the queue.
type event struct {
	at   Time
	seq  uint64
	kind uint32 // a Kind, or cancellable
	arg  uint32 // the handler's argument, or the slot of a cancellable event
}

// cancellable marks an event whose kind and argument are in the slot table.
const cancellable = ^uint32(0)

func compareEvents(a, b event) int {
	switch {
	case a.at < b.at || (a.at == b.at && a.seq < b.seq):
		return -1
	case a == b:
		return 0
	}
	return 1
}

const (
	sortMost   = 48      // a bucket up to this size is sorted, a larger one spread over a rung
	bottomMost = 256     // a bottom that grows above this is spread over a rung
	perBucket  = 12      // events per bucket to aim at
	maxBuckets = 1 << 12 // of one rung
	maxRungs   = 12
)

// queue is a ladder queue: a priority queue in exact order of (time, sequence
// number) whose costs don't grow with its size.
//
// From the near to the far future it consists of
//   - now: first in, first out, what was pushed for the very time at which the
//     queue stands,
//   - bottom: sorted, what comes next,
//   - rungs: buckets of equal width in time; the innermost rung covers the time up
//     to the next bucket of the one around it,
//   - top: everything later, as it came.
//
// When the bottom is used up the next bucket is sorted into it, or, when it is large,
// spread over a new innermost rung. When no rung is left the top is treated as such a
// bucket. Every part but the sorted ones keeps events of equal time in the
// order of their sequence numbers, so that sorting, which is stable, compares times
// only and costs nothing for ties.
type queue struct {
	n   int
	now Time // at which the queue stands; set by its owner

	fifo     []event
	fifoHead int

	bottom     []event
	bottomHead int
	bottomEnd  Time // what is earlier goes into the bottom

	rungs [maxRungs]rung
	depth int

	top      []event
	topStart Time // what is not earlier goes into the top

	chunks    []chunk
	freeChunk int32 // index+1 of a free chunk, 0 when there is none
	scratch   []event
}

// rung is a row of buckets. Bucket i covers the times from start+i<<shift on, the
// last one everything up to end.
type rung struct {
	start, end Time
	shift      uint
	next       int // bucket to be used next
	buckets    []bucket
}

// bucket is a list of chunks, in the order in which they were filled.
type bucket struct {
	head, tail int32 // index+1, 0 when empty
	n          int32
}

// chunk is five cache lines.
type chunk struct {
	ev   [13]event
	next int32
	n    int32
}

func (q *queue) len() int { return q.n }

// push adds an event. Its time must not be before now, its sequence number must be greater than all before.
func (q *queue) push(ev event) {
	q.n++
	if ev.at == q.now {
		q.fifo = append(q.fifo, ev)
		return
	}
	if ev.at < q.bottomEnd {
		q.insert(ev)
		return
	}
	for i := q.depth - 1; i >= 0; i-- {
		if r := &q.rungs[i]; ev.at < r.end {
			q.add(&r.buckets[r.index(ev.at)], ev)
			return
		}
	}
	q.top = append(q.top, ev)
}

// popUntil removes the first event if it isn't later than limit. Its owner sets now
// to the event's time, unless it drops the event.
func (q *queue) popUntil(limit Time) (event, bool) {
	if q.bottomHead == len(q.bottom) && !q.refill() {
		return q.popNow(limit)
	}
	ev := q.bottom[q.bottomHead]
	if ev.at != q.now && q.fifoHead < len(q.fifo) {
		return q.popNow(limit)
	}
	if ev.at > limit {
		return event{}, false
	}
	q.bottomHead++
	q.n--
	return ev, true
}

func (q *queue) popNow(limit Time) (event, bool) {
	if q.fifoHead == len(q.fifo) || q.now > limit {
		return event{}, false
	}
	ev := q.fifo[q.fifoHead]
	q.fifoHead++
	if q.fifoHead == len(q.fifo) {
		q.fifo, q.fifoHead = q.fifo[:0], 0
	} else if q.fifoHead >= 1024 && q.fifoHead > len(q.fifo)/2 {
		q.fifo = q.fifo[:copy(q.fifo, q.fifo[q.fifoHead:])]
		q.fifoHead = 0
	}
	q.n--
	return ev, true
}

// peek is the first event.
func (q *queue) peek() (event, bool) {
	if q.n == 0 {
		return event{}, false
	}
	if q.bottomHead == len(q.bottom) && !q.refill() {
		return q.fifo[q.fifoHead], true
	}
	ev := q.bottom[q.bottomHead]
	if ev.at != q.now && q.fifoHead < len(q.fifo) {
		return q.fifo[q.fifoHead], true
	}
	return ev, true
}

// insert puts an event into the sorted bottom. It has the greatest sequence number,
// so it goes behind all of its own time.
func (q *queue) insert(ev event) {
	if live := len(q.bottom) - q.bottomHead; live >= bottomMost && q.depth < maxRungs &&
		q.bottom[q.bottomHead].at != q.bottom[len(q.bottom)-1].at {
		q.spreadBottom()
		q.n--
		q.push(ev)
		return
	}
	if len(q.bottom) == cap(q.bottom) && q.bottomHead > 0 {
		q.bottom = q.bottom[:copy(q.bottom, q.bottom[q.bottomHead:])]
		q.bottomHead = 0
	}
	q.bottom = append(q.bottom, ev)
	b := q.bottom
	i := len(b) - 1
	for i > q.bottomHead && b[i-1].at > ev.at {
		b[i] = b[i-1]
		i--
	}
	b[i] = ev
}

// spreadBottom moves the bottom to a new innermost rung.
func (q *queue) spreadBottom() {
	live := q.bottom[q.bottomHead:]
	q.spread(live, live[0].at, live[len(live)-1].at, q.bottomEnd)
	q.bottomEnd = live[0].at
	q.bottom, q.bottomHead = q.bottom[:0], 0
}

// refill puts what comes next into the empty bottom. It reports false when there
// is nothing outside the fifo.
func (q *queue) refill() bool {
	q.bottom, q.bottomHead = q.bottom[:0], 0
	for {
		if q.depth == 0 {
			if len(q.top) == 0 {
				return false
			}
			if q.useTop() {
				return true
			}
			continue
		}
		r := &q.rungs[q.depth-1]
		for r.next < len(r.buckets) && r.buckets[r.next].n == 0 {
			r.next++
		}
		if r.next == len(r.buckets) {
			q.bottomEnd = r.end
			q.depth--
			continue
		}
		b := &r.buckets[r.next]
		r.next++
		end := r.bound(r.next)
		if q.use(b, end) {
			return true
		}
	}
}

// useTop makes the top, which isn't empty, the bottom or the outermost rung. It
// reports whether the bottom has something now.
func (q *queue) useTop() bool {
	first, last := span(q.top)
	end := Never
	if last < Never {
		end = last + 1
	}
	q.topStart = end
	if first != last && len(q.top) > sortMost {
		q.spread(q.top, first, last, end)
		q.top = q.top[:0]
		q.bottomEnd = first
		return false
	}
	q.bottom, q.top = q.top, q.bottom
	sortByTime(q.bottom)
	q.bottomEnd = end
	return true
}

// use makes a bucket, which isn't empty, the bottom or a new innermost rung. It
// reports whether the bottom has something now.
func (q *queue) use(b *bucket, end Time) bool {
	if b.n <= sortMost || q.depth == maxRungs {
		q.bottom = q.drain(b, q.bottom)
		if len(q.bottom) <= sortMost {
			sortByTime(q.bottom)
		} else {
			slices.SortFunc(q.bottom, compareEvents)
		}
		q.bottomEnd = end
		return true
	}
	q.scratch = q.drain(b, q.scratch[:0])
	first, last := span(q.scratch)
	if first == last {
		q.bottom, q.scratch = q.scratch, q.bottom
		q.bottomEnd = end
		return true
	}
	q.spread(q.scratch, first, last, end)
	q.bottomEnd = first
	return false
}

// span is the earliest and the latest time of some events.
func span(events []event) (first, last Time) {
	first, last = events[0].at, events[0].at
	for i := range events {
		first, last = min(first, events[i].at), max(last, events[i].at)
	}
	return first, last
}

// sortByTime is insertion sort, which is stable.
func sortByTime(b []event) {
	for i := 1; i < len(b); i++ {
		if b[i-1].at <= b[i].at {
			continue
		}
		ev := b[i]
		j := i
		for j > 0 && b[j-1].at > ev.at {
			b[j] = b[j-1]
			j--
		}
		b[j] = ev
	}
}

// spread makes a new innermost rung of events between first and last that covers
// the time up to end.
func (q *queue) spread(events []event, first, last, end Time) {
	want := min(max(len(events)/perBucket, 2), maxBuckets)
	width := uint64(last-first)/uint64(want) + 1
	r := &q.rungs[q.depth]
	q.depth++
	r.start, r.end, r.next = first, end, 0
	r.shift = uint(bits.Len64(width - 1))
	count := int(uint64(last-first)>>r.shift) + 1
	if cap(r.buckets) < count {
		r.buckets = make([]bucket, count, 2*count)
	}
	r.buckets = r.buckets[:count]
	clear(r.buckets)
	for i := range events {
		q.add(&r.buckets[r.index(events[i].at)], events[i])
	}
}

// index is the bucket for a time before end.
func (r *rung) index(at Time) int {
	if at < r.start {
		return 0
	}
	return min(int(uint64(at-r.start)>>r.shift), len(r.buckets)-1)
}

// bound is the first time that belongs to bucket i or a later one.
func (r *rung) bound(i int) Time {
	if i >= len(r.buckets) {
		return r.end
	}
	return r.start + Time(uint64(i)<<r.shift)
}

func (q *queue) add(b *bucket, ev event) {
	if b.tail != 0 {
		if c := &q.chunks[b.tail-1]; int(c.n) < len(c.ev) {
			c.ev[c.n] = ev
			c.n++
			b.n++
			return
		}
	}
	i := q.freeChunk
	if i != 0 {
		q.freeChunk = q.chunks[i-1].next
	} else {
		q.chunks = append(q.chunks, chunk{})
		i = int32(len(q.chunks))
	}
	c := &q.chunks[i-1]
	c.next, c.n = 0, 1
	c.ev[0] = ev
	if b.tail == 0 {
		b.head = i
	} else {
		q.chunks[b.tail-1].next = i
	}
	b.tail = i
	b.n++
}

// drain appends the bucket's events to a slice and gives its chunks back.
func (q *queue) drain(b *bucket, to []event) []event {
	for i := b.head; i != 0; {
		c := &q.chunks[i-1]
		to = append(to, c.ev[:c.n]...)
		next := c.next
		c.next = q.freeChunk
		q.freeChunk = i
		i = next
	}
	*b = bucket{}
	return to
}

// filter keeps the events for which keep reports true.
func (q *queue) filter(keep func(event) bool) {
	q.fifo = filterEvents(q.fifo[q.fifoHead:], keep)
	q.fifoHead = 0
	q.bottom = filterEvents(q.bottom[q.bottomHead:], keep)
	q.bottomHead = 0
	q.top = filterEvents(q.top, keep)
	q.n = len(q.fifo) + len(q.bottom) + len(q.top)
	for d := range q.depth {
		r := &q.rungs[d]
		for i := r.next; i < len(r.buckets); i++ {
			b := &r.buckets[i]
			if b.n == 0 {
				continue
			}
			q.scratch = filterEvents(q.drain(b, q.scratch[:0]), keep)
			for _, ev := range q.scratch {
				q.add(b, ev)
			}
			q.n += len(q.scratch)
		}
	}
}

func filterEvents(events []event, keep func(event) bool) []event {
	kept := events[:0]
	for _, ev := range events {
		if keep(ev) {
			kept = append(kept, ev)
		}
	}
	return kept
}
