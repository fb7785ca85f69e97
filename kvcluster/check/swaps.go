package check

import (
	"cmp"
	"math"
	"slices"
)

// swapValue is a value of a key and where it is in the order of values.
type swapValue struct {
	by    int   // the swap that made it, -1 for Missing
	reads []int // those that returned it
	fails []int // swaps that expected it and found another
	next  []int // swaps that replaced it
	maybe []int // swaps of unknown outcome that may have, and whose value nobody saw
	there bool  // somebody has seen it
	met   bool  // it was reached from the first value
	at    int64 // the earliest moment at which it can have been made
}

// Swaps checks the histories of keys that are only read and compared-and-set (Kind Swap,
// from Expect to Value) for linearizability. As no value is set twice, and a swap
// says which value it replaced, the order of values is known: each value is given the
// earliest moment that the order, its swap and the reads of the value before allow; if that
// is too late for its swap or one of its reads, or two swaps replaced the same value,
// the history is not linearizable. A swap that failed (Refused) must not be seen, and
// needs a moment at which its value wasn't there.
func Swaps(ops []Op, floor Floor) Report {
	r := Report{}
	byKey := make(map[string][]int)
	var keys []string
	for i := range ops {
		o := &ops[i]
		if o.Kind == Read && o.Outcome != Done {
			continue
		}
		if _, ok := byKey[o.Key]; !ok {
			keys = append(keys, o.Key)
		}
		byKey[o.Key] = append(byKey[o.Key], i)
		r.Ops++
	}
	slices.Sort(keys)
	r.Keys = len(keys)
	for _, k := range keys {
		list := make([]int32, 0, len(byKey[k]))
		for _, i := range byKey[k] {
			list = append(list, int32(i))
		}
		slices.SortStableFunc(list, func(a, b int32) int { return cmp.Compare(ops[a].Start, ops[b].Start) })
		r.Overlaps += overlaps(ops, list)
		c := &chain{ops: ops, key: k, values: map[string]*swapValue{Missing: {by: -1, at: math.MinInt64}}}
		if why, which := c.check(byKey[k]); why != "" {
			v := Violation{Key: k, Why: why}
			for _, i := range which {
				v.Ops = append(v.Ops, ops[i])
			}
			r.Violations = append(r.Violations, v)
		}
	}
	return r.judged(floor)
}

type chain struct {
	ops    []Op
	key    string
	values map[string]*swapValue
}

func (c *chain) value(v string) *swapValue {
	x := c.values[v]
	if x == nil {
		x = &swapValue{by: -1}
		c.values[v] = x
	}
	return x
}

// check returns what is wrong and which operations show it, or "".
func (c *chain) check(list []int) (string, []int) {
	for _, i := range list {
		o := &c.ops[i]
		if o.Kind != Read {
			if x := c.value(o.Value); x.by >= 0 || o.Value == Missing {
				return "a value was set twice, which this check can't judge", []int{i}
			}
			c.value(o.Value).by = i
		}
	}
	c.mark(list)
	for _, i := range list {
		o := &c.ops[i]
		switch {
		case o.Kind == Read:
			c.value(o.Value).reads = append(c.value(o.Value).reads, i)
		case o.Outcome == Refused:
			c.value(o.Expect).fails = append(c.value(o.Expect).fails, i)
		case c.value(o.Value).there:
			c.value(o.Expect).next = append(c.value(o.Expect).next, i)
		default:
			c.value(o.Expect).maybe = append(c.value(o.Expect).maybe, i)
		}
	}
	if why, which := c.known(list); why != "" {
		return why, which
	}
	return c.walk(list)
}

// mark notes which values were there for certain: those that were read or replaced by an
// operation that was done, and what a swap replaced that made such a value.
func (c *chain) mark(list []int) {
	var todo []string
	for _, i := range list {
		switch o := &c.ops[i]; {
		case o.Kind == Read:
			todo = append(todo, o.Value)
		case o.Outcome == Done:
			todo = append(todo, o.Value, o.Expect)
		}
	}
	for len(todo) > 0 {
		x := c.value(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		if !x.there {
			x.there = true
			if x.by >= 0 {
				todo = append(todo, c.ops[x.by].Expect)
			}
		}
	}
}

// known checks that all values that were met had been set.
func (c *chain) known(list []int) (string, []int) {
	for _, i := range list {
		o := &c.ops[i]
		v := o.Value
		if o.Kind == Swap {
			if v = o.Expect; o.Outcome != Done {
				continue
			}
		}
		x := c.value(v)
		switch {
		case v == Missing:
		case x.by < 0:
			return "a value was met that nobody has set", []int{i}
		case c.ops[x.by].Outcome == Refused:
			return "a value was met whose compare-and-set had failed", []int{i, x.by}
		}
	}
	return "", nil
}

// walk follows the values from the first to the last.
func (c *chain) walk(list []int) (string, []int) {
	for v := Missing; ; {
		x := c.value(v)
		x.met = true
		for _, i := range x.reads {
			if c.ops[i].End < x.at {
				return "a value was read before it can have been set", c.with(x, i)
			}
		}
		if len(x.next) > 1 {
			return "two compare-and-sets replaced the same value", x.next[:2]
		}
		if len(x.next) == 0 {
			if i := c.impossible(x, c.never(x)); i >= 0 {
				return "a compare-and-set failed although its value was there all the time", c.with(x, i)
			}
			break
		}
		n := x.next[0]
		y := c.value(c.ops[n].Value)
		y.at = max(x.at, c.ops[n].Start)
		last := -1
		for _, i := range x.reads {
			if c.ops[i].Start > y.at {
				y.at, last = c.ops[i].Start, i
			}
		}
		if c.ops[n].Outcome == Done && y.at > c.ops[n].End {
			if last < 0 {
				return "a value was replaced before it can have been set", c.with(x, n)
			}
			return "a value was read after it was replaced", []int{n, last}
		}
		if i := c.impossible(x, y.at); i >= 0 {
			return "a compare-and-set failed although its value was there all the time", c.with(x, i)
		}
		v = c.ops[n].Value
	}
	for _, i := range list {
		if o := &c.ops[i]; o.Kind == Swap && o.Outcome == Done && !c.value(o.Value).met {
			return "values replaced each other in a circle", []int{i}
		}
	}
	return "", nil
}

// never is the earliest moment at which the last value that was seen may have been replaced.
func (c *chain) never(x *swapValue) int64 {
	first := int64(math.MaxInt64)
	for _, i := range x.maybe {
		first = min(first, c.ops[i].Start)
	}
	for _, i := range x.reads {
		first = max(first, c.ops[i].Start)
	}
	return first
}

// impossible is a failed swap within the time in which a value must have been there, or
// -1.
func (c *chain) impossible(x *swapValue, replaced int64) int {
	if x.by >= 0 && c.ops[x.by].Outcome != Done {
		return -1
	}
	for _, i := range x.fails {
		if (x.by < 0 || c.ops[i].Start > c.ops[x.by].End) && c.ops[i].End < replaced {
			return i
		}
	}
	return -1
}

func (c *chain) with(x *swapValue, i int) []int {
	if x.by < 0 {
		return []int{i}
	}
	return []int{x.by, i}
}
