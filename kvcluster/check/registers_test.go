package check_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/check"
)

func write(v string, start, end int64) check.Op {
	return check.Op{Key: "k", Value: v, Kind: check.Write, Start: start, End: end}
}

func read(v string, start, end int64) check.Op {
	return check.Op{Key: "k", Value: v, Start: start, End: end}
}

func unknown(o check.Op) check.Op { o.Outcome = check.Unknown; return o }
func refused(o check.Op) check.Op { o.Outcome = check.Refused; return o }

func TestHistoriesAreJudgedAsOneWouldByHand(t *testing.T) {
	for name, c := range map[string]struct {
		ops  []check.Op
		want check.Verdict
	}{
		"one after the other":             {[]check.Op{write("a", 0, 1), read("a", 2, 3), write("b", 4, 5), read("b", 6, 7)}, check.Pass},
		"a stale read":                    {[]check.Op{write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)}, check.Fail},
		"a read that overlaps the write":  {[]check.Op{write("a", 0, 1), write("b", 2, 5), read("a", 3, 4)}, check.Pass},
		"back to the old value":           {[]check.Op{write("a", 0, 1), write("b", 2, 9), read("b", 3, 4), read("a", 5, 6)}, check.Fail},
		"missing before the first write":  {[]check.Op{read(check.Missing, 0, 1), write("a", 2, 3)}, check.Pass},
		"missing after a write":           {[]check.Op{write("a", 0, 1), read(check.Missing, 2, 3)}, check.Fail},
		"missing while it is written":     {[]check.Op{write("a", 0, 5), read(check.Missing, 2, 3)}, check.Pass},
		"a value out of nowhere":          {[]check.Op{read("a", 0, 1)}, check.Fail},
		"a value from the future":         {[]check.Op{read("a", 0, 1), write("a", 2, 3)}, check.Fail},
		"an unknown write seen late":      {[]check.Op{unknown(write("a", 0, 1)), read(check.Missing, 2, 3), read("a", 4, 5)}, check.Pass},
		"an unknown write never seen":     {[]check.Op{write("b", 0, 1), unknown(write("a", 2, 3)), read("b", 4, 5)}, check.Pass},
		"an unknown write seen and gone":  {[]check.Op{write("b", 0, 1), unknown(write("a", 2, 3)), read("a", 4, 5), read("b", 6, 7)}, check.Fail},
		"a refused write that was seen":   {[]check.Op{refused(write("a", 0, 1)), read("a", 2, 3)}, check.Fail},
		"a refused write that wasn't":     {[]check.Op{refused(write("a", 0, 1)), read(check.Missing, 2, 3)}, check.Pass},
		"a lost write between two":        {[]check.Op{write("a", 0, 1), write("x", 2, 3), read("a", 4, 5)}, check.Fail},
		"the same value written twice":    {[]check.Op{write("a", 0, 1), write("a", 2, 3)}, check.Fail},
		"two keys that don't concern one": {[]check.Op{write("a", 0, 1), {Key: "other", Start: 2, End: 3}}, check.Pass},
	} {
		t.Run(name, func(t *testing.T) {
			r := check.Registers(c.ops, check.Floor{})
			assert.Equal(t, c.want, r.Verdict, "%v", r.Violations)
			if c.want == check.Fail {
				require.Len(t, r.Violations, 1)
				assert.NotEmpty(t, r.Violations[0].Ops)
				assert.Contains(t, r.Violations[0].String(), "client 0")
			}
		})
	}
}

func TestAVerdictNeedsEnoughToRestOn(t *testing.T) {
	ops := []check.Op{write("a", 0, 5), read("a", 3, 6), read("a", 7, 8)}
	r := check.Registers(ops, check.Floor{Ops: 3, Overlaps: 1})
	assert.Equal(t, check.Pass, r.Verdict)
	assert.Equal(t, 1, r.Overlaps)
	r = check.Registers(ops, check.Floor{Ops: 3, Overlaps: 2})
	assert.Equal(t, check.Undecided, r.Verdict)
	assert.Contains(t, r.Why, "1 overlaps")
	r = check.Registers(append(ops, read("z", 9, 10)), check.Floor{Ops: 100})
	assert.Equal(t, check.Fail, r.Verdict, "what is wrong is wrong however little was seen")
}

