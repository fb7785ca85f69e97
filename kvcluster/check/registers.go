package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Kind says what an operation does.
type Kind uint8

const (
	// Read returns the value of a key, or Missing.
	Read Kind = iota
	// Write stores one.
	Write
	// Swap stores one if the value is Expect.
	Swap
)

func (k Kind) String() string { return [...]string{"read", "write", "swap"}[k] }

// Outcome is what the client learnt.
type Outcome uint8

const (
	// Done operations took effect between Start and End.
	Done Outcome = iota
	// Unknown writes may have taken effect, or may yet.
	Unknown
	// Refused operations had no effect.
	Refused
)

// Missing is the value of a key that was never written. It can't be written.
const Missing = ""

// Op is an operation as its client saw it.
type Op struct {
	Client  int
	Key     string
	Value   string
	Expect  string // of a Swap
	Start   int64  // nanoseconds
	End     int64
	Kind    Kind
	Outcome Outcome
}

func (o Op) String() string {
	what := o.Kind.String()
	if o.Kind == Swap {
		what = fmt.Sprintf("swap %q for", o.Expect)
	}
	outcome := [...]string{"", " (outcome unknown)", " (refused)"}[o.Outcome]
	return fmt.Sprintf("client %d %s %s=%q [%.6fs, %.6fs]%s", o.Client, what, o.Key, o.Value, float64(o.Start)/1e9, float64(o.End)/1e9, outcome)
}

// Verdict is the result of a check.
type Verdict uint8

const (
	// Pass means that enough was seen and nothing was wrong.
	Pass Verdict = iota
	// Fail means that something was wrong.
	Fail
	// Undecided means that too little was seen.
	Undecided
)

func (v Verdict) String() string { return [...]string{"pass", "fail", "unknown"}[v] }

// Violation is a proof that a key's history is not linearizable.
type Violation struct {
	Key string
	Why string
	// Ops are the operations that contradict each other.
	Ops []Op
}

func (v Violation) String() string {
	s := v.Key + ": " + v.Why
	for _, o := range v.Ops {
		s += "\n\t" + o.String()
	}
	return s
}

// Report is what a check found and on what it rests.
type Report struct {
	Verdict    Verdict
	Why        string // if undecided
	Ops        int    // that took part: reads that were done, writes that may have been
	Keys       int
	Overlaps   int // operations that began while another of their key was under way
	Failovers  int // while they ran; see Covering
	Violations []Violation
}

// Floor is how much a check must see for its verdict to be Pass.
type Floor struct{ Ops, Overlaps int }

// cluster is a value of a key.
type cluster struct {
	write        int32 // index of the op, or -1
	firstEnd     int32
	lastStart    int32
	minEnd       int64
	maxStart     int64
	read, wanted bool
}

// Registers checks every key's history. The order of ops is of no importance.
func Registers(ops []Op, floor Floor) Report {
	r := Report{}
	byKey := make(map[string]int)
	var keys [][]int32
	for i := range ops {
		o := &ops[i]
		if o.Outcome == Refused && o.Kind == Write || o.Outcome != Done && o.Kind == Read {
			continue
		}
		k, ok := byKey[o.Key]
		if !ok {
			k = len(keys)
			byKey[o.Key] = k
			keys = append(keys, nil)
		}
		keys[k] = append(keys[k], int32(i))
		r.Ops++
	}
	r.Keys = len(keys)
	for _, list := range keys {
		slices.SortStableFunc(list, func(a, b int32) int {
			return cmp.Or(cmp.Compare(ops[a].Start, ops[b].Start), cmp.Compare(a, b))
		})
		r.Overlaps += overlaps(ops, list)
		if v, bad := register(ops, list); bad {
			r.Violations = append(r.Violations, v)
		}
	}
	return r.judged(floor)
}

