package sim

import "math/bits"

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