func TestAPassNeedsFailoversWhereTheyAreAskedFor(t *testing.T) {
	ops := []check.Op{write("a", 10, 50), read("a", 30, 60)}
	r := check.Registers(ops, check.Floor{})
	assert.Equal(t, check.Pass, r.Covering(ops, []int64{5, 20, 61}, 1).Verdict)
	r = r.Covering(ops, []int64{5, 61}, 1)
	assert.Equal(t, check.Undecided, r.Verdict)
	assert.Contains(t, r.Why, "0 failovers")
}

func TestAViolationIsDrawnOnAnAxisOfTime(t *testing.T) {
	r := check.Registers([]check.Op{write("a", 0, 10e6), write("b", 20e6, 30e6), read("b", 35e6, 45e6), read("a", 50e6, 60e6)}, check.Floor{})
	require.Len(t, r.Violations, 1)
	v := r.Violations[0]
	v.Ops = append(v.Ops, unknown(write("<c>", 40e6, 41e6)))
	assert.Equal(t, `k: each of two values must have been there while the other was
  client 0 write "a"   ├────────┤
  client 0 read "a"                                                     ├─────────┤
  client 0 write "b"                      ├─────────┤
  client 0 read "b"                                      ├─────────┤
  client 0 write "<c>"                                        ├───────────────────→
                       0.000000s                                           0.060000s
`, v.Draw())
	svg := v.SVG()
	assert.Contains(t, svg, "&lt;c&gt;")
	assert.Equal(t, strings.Count(svg, "<rect"), len(v.Ops)+1)
}

// TestPorcupineAgrees compares with a general checker on small histories.
func TestPorcupineAgrees(t *testing.T) {
	var pass, fail int
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 1 + r.IntN(7)
		values := []string{check.Missing}
		var ops []check.Op
		for i := range n {
			start := r.Int64N(21) * 2 * int64(n)
			// All moments differ, so that ties don't matter.
			o := check.Op{Client: i, Key: "k", Start: start + int64(2*i), End: start + int64(2*i) + 1 + r.Int64N(9)*2*int64(n)}
			if r.IntN(2) == 0 {
				o.Kind, o.Value = check.Write, fmt.Sprint("v", i)
				o.Outcome = check.Outcome(r.IntN(2))
				values = append(values, o.Value)
			}
			ops = append(ops, o)
		}
		for i := range ops {
			if ops[i].Kind == check.Read {
				ops[i].Value = values[r.IntN(len(values))]
			}
		}
		got := check.Registers(ops, check.Floor{}).Verdict == check.Pass
		require.Equal(t, general(ops), got, "seed %d", seed)
		if got {
			pass++
		} else {
			fail++
		}
	}
	assert.Greater(t, pass, 100)
	assert.Greater(t, fail, 100)
}

func general(ops []check.Op) bool {
	model := porcupine.Model{
		Init: func() any { return check.Missing },
		Step: func(state, in, out any) (bool, any) {
			o := in.(check.Op)
			if o.Kind == check.Write {
				return true, o.Value
			}
			return state == o.Value, state
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

// million is a linearizable history of a million operations on a thousand keys.
func million() []check.Op {
	ops := make([]check.Op, 0, 1_000_000)
	for i := range cap(ops) / 2 {
		at := int64(i) * 100
		key, v := fmt.Sprint("key", i%1000), fmt.Sprint("value", i)
		ops = append(ops,
			check.Op{Key: key, Value: v, Kind: check.Write, Start: at, End: at + 120_000},
			check.Op{Key: key, Value: v, Start: at + 50_000, End: at + 130_000})
	}
	return ops
}

func TestAMillionOperationsPassAndOneStaleReadAmongThemDoesNot(t *testing.T) {
	ops := million()
	began := time.Now()
	assert.Equal(t, check.Pass, check.Registers(ops, check.Floor{Ops: 1_000_000, Overlaps: 100_000}).Verdict)
	t.Logf("%v", time.Since(began))
	ops[900_001].Value = ops[300_001].Value
	ops[900_001].Key = ops[300_001].Key
	assert.Equal(t, check.Fail, check.Registers(ops, check.Floor{}).Verdict)
}

func BenchmarkMillion(b *testing.B) {
	ops := million()
	for b.Loop() {
		check.Registers(ops, check.Floor{})
	}
}
