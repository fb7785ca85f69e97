package sim

import (
	"container/heap"
	"github.com/stretchr/testify/assert"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// reference is a queue that is obviously right.
type reference struct{ events []event }

func (r *reference) push(ev event) { r.events = append(r.events, ev) }

func (r *reference) pop() event {
	first := slices.MinFunc(r.events, compareEvents)
	r.events = slices.DeleteFunc(r.events, func(ev event) bool { return ev == first })
	return first
}

// delays draws how far in the future events are: heavy ties, coarse and fine
// steps, and jumps to the end of time.
func delays() *rapid.Generator[Time] {
	return rapid.OneOf(
		rapid.Just(Time(0)),
		rapid.Map(rapid.Int64Range(0, 3), func(i int64) Time { return Time(i) * 1000 }),
		rapid.Map(rapid.Int64Range(0, 1000), func(i int64) Time { return Time(i) }),
		rapid.Map(rapid.Int64Range(0, 1e15), func(i int64) Time { return Time(i) }),
		rapid.Just(Never),
	)
}

func TestTheQueuePopsInExactOrderOfTimeAndSequence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var ref reference
		var now Time
		var seq uint64
		push := func(n int) {
			d := delays()
			for range n {
				seq++
				at := now + d.Draw(t, "delay")
				if at < now {
					at = Never
				}
				ev := event{at: at, seq: seq, arg: uint32(seq)}
				q.push(ev)
				ref.push(ev)
			}
		}
		pop := func(n int) {
			for range min(n, len(ref.events)) {
				want := ref.pop()
				peeked, ok := q.peek()
				require.True(t, ok)
				require.Equal(t, want, peeked)
				if want.at > 0 {
					_, early := q.popUntil(want.at - 1)
					require.False(t, early, "an event after the limit came out")
				}
				got, ok := q.popUntil(want.at)
				require.True(t, ok)
				require.Equal(t, want, got)
				if rapid.IntRange(0, 9).Draw(t, "drop") > 0 {
					now, q.now = got.at, got.at
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"push few":  func(t *rapid.T) { push(rapid.IntRange(1, 5).Draw(t, "n")) },
			"push many": func(t *rapid.T) { push(rapid.IntRange(50, 200).Draw(t, "n")) },
			"push ever earlier": func(t *rapid.T) {
				at := now + Time(rapid.Int64Range(1000, 1e9).Draw(t, "from"))
				if at < now {
					at = Never
				}
				step := Time(rapid.Int64Range(0, 1000).Draw(t, "step"))
				for range rapid.IntRange(1, 400).Draw(t, "n") {
					seq++
					ev := event{at: max(at, now), seq: seq, arg: uint32(seq)}
					at = max(at-step, 0)
					q.push(ev)
					ref.push(ev)
				}
			},
			"pop few":  func(t *rapid.T) { pop(rapid.IntRange(1, 5).Draw(t, "n")) },
			"pop many": func(t *rapid.T) { pop(rapid.IntRange(50, 150).Draw(t, "n")) },
			"filter": func(t *rapid.T) {
				m := rapid.Uint64Range(2, 5).Draw(t, "every")
				keep := func(ev event) bool { return ev.seq%m != 0 }
				q.filter(keep)
				ref.events = filterEvents(ref.events, keep)
			},
			"": func(t *rapid.T) { require.Equal(t, len(ref.events), q.len()) },
		})
		pop(len(ref.events))
		_, ok := q.popUntil(Never)
		require.False(t, ok)
	})
}

// TestTheLadderStaysLowAndExactWhateverThePattern holds the queue's size with delays
// that are hard on ladders, compares it with a plain heap and looks at its form
// instead of at a stopwatch.
func TestTheLadderStaysLowAndExactWhateverThePattern(t *testing.T) {
	for name, delay := range hardDelays(rand.New(rand.NewPCG(1, 2))) {
		t.Run(name, func(t *testing.T) {
			var q queue
			var plain pointerHeap
			seq, deepest := uint64(0), 0
			push := func(at Time) {
				seq++
				ev := event{at: at, seq: seq}
				q.push(ev)
				heap.Push(&plain, &ev)
			}
			for range 20_000 {
				push(delay())
			}
			for range 60_000 {
				ev, ok := q.popUntil(Never)
				if want := *heap.Pop(&plain).(*event); !ok || ev != want {
					t.Fatalf("%v came instead of %v", ev, want)
				}
				q.now = ev.at
				push(q.now.Add(time.Duration(delay())))
				deepest = max(deepest, q.depth)
			}
			assert.LessOrEqual(t, deepest, 12)
			assert.Less(t, len(q.chunks), 20_000)
		})
	}
}

func hardDelays(r *rand.Rand) map[string]func() Time {
	return map[string]func() Time{
		"ties":     func() Time { return Time(1+r.IntN(5)) * 1e6 },
		"one tie":  func() Time { return 1e6 },
		"half now": func() Time { return Time(r.IntN(2)) * Time(r.Int64N(1e6)) },
		"bimodal": func() Time {
			if r.IntN(10) == 0 {
				return Time(r.Int64N(1e15))
			}
			return Time(r.Int64N(1e6))
		},
		"some for ever": func() Time {
			if r.IntN(1000) == 0 {
				return 1 << 61
			}
			return Time(r.Int64N(1e6))
		},
		"two humps": func() Time { return Time(r.IntN(2))*1e9 + Time(r.Int64N(1e3)) },
		"heavy tail": func() Time {
			u := r.Float64() + 1e-9
			return Time(1e3 / float64(u*u))
		},
	}
}

func TestPushingEverEarlierStaysCheap(t *testing.T) {
	var q queue
	const n = 200_000
	q.push(event{at: n + 1, seq: 1})
	_, ok := q.peek()
	require.True(t, ok)
	for i := range n {
		q.push(event{at: Time(n - i), seq: uint64(i + 2)})
	}
	assert.LessOrEqual(t, q.depth, 2)
	for i := range n {
		ev, ok := q.popUntil(Never)
		if !ok || ev.at != Time(i+1) {
			t.Fatalf("%v came instead of %v", ev.at, Time(i+1))
		}
		q.now = ev.at
	}
}
