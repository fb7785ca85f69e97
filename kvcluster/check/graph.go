package check

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// dep says why a transaction must come before another one.
type dep uint8

const (
	ww dep = iota // it wrote what the other overwrote
	wr            // it wrote what the other read
	rw            // it read what the other overwrote
	rt            // it ended before the other began
)

func (d dep) String() string { return [...]string{"ww", "wr", "rw", "rt"}[d] }

type edge struct {
	to   int32
	kind dep
	why  string
}

// graph has the transactions as nodes, and behind them the moments at which some
// ended, in order: each leads to the next, a transaction to the moment of its end, and
// a moment to the transactions that begun before the next. So n transactions need about
// 3 n edges to say who ended before whom.
type graph struct {
	txns []Txn
	out  [][]edge
}

// graph draws the conclusions from the order of each key.
func (l *lists) graph() *graph {
	g := &graph{txns: l.txns, out: make([][]edge, len(l.txns), 2*len(l.txns))}
	seen := make([]bool, len(l.txns)) // effects of unknown transactions that were seen
	for _, k := range l.keys {
		x := l.byKey[k]
		for _, v := range x.order {
			seen[x.appends[v].txn] = true
		}
	}
	took := func(t int) bool { return l.txns[t].Outcome == Done || l.txns[t].Outcome == Unknown && seen[t] }
	for _, k := range l.keys {
		l.order(g, k, took)
	}
	g.realTime(took)
	return g
}

func (l *lists) order(g *graph, k string, took func(int) bool) {
	x := l.byKey[k]
	index := make(map[int]int, len(x.order))
	for i, v := range x.order {
		index[v] = i
		if i > 0 {
			g.add(x.appends[x.order[i-1]].txn, x.appends[v].txn, ww, fmt.Sprintf("appended %d to %s before %d", x.order[i-1], k, v))
		}
	}
	// Appends that nobody saw come after all that were seen.
	var unseen []int
	for _, v := range slices.Sorted(maps.Keys(x.appends)) {
		if _, ok := index[v]; !ok && took(x.appends[v].txn) {
			unseen = append(unseen, v)
		}
	}
	for _, r := range x.reads {
		n := len(r.list)
		if n > 0 {
			g.add(x.appends[r.list[n-1]].txn, r.txn, wr, fmt.Sprintf("appended %d to %s, which was read", r.list[n-1], k))
		}
		if n < len(x.order) {
			g.add(r.txn, x.appends[x.order[n]].txn, rw, fmt.Sprintf("read %s without %d", k, x.order[n]))
			continue
		}
		for _, v := range unseen {
			g.add(r.txn, x.appends[v].txn, rw, fmt.Sprintf("read %s without %d", k, v))
		}
	}
}

func (g *graph) add(from, to int, kind dep, why string) {
	if from != to {
		g.out[from] = append(g.out[from], edge{int32(to), kind, why})
	}
}

// realTime says who ended before whom. Transactions of unknown outcome may have taken
// effect at any time after their beginning.
func (g *graph) realTime(took func(int) bool) {
	var byStart, byEnd []int
	for i := range g.txns {
		if took(i) {
			byStart = append(byStart, i)
			if g.txns[i].Outcome == Done {
				byEnd = append(byEnd, i)
			}
		}
	}
	slices.SortStableFunc(byStart, func(a, b int) int { return cmp.Compare(g.txns[a].Start, g.txns[b].Start) })
	slices.SortStableFunc(byEnd, func(a, b int) int { return cmp.Compare(g.txns[a].End, g.txns[b].End) })
	base := len(g.out)
	for i, t := range byEnd {
		g.out = append(g.out, nil)
		g.add(t, base+i, rt, "")
		if i > 0 {
			g.add(base+i-1, base+i, rt, "")
		}
	}
	at := 0
	for _, t := range byStart {
		for at < len(byEnd) && g.txns[byEnd[at]].End < g.txns[t].Start {
			at++
		}
		if at > 0 {
			g.add(base+at-1, t, rt, "")
		}
	}
}

// cycles finds one short cycle in each knot of the graph.
func (g *graph) cycles() []Anomaly {
	var list []Anomaly
	for _, knot := range g.knots() {
		list = append(list, g.describe(g.shortest(knot)))
	}
	slices.SortStableFunc(list, func(a, b Anomaly) int { return cmp.Compare(a.Txns[0].Start, b.Txns[0].Start) })
	return list
}

// knots are the strongly connected components of more than one node, by Tarjan's
// algorithm with a stack of its own.
func (g *graph) knots() [][]int32 {
	const none = math.MaxInt32
	n := len(g.out)
	index, low := make([]int32, n), make([]int32, n)
	for i := range index {
		index[i] = none
	}
	onStack := make([]bool, n)
	var stack []int32
	var knots [][]int32
	var next int32
	type frame struct{ node, edge int32 }
	for root := range n {
		if index[root] != none {
			continue
		}
		work := []frame{{int32(root), 0}}
		for len(work) > 0 {
			f := &work[len(work)-1]
			v := f.node
			if f.edge == 0 {
				index[v], low[v] = next, next
				next++
				stack, onStack[v] = append(stack, v), true
			}
			descended := false
			for int(f.edge) < len(g.out[v]) {
				w := g.out[v][f.edge].to
				f.edge++
				if index[w] == none {
					work = append(work, frame{w, 0})
					descended = true
					break
				}
				if onStack[w] {
					low[v] = min(low[v], index[w])
				}
			}
			if descended {
				continue
			}
			work = work[:len(work)-1]
			if len(work) > 0 {
				up := work[len(work)-1].node
				low[up] = min(low[up], low[v])
			}
			if low[v] == index[v] {
				at := slices.Index(stack, v)
				if len(stack)-at > 1 {
					knots = append(knots, slices.Clone(stack[at:]))
				}
				for _, w := range stack[at:] {
					onStack[w] = false
				}
				stack = stack[:at]
			}
		}
	}
	return knots
}

// step is an edge with its beginning.
type step struct {
	from int32
	edge
}

// shortest is the shortest cycle within a knot, of those with the strongest name: first
// only ww, then ww and wr, then with one rw, then any; without real time if possible.
func (g *graph) shortest(knot []int32) []step {
	in := make(map[int32]bool, len(knot))
	for _, v := range knot {
		in[v] = true
	}
	for _, allowed := range [][]dep{{ww}, {ww, wr}, {ww, wr, rw}, {ww, rt}, {ww, wr, rt}, {ww, wr, rw, rt}} {
		var best []step
		for _, v := range knot[:min(len(knot), 64)] {
			if c := g.around(v, in, allowed); c != nil && (best == nil || len(c) < len(best)) {
				best = c
			}
		}
		if best != nil {
			return best
		}
	}
	panic("check: a knot without a cycle") // every node of a knot is on one, of edges of all kinds
}

// around is the shortest cycle through a node by the kinds of edges given, or nil.
func (g *graph) around(start int32, in map[int32]bool, allowed []dep) []step {
	came := map[int32]step{}
	queue := []int32{start}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		for _, e := range g.out[v] {
			if !in[e.to] || !slices.Contains(allowed, e.kind) {
				continue
			}
			if e.to == start {
				path := []step{{v, e}}
				for at := v; at != start; at = path[0].from {
					path = slices.Insert(path, 0, came[at])
				}
				return path
			}
			if _, known := came[e.to]; !known {
				came[e.to] = step{v, e}
				queue = append(queue, e.to)
			}
		}
	}
	return nil
}
