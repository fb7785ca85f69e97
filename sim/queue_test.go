package sim

import (
	"slices"
	"testing"

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
			"pop few":   func(t *rapid.T) { pop(rapid.IntRange(1, 5).Draw(t, "n")) },
			"pop many":  func(t *rapid.T) { pop(rapid.IntRange(50, 150).Draw(t, "n")) },
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
