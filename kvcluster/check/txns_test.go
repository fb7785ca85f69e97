package check_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/check"
)

func add(k string, v int) check.Access            { return check.Access{Key: k, Append: true, Value: v} }
func see(k string, list ...int) check.Access      { return check.Access{Key: k, List: list} }
func txn(s, e int64, a ...check.Access) check.Txn { return check.Txn{Start: s, End: e, Accesses: a} }
func maybe(t check.Txn) check.Txn                 { t.Outcome = check.Unknown; return t }
func aborted(t check.Txn) check.Txn               { t.Outcome = check.Refused; return t }

func TestAnomaliesOfTransactionsHaveTheirNames(t *testing.T) {
	for name, c := range map[string]struct {
		txns []check.Txn
		want string // "" for none
	}{
		"one after the other":          {[]check.Txn{txn(0, 1, add("x", 1)), txn(2, 3, see("x", 1), add("x", 2)), txn(4, 5, see("x", 1, 2))}, ""},
		"two at once in either order":  {[]check.Txn{txn(0, 9, add("x", 1)), txn(0, 9, add("x", 2)), txn(10, 11, see("x", 2, 1))}, ""},
		"write cycle":                  {[]check.Txn{txn(0, 9, add("x", 1), add("y", 1)), txn(0, 9, add("x", 2), add("y", 2)), txn(10, 11, see("x", 1, 2), see("y", 2, 1))}, "G0"},
		"each read from the other":     {[]check.Txn{txn(0, 9, add("x", 1), see("y", 1)), txn(0, 9, add("y", 1), see("x", 1))}, "G1c"},
		"lost update":                  {[]check.Txn{txn(0, 1, add("x", 1)), txn(2, 9, see("x", 1), add("x", 2)), txn(2, 9, see("x", 1), add("x", 3)), txn(10, 11, see("x", 1, 2, 3))}, "G-single"},
		"write skew":                   {[]check.Txn{txn(0, 9, see("x"), add("y", 1)), txn(0, 9, see("y"), add("x", 1)), txn(10, 11, see("x", 1), see("y", 1))}, "G2"},
		"half a transaction":           {[]check.Txn{txn(0, 9, add("x", 1), add("y", 1)), txn(0, 9, see("x", 1), see("y"))}, "G-single"},
		"a stale read":                 {[]check.Txn{txn(0, 1, add("x", 1)), txn(2, 3, see("x")), txn(4, 5, see("x", 1))}, "G-single-realtime"},
		"an acknowledged append lost":  {[]check.Txn{txn(0, 1, add("x", 1)), txn(2, 3, see("x"))}, "G-single-realtime"},
		"an append in the wrong order": {[]check.Txn{txn(0, 1, add("x", 1)), txn(2, 3, add("x", 2)), txn(4, 5, see("x", 2, 1))}, "G0-realtime"},
		"an unknown append not there":  {[]check.Txn{maybe(txn(0, 1, add("x", 1))), txn(2, 3, see("x"))}, ""},
		"an unknown append late":       {[]check.Txn{maybe(txn(0, 1, add("x", 1))), txn(2, 3, see("x")), txn(4, 5, see("x", 1))}, ""},
		"half of an unknown one":       {[]check.Txn{maybe(txn(0, 1, add("x", 1), add("y", 1))), txn(2, 3, see("x", 1), see("y")), txn(4, 5, see("y"))}, "G-single"},
		"what was aborted":             {[]check.Txn{aborted(txn(0, 1, add("x", 1))), txn(2, 3, see("x", 1))}, "G1a"},
		"what was intermediate":        {[]check.Txn{txn(0, 1, add("x", 1), add("x", 2)), txn(0, 3, see("x", 1))}, "G1b"},
		"out of nowhere":               {[]check.Txn{txn(2, 3, see("x", 1))}, "garbage"},
		"twice in a list":              {[]check.Txn{txn(0, 1, add("x", 1)), txn(2, 3, see("x", 1, 1))}, "duplicate"},
		"two orders":                   {[]check.Txn{txn(0, 1, add("x", 1)), txn(0, 1, add("x", 2)), txn(2, 3, see("x", 1, 2)), txn(2, 3, see("x", 2, 1))}, "incompatible-order"},
		"not its own append":           {[]check.Txn{txn(0, 1, add("x", 1), see("x"))}, "internal"},
		"a value appended twice":       {[]check.Txn{txn(0, 1, add("x", 1)), txn(2, 3, add("x", 1))}, "bad-history"},
	} {
		t.Run(name, func(t *testing.T) {
			r := check.Transactions(c.txns, nil, check.TxnFloor{})
			if c.want == "" {
				require.Empty(t, r.Anomalies, "%v", r.Anomalies)
				assert.Equal(t, check.Pass, r.Verdict)
				return
			}
			require.NotEmpty(t, r.Anomalies)
			assert.Equal(t, c.want, r.Anomalies[0].Name)
			assert.Equal(t, check.Fail, r.Verdict)
			assert.NotEmpty(t, r.Anomalies[0].Txns)
		})
	}
}

