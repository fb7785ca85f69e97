package sim

import "slices"

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
	farMost    = 128     // an insertion that moves more events than this spreads the bottom over a rung
	headRoom   = 16      // in front of a new bottom, for insertions there
	perBucket  = 12      // events per bucket to aim at
	maxBuckets = 1 << 12 // of one rung
	maxRungs   = 64      // each is at most half as wide as the one around it, or covers the time before it
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
	b := q.bottom
	i := len(b)
	if i-q.bottomHead > sortMost {
		i = q.search(ev.at)
	} else {
		for i > q.bottomHead && b[i-1].at > ev.at {
			i--
		}
	}
	before, behind := i-q.bottomHead, len(b)-i
	if min(before, behind) > farMost && q.depth < maxRungs {
		q.spreadBottom()
		q.n--
		q.push(ev)
		return
	}
	if before < behind {
		if q.bottomHead == 0 {
			q.makeRoom()
			i += q.bottomHead
		}
		q.bottomHead--
		copy(q.bottom[q.bottomHead:i-1], q.bottom[q.bottomHead+1:i])
		q.bottom[i-1] = ev
		return
	}
	if len(b) == cap(b) && q.bottomHead > len(b)/2 {
		b = b[:copy(b, b[q.bottomHead:])]
		i -= q.bottomHead
		q.bottomHead = 0
	}
	b = append(b, ev)
	copy(b[i+1:], b[i:])
	b[i] = ev
	q.bottom = b
}

// search is the place in the bottom behind all events up to the time at.
func (q *queue) search(at Time) int {
	low, high := q.bottomHead, len(q.bottom)
	for low < high {
		if mid := int(uint(low+high) / 2); q.bottom[mid].at > at {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// makeRoom moves the bottom so that something can be put in front of it.
func (q *queue) makeRoom() {
	n := len(q.bottom)
	room := headRoom + n/4
	q.bottom = slices.Grow(q.bottom, room)[:n+room]
	copy(q.bottom[room:], q.bottom[:n])
	q.bottomHead = room
}

// spreadBottom moves the bottom to a new innermost rung that covers all the time
// from now on, so that what will be pushed before the bottom finds its bucket too.
func (q *queue) spreadBottom() {
	q.dropSpent()
	live := q.bottom[q.bottomHead:]
	q.spread(live, q.now, live[len(live)-1].at, q.bottomEnd)
	q.bottomEnd = q.now
	q.bottom, q.bottomHead = q.bottom[:0], 0
}

// dropSpent removes innermost rungs of which no bucket is left.
func (q *queue) dropSpent() {
	for q.depth > 0 && q.rungs[q.depth-1].next == len(q.rungs[q.depth-1].buckets) {
		q.depth--
	}
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
			q.dropSpent()
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
	if first != last {
		sortByTime(q.bottom)
	}
	q.bottomEnd = end
	return true
}

// use makes a bucket, which isn't empty, the bottom or a new innermost rung. It
// reports whether the bottom has something now.
func (q *queue) use(b *bucket, end Time) bool {
	if b.n <= sortMost || q.depth == maxRungs {
		q.bottom = slices.Grow(q.bottom, headRoom)[:headRoom]
		q.bottomHead = headRoom
		q.bottom = q.drain(b, q.bottom)
		if few := q.bottom[headRoom:]; len(few) <= sortMost {
			sortByTime(few)
		} else {
			slices.SortFunc(few, compareEvents) //determinism:allow sort-ties sequence numbers are unique
		}
		q.bottomEnd = end
		return true
	}
	q.scratch = q.drain(b, q.scratch[:0])
	q.dropSpent()
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

// filter keeps the events for which keep reports true.
func (q *queue) filter(keep func(event) bool) {
	q.fifo = q.fifo[:copy(q.fifo, filterEvents(q.fifo[q.fifoHead:], keep))]
	q.bottom = q.bottom[:copy(q.bottom, filterEvents(q.bottom[q.bottomHead:], keep))]
	q.fifoHead, q.bottomHead = 0, 0
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
