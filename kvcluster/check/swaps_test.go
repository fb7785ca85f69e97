package check_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/check"
)

func swap(expect, value string, start, end int64) check.Op {
	return check.Op{Key: "k", Kind: check.Swap, Expect: expect, Value: value, Start: start, End: end}
}

func TestHistoriesOfSwapsAreJudgedAsOneWouldByHand(t *testing.T) {
	for name, c := range map[string]struct {
		ops  []check.Op
		want check.Verdict
	}{
		"one after the other":           {[]check.Op{swap("", "a", 0, 1), swap("a", "b", 2, 3), read("b", 4, 5)}, check.Pass},
		"both replaced the same":        {[]check.Op{swap("", "a", 0, 9), swap("", "b", 0, 9)}, check.Fail},
		"a stale read":                  {[]check.Op{swap("", "a", 0, 1), swap("a", "b", 2, 3), read("a", 4, 5)}, check.Fail},
		"the order of values seen back": {[]check.Op{swap("", "a", 0, 9), swap("a", "b", 0, 9), read("b", 2, 3), read("a", 4, 5)}, check.Fail},
		"a failure that was right":      {[]check.Op{swap("", "a", 0, 1), refused(swap("", "b", 2, 3))}, check.Pass},
		"a failure that was wrong":      {[]check.Op{refused(swap("", "b", 0, 1)), swap("", "a", 2, 3)}, check.Fail},
		"a failure that was seen":       {[]check.Op{refused(swap("", "b", 0, 1)), read("b", 2, 3)}, check.Fail},
		"an unknown one that was done":  {[]check.Op{unknown(swap("", "a", 0, 1)), swap("a", "b", 5, 6)}, check.Pass},
		"an unknown one that wasn't":    {[]check.Op{unknown(swap("", "a", 0, 1)), swap("", "b", 5, 6)}, check.Pass},
		"a circle":                      {[]check.Op{swap("a", "b", 0, 9), swap("b", "a", 0, 9)}, check.Fail},
		"out of nowhere":                {[]check.Op{swap("z", "b", 0, 9)}, check.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			r := check.Swaps(c.ops, check.Floor{})
			assert.Equal(t, c.want, r.Verdict, "%v", r.Violations)
			if c.want == check.Fail {
				assert.NotEmpty(t, r.Violations[0].Draw())
			}
		})
	}
}

// TestPorcupineAgreesOnSwaps compares with a general checker on small histories: whatever is
// called wrong is wrong, and hardly anything wrong gets by (failures beside swaps of
// unknown outcome may).
func TestPorcupineAgreesOnSwaps(t *testing.T) {
	var pass, fail, missed int
	for seed := range uint64(3000) {
		ops := randomSwaps(rand.New(rand.NewPCG(seed, 2)))
		got, want := check.Swaps(ops, check.Floor{}).Verdict == check.Pass, generalSwaps(ops)
		require.False(t, want && !got, "seed %d: %v", seed, ops)
		switch {
		case want:
			pass++
		case got:
			missed++
		default:
			fail++
		}
	}
	assert.Greater(t, pass, 100)
	assert.Greater(t, fail, 100)
	assert.Less(t, missed, fail/20)
}

func randomSwaps(r *rand.Rand) []check.Op {
	n := 1 + r.IntN(6)
	values := []string{check.Missing}
	var ops []check.Op
	for i := range n {
		start := r.Int64N(15) * 2 * int64(n)
		// All moments differ, so that ties don't matter.
		o := check.Op{Client: i, Key: "k", Start: start + int64(2*i), End: start + int64(2*i) + 1 + r.Int64N(9)*2*int64(n)}
		if r.IntN(3) > 0 {
			o.Kind, o.Value, o.Expect = check.Swap, fmt.Sprint("v", i), values[r.IntN(len(values))]
			o.Outcome = []check.Outcome{check.Done, check.Done, check.Refused, check.Unknown}[r.IntN(4)]
			values = append(values, o.Value)
		}
		ops = append(ops, o)
	}
	for i := range ops {
		if ops[i].Kind == check.Read {
			ops[i].Value = values[r.IntN(len(values))]
		}
	}
	return ops
}

func generalSwaps(ops []check.Op) bool {
	model := porcupine.Model{
		Init: func() any { return check.Missing },
		Step: func(state, in, out any) (bool, any) {
			o := in.(check.Op)
			holds := state == o.Expect
			switch {
			case o.Kind == check.Read:
				return state == o.Value, state
			case o.Outcome == check.Done:
				return holds, o.Value
			case o.Outcome == check.Refused:
				return !holds, state
			case holds:
				return true, o.Value
			}
			return true, state
		},
	}
	var history []porcupine.Operation
	for i, o := range ops {
		end := o.End
		if o.Outcome == check.Unknown {
			end = math.MaxInt64 / 2
		}
		history = append(history, porcupine.Operation{ClientId: i, Input: o, Call: o.Start, Return: end})
	}
	return porcupine.CheckOperations(model, history)
}
