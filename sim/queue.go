package sim

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

func (a event) before(b event) bool {
	return a.at < b.at || (a.at == b.at && a.seq < b.seq)
}

// queue is a priority queue in exact order of (time, sequence number).
type queue struct{ heap []event }

func (q *queue) len() int { return len(q.heap) }

func (q *queue) peek() (event, bool) {
	if len(q.heap) == 0 {
		return event{}, false
	}
	return q.heap[0], true
}

func (q *queue) popUntil(limit Time) (event, bool) {
	if len(q.heap) == 0 || q.heap[0].at > limit {
		return event{}, false
	}
	return q.pop(), true
}

func (q *queue) push(ev event) {
	q.heap = append(q.heap, ev)
	q.up(len(q.heap) - 1)
}

func (q *queue) pop() event {
	top := q.heap[0]
	last := len(q.heap) - 1
	q.heap[0] = q.heap[last]
	q.heap = q.heap[:last]
	q.down(0)
	return top
}

func (q *queue) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(q.heap[parent]) {
			return
		}
		q.heap[i], q.heap[parent] = q.heap[parent], q.heap[i]
		i = parent
	}
}

func (q *queue) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			return
		}
		if child+1 < len(q.heap) && q.heap[child+1].before(q.heap[child]) {
			child++
		}
		if !q.heap[child].before(q.heap[i]) {
			return
		}
		q.heap[i], q.heap[child] = q.heap[child], q.heap[i]
		i = child
	}
}

// filter keeps the events for which keep reports true.
func (q *queue) filter(keep func(event) bool) {
	kept := q.heap[:0]
	for _, ev := range q.heap {
		if keep(ev) {
			kept = append(kept, ev)
		}
	}
	q.heap = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		q.down(i)
	}
}