func TestACycleIsDrawnAsTextAndAsAPicture(t *testing.T) {
	r := check.Transactions([]check.Txn{txn(0, 9e6, see("x"), add("y", 1)), txn(0, 9e6, see("y"), add("x", 1)), txn(10e6, 11e6, see("x", 1), see("y", 1))}, nil, check.TxnFloor{})
	require.Len(t, r.Anomalies, 1)
	assert.Equal(t, `G2: each of these must come before the next, and the last before the first
┌─▶ T1 client 0 [read x [] append y 1] [0.000000s, 0.009000s]
│     ↓ rw read x without 1
│   T2 client 0 [read y [] append x 1] [0.000000s, 0.009000s]
└──   ↓ rw read y without 1
`, r.Anomalies[0].String())
	svg := r.Anomalies[0].SVG()
	assert.Contains(t, svg, "read x without 1")
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err, "not well-formed")
		}
	}
}

// serial is a history that was made one transaction after the other, told as if they had
// overlapped.
func serial(seed uint64, n int) []check.Txn {
	r := rand.New(rand.NewPCG(seed, 7))
	lists := map[string][]int{}
	var txns []check.Txn
	for i := range n {
		at := int64(i) * 10
		t := check.Txn{Client: i % 5, Start: at - r.Int64N(20), End: at + 1 + r.Int64N(20)}
		for range 1 + r.IntN(4) {
			k := string(rune('a' + r.IntN(6)))
			if r.IntN(2) == 0 {
				v := len(lists[k]) + 1
				lists[k] = append(slices.Clip(lists[k]), v)
				t.Accesses = append(t.Accesses, add(k, v))
			} else {
				t.Accesses = append(t.Accesses, see(k, lists[k]...))
			}
		}
		txns = append(txns, t)
	}
	return txns
}

func TestWhatWasSerialPassesAndOneStaleReadInItDoesNot(t *testing.T) {
	caught := 0
	for seed := range uint64(50) {
		txns := serial(seed, 400)
		r := check.Transactions(txns, []int64{100, 2000, 1 << 40}, check.TxnFloor{Txns: 400, Overlaps: 100, Failovers: 2})
		require.Equal(t, check.Pass, r.Verdict, "seed %d: %v %v", seed, r.Why, r.Anomalies)
		assert.Equal(t, 2, r.Failovers)
		for i := 300; i < len(txns); i++ {
			a := txns[i].Accesses
			if at := slices.IndexFunc(a, func(a check.Access) bool { return !a.Append && len(a.List) > 10 }); at >= 0 && len(a) == 1 {
				a[at].List = a[at].List[:len(a[at].List)-8]
				break
			}
		}
		if check.Transactions(txns, nil, check.TxnFloor{}).Verdict == check.Fail {
			caught++
		}
	}
	assert.GreaterOrEqual(t, caught, 49)
}

func TestTooFewTransactionsDecideNothing(t *testing.T) {
	r := check.Transactions(serial(1, 10), nil, check.TxnFloor{Txns: 10, Failovers: 1})
	assert.Equal(t, check.Undecided, r.Verdict)
	assert.Contains(t, r.Why, "0 failovers")
}

func TestMoneyThatIsLostIsMissed(t *testing.T) {
	good := check.Audit{Start: 5, End: 9, Sum: 300, Accounts: 3}
	floor := check.BankFloor{Audits: 2, Transfers: 5, Failovers: 1}
	assert.Equal(t, check.Pass, check.Bank([]check.Audit{good, good}, 3, 300, 5, []int64{7}, floor).Verdict)
	assert.Equal(t, check.Undecided, check.Bank([]check.Audit{good, good}, 3, 300, 4, []int64{7}, floor).Verdict)
	assert.Equal(t, check.Undecided, check.Bank([]check.Audit{good, good}, 3, 300, 5, []int64{70}, floor).Verdict)
	for name, f := range map[string]func(*check.Audit){
		"a sum":        func(a *check.Audit) { a.Sum-- },
		"an account":   func(a *check.Audit) { a.Accounts-- },
		"an overdraft": func(a *check.Audit) { a.Negative = "account2" },
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			f(&bad)
			r := check.Bank([]check.Audit{good, bad}, 3, 300, 5, nil, floor)
			assert.Equal(t, check.Fail, r.Verdict)
			assert.Equal(t, []check.Audit{bad}, r.Wrong)
			assert.Contains(t, r.Why, "1 of 2 audits")
		})
	}
}

func BenchmarkTransactions(b *testing.B) {
	txns := serial(1, 10_000)
	for b.Loop() {
		check.Transactions(txns, nil, check.TxnFloor{})
	}
}
