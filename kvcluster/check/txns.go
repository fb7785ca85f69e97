package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Access is what a transaction did with one list.
type Access struct {
	Key string
	// Append says that Value was added to the end; otherwise the list was read and was
	// List.
	Append bool
	Value  int
	List   []int
}

func (a Access) String() string {
	if a.Append {
		return fmt.Sprintf("append %s %d", a.Key, a.Value)
	}
	return fmt.Sprintf("read %s %v", a.Key, a.List)
}

// Txn is a transaction as its client saw it: its reads and appends in their order. No
// value is appended twice to a key.
type Txn struct {
	Client     int
	Start, End int64 // nanoseconds
	Outcome    Outcome
	Accesses   []Access
}

func (t *Txn) String() string {
	outcome := [...]string{"", " (outcome unknown)", " (refused)"}[t.Outcome]
	return fmt.Sprintf("client %d %v [%.6fs, %.6fs]%s", t.Client, t.Accesses, float64(t.Start)/1e9, float64(t.End)/1e9, outcome)
}

// place is an append: of which transaction, and whether it is its last one to that key.
type place struct {
	txn  int
	last bool
}

// lists collects what is known of keys.
type lists struct {
	txns   []Txn
	byKey  map[string]*listKey
	keys   []string
	report *TxnReport
}

type listKey struct {
	order   []int         // the longest list that was read
	from    int           // by which transaction
	appends map[int]place // by value
	reads   []listRead
}

type listRead struct {
	txn  int
	list []int
}

// TxnReport is what a check of transactions found and on what it rests.
type TxnReport struct {
	Verdict  Verdict
	Why      string // if undecided
	Txns     int    // that took part
	Reads    int
	Appends  int
	Keys     int
	Overlaps int // transactions that began while another one was under way
	// Failovers happened while they ran; see Between.
	Failovers int
	Anomalies []Anomaly
}

// TxnFloor is how much must be seen for a verdict of Pass.
type TxnFloor struct{ Txns, Overlaps, Failovers int }

// Transactions checks a history of transactions on lists for strict serializability.
// Failovers are the moments at which they happened, for the report.
func Transactions(txns []Txn, failovers []int64, floor TxnFloor) TxnReport {
	r := TxnReport{}
	l := &lists{txns: txns, byKey: make(map[string]*listKey), report: &r}
	l.collect()
	l.reads()
	if len(r.Anomalies) == 0 { // otherwise there is no order to build on
		g := l.graph()
		r.Anomalies = g.cycles()
	}
	r.Failovers = Between(failovers, txns)
	switch {
	case len(r.Anomalies) > 0:
		r.Verdict = Fail
	case r.Txns < floor.Txns || r.Overlaps < floor.Overlaps || r.Failovers < floor.Failovers:
		r.Verdict = Undecided
		r.Why = fmt.Sprintf("saw %d transactions, %d overlaps and %d failovers, at least %d, %d and %d are needed",
			r.Txns, r.Overlaps, r.Failovers, floor.Txns, floor.Overlaps, floor.Failovers)
	}
	return r
}

// Between counts the moments from the first start to the last end of transactions.
func Between(moments []int64, txns []Txn) (n int) {
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range txns {
		first, last = min(first, txns[i].Start), max(last, txns[i].End)
	}
	for _, m := range moments {
		if first <= m && m <= last {
			n++
		}
	}
	return n
}

func (l *lists) anomaly(name, why string, txns ...int) {
	a := Anomaly{Name: name, Why: why}
	for _, t := range txns {
		a.Txns = append(a.Txns, l.txns[t])
	}
	l.report.Anomalies = append(l.report.Anomalies, a)
}

func (l *lists) key(k string) *listKey {
	x := l.byKey[k]
	if x == nil {
		x = &listKey{appends: make(map[int]place), from: -1}
		l.byKey[k] = x
		l.keys = append(l.keys, k)
	}
	return x
}

func (l *lists) collect() {
	r := l.report
	for i := range l.txns {
		t := &l.txns[i]
		for _, a := range t.Accesses {
			x := l.key(a.Key)
			switch {
			case a.Append:
				if other, twice := x.appends[a.Value]; twice {
					l.anomaly("bad-history", fmt.Sprintf("%d was appended twice to %s, which this check can't judge", a.Value, a.Key), other.txn, i)
				}
				l.lastBefore(x, i)
				x.appends[a.Value] = place{i, true}
				r.Appends++
			case t.Outcome == Done:
				l.internal(i, a)
				x.reads = append(x.reads, listRead{i, a.List})
				r.Reads++
			}
		}
		if t.Outcome != Refused {
			r.Txns++
		}
	}
	slices.Sort(l.keys)
	r.Keys = len(l.keys)
	r.Overlaps = l.overlaps()
}

// lastBefore notes that an earlier append of the same transaction isn't its last.
func (l *lists) lastBefore(x *listKey, txn int) {
	for _, a := range l.txns[txn].Accesses {
		if p, ok := x.appends[a.Value]; a.Append && ok && p.txn == txn {
			x.appends[a.Value] = place{txn, false}
		}
	}
}

// internal checks that a transaction sees its own appends at the end of what it reads.
func (l *lists) internal(txn int, read Access) {
	var own []int
	for _, a := range l.txns[txn].Accesses {
		if a.Key != read.Key {
			continue
		}
		if a.Append {
			own = append(own, a.Value)
			continue
		}
		if len(a.List) < len(own) || !slices.Equal(a.List[len(a.List)-len(own):], own) {
			l.anomaly("internal", fmt.Sprintf("it doesn't see what it appended to %s itself", a.Key), txn)
			return
		}
	}
}

func (l *lists) overlaps() (n int) {
	order := make([]int, 0, len(l.txns))
	for i := range l.txns {
		if l.txns[i].Outcome != Refused {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(l.txns[a].Start, l.txns[b].Start) })
	end := int64(math.MinInt64)
	for _, i := range order {
		if l.txns[i].Start < end {
			n++
		}
		end = max(end, l.txns[i].End)
	}
	return n
}

// reads checks what each read alone says, and finds the order of appends to each key.
func (l *lists) reads() {
	for _, k := range l.keys {
		x := l.byKey[k]
		for _, r := range x.reads {
			if len(r.list) > len(x.order) || x.from < 0 {
				x.order, x.from = r.list, r.txn
			}
		}
		seen := make(map[int]bool, len(x.order))
		for _, v := range x.order {
			if seen[v] {
				l.anomaly("duplicate", fmt.Sprintf("%d is in %s twice", v, k), x.from)
			}
			seen[v] = true
		}
		for _, r := range x.reads {
			l.read(k, x, r)
		}
	}
}

func (l *lists) read(k string, x *listKey, r listRead) {
	if !slices.Equal(r.list, x.order[:len(r.list)]) {
		l.anomaly("incompatible-order", fmt.Sprintf("two reads of %s of which none is the beginning of the other", k), r.txn, x.from)
		return
	}
	for i, v := range r.list {
		p, known := x.appends[v]
		switch {
		case !known:
			l.anomaly("garbage", fmt.Sprintf("%d was read from %s, and nobody appended it", v, k), r.txn)
		case l.txns[p.txn].Outcome == Refused:
			l.anomaly("G1a", fmt.Sprintf("%d was read from %s, and its transaction was aborted", v, k), r.txn, p.txn)
		case i == len(r.list)-1 && !p.last && p.txn != r.txn:
			l.anomaly("G1b", fmt.Sprintf("%d was read from %s as the last element, and its transaction appended another", v, k), r.txn, p.txn)
		default:
			continue
		}
		return
	}
}