// judged is the report with its verdict: without a violation it takes so much to have been seen.
func (r Report) judged(floor Floor) Report {
	switch {
	case len(r.Violations) > 0:
		r.Verdict = Fail
	case r.Ops < floor.Ops || r.Overlaps < floor.Overlaps:
		r.Verdict = Undecided
		r.Why = fmt.Sprintf("saw %d operations and %d overlaps, at least %d and %d are needed", r.Ops, r.Overlaps, floor.Ops, floor.Overlaps)
	}
	return r
}

// overlaps counts operations, sorted by start, that start before an earlier one has
// ended. Unknown writes count as ended when their client gave up.
func overlaps(ops []Op, list []int32) (n int) {
	end := int64(math.MinInt64)
	for _, i := range list {
		if ops[i].Start < end {
			n++
		}
		end = max(end, ops[i].End)
	}
	return n
}

// register checks one key.
func register(ops []Op, list []int32) (Violation, bool) {
	byValue := make(map[string]int, len(list)/2)
	clusters := make([]cluster, 0, len(list)/2+1)
	of := func(value string) *cluster {
		c, ok := byValue[value]
		if !ok {
			c = len(clusters)
			byValue[value] = c
			clusters = append(clusters, cluster{write: -1, minEnd: math.MaxInt64, maxStart: math.MinInt64})
		}
		return &clusters[c]
	}
	bad := func(why string, which ...int32) (Violation, bool) {
		v := Violation{Key: ops[list[0]].Key, Why: why}
		for n, i := range which {
			if i >= 0 && !slices.Contains(which[:n], i) {
				v.Ops = append(v.Ops, ops[i])
			}
		}
		return v, true
	}
	// A missing key was "written" before everything.
	*of(Missing) = cluster{write: -1, firstEnd: -1, lastStart: -1, minEnd: math.MinInt64, maxStart: math.MinInt64, wanted: true}
	for _, i := range list {
		o := &ops[i]
		c := of(o.Value)
		end := o.End
		if o.Kind == Write {
			if c.wanted {
				return bad("a value was written twice, which this check can't judge", c.write, i)
			}
			c.write, c.wanted = i, true
			if o.Outcome == Unknown {
				end = math.MaxInt64
			}
		} else {
			c.read = true
		}
		if end < c.minEnd {
			c.minEnd, c.firstEnd = end, i
		}
		if o.Start > c.maxStart {
			c.maxStart, c.lastStart = o.Start, i
		}
	}
	for v := range clusters {
		c := &clusters[v]
		switch {
		case !c.wanted:
			return bad("a value was read that nobody wrote", c.firstEnd)
		case c.write >= 0 && c.minEnd < ops[c.write].Start:
			return bad("a value was read before it was written", c.firstEnd, c.write)
		}
	}
	return zones(clusters, bad)
}

// zones compares the zones of a key's values.
func zones(clusters []cluster, bad func(string, ...int32) (Violation, bool)) (Violation, bool) {
	var forward []cluster
	for _, c := range clusters {
		if c.minEnd < c.maxStart {
			forward = append(forward, c)
		}
	}
	slices.SortStableFunc(forward, func(a, b cluster) int {
		return cmp.Or(cmp.Compare(a.minEnd, b.minEnd), cmp.Compare(a.maxStart, b.maxStart))
	})
	for i := 1; i < len(forward); i++ {
		if a, b := &forward[i-1], &forward[i]; b.minEnd < a.maxStart {
			return bad("each of two values must have been there while the other was", a.write, a.firstEnd, a.lastStart, b.write, b.firstEnd, b.lastStart)
		}
	}
	for _, c := range clusters {
		if c.minEnd < c.maxStart || !c.read && c.minEnd == math.MaxInt64 {
			continue // forward, or a write of unknown outcome that nobody saw
		}
		// The last forward zone that begins before this one.
		at, _ := slices.BinarySearchFunc(forward, c.maxStart, func(f cluster, s int64) int {
			if f.minEnd < s {
				return -1
			}
			return 1
		})
		if at > 0 && c.minEnd < forward[at-1].maxStart {
			f := &forward[at-1]
			return bad("a value came and went while another must have been there", c.firstEnd, c.lastStart, f.write, f.firstEnd, f.lastStart)
		}
	}
	return Violation{}, false
}
