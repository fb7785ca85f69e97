package maporder

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
)

type node struct {
	name   string
	weight float64
	shards int
	alive  bool
	seen   bool
	list   []string
}

func (n *node) ready() bool { return n.alive && n.shards > 0 }

func (n *node) touch() bool {
	n.seen = true
	return n.alive
}

func byWeight(a, b *node) int { return cmp.Compare(a.weight, b.weight) }

func emit(string) {}

type cluster struct {
	nodes map[string]*node
	total int
	limit int
	last  string
}

func brokenEffects(m map[string]*node, c *cluster) (string, float64) {
	for k := range m { // want `range over map m calls emit in map order: walk slices.Sorted\(maps.Keys\(m\)\) \(map-order: `
		emit(k)
	}
	var b strings.Builder
	for k := range m { // want `calls b.WriteString in map order`
		b.WriteString(k)
	}
	text := ""
	for k := range m { // want `builds text up in map order`
		text += k
	}
	sum := 0.0
	for _, n := range m { // want `sums floats into sum, which rounds differently in another order`
		sum += n.weight
	}
	for k := range c.nodes { // want `keeps the last c.last that it meets`
		c.last = k
	}
	var last string
	for last = range m { // want `keeps the last key that it meets`
	}
	for _, n := range m { // want `calls n.touch in map order`
		if n.touch() {
			c.total++
		}
	}
	for k := range m { // want `returns whichever entry it meets first`
		return k, sum
	}
	for _, n := range m { // want `reads c.total, which earlier rounds may have changed`
		if c.total < c.limit {
			c.total += n.shards
		}
	}
	for _, n := range m { // want `stops early, after effects that depend on the order`
		c.total += n.shards
		if n.alive {
			break
		}
	}
	for k, n := range m { // want `returns early, after effects that depend on the order`
		m[k] = nil
		if n.alive {
			return "", 0
		}
	}
	for _, n := range m { // want `writes to c.total in more than one way`
		c.total += n.shards
		c.total *= 2
	}
	for _, n := range m { // want `keeps the last m\[n.name\] that it meets`
		m[n.name] = n
	}
	for k, n := range m { // want `keeps the last m\[k\[:1\]\] that it meets`
		m[k[:1]] = n
	}
	for k, n := range m { // want `writes to m in more than one way`
		m[k] = nil
		m["other"+k] = n
	}
	for _, n := range m { // want `does what may depend on the order`
		defer n.touch()
	}
	var later []func()
	for k := range m { // want `makes a function that may see the order`
		later = append(later, func() { emit(k) })
	}
	return text + last, sum
}

func brokenGeneric[M ~map[K]V, K comparable, V any](m M, f func(K)) {
	for k := range m { // want `calls f in map order`
		f(k)
	}
}

func brokenCollecting(m map[string]*node) ([]string, []*node) {
	var keys []string
	for k := range m { // want `keys is filled in map order and not sorted in this function: sort it, or walk sorted keys \(map-order: `
		keys = append(keys, k)
	}
	var nodes []*node
	for _, n := range m {
		nodes = append(nodes, n)
	}
	slices.SortStableFunc(nodes, byWeight) // want `slices.SortStableFunc leaves elements that tie in map order: compare by something unique`
	var others []*node
	for _, n := range m {
		others = append(others, n)
	}
	slices.SortFunc(others, byWeight) // want `slices.SortFunc with a comparison that may tie`
	return keys, append(nodes, others...)
}

func keptCollecting(m map[string]*node, prefix string) ([]string, []*node) {
	var keys []string
	for k, n := range m {
		if !strings.HasPrefix(k, prefix) || !n.ready() {
			continue
		}
		keys = append(keys, fmt.Sprintf("%s/%d", k, n.shards))
	}
	sort.Strings(keys)
	names := make([]string, 0, len(m))
	for _, n := range m {
		names = append(names, n.name)
	}
	sort.Sort(sort.Reverse(sort.StringSlice(names)))
	var nodes []*node
	for _, n := range m {
		nodes = append(nodes, n)
	}
	//determinism:allow sort-ties names are unique in a cluster
	slices.SortFunc(nodes, func(a, b *node) int { return cmp.Compare(a.name, b.name) })
	return append(keys, names...), nodes
}

func keptCounting(m map[string]*node, c *cluster) (most int, found bool) {
	zones := make(map[bool]int)
	for range m {
		c.total++
	}
	for _, n := range m {
		switch {
		case n.alive:
			zones[true] += n.shards
		default:
			zones[false]--
		}
		if n.shards > most {
			most = n.shards
		}
	}
	least := 10
	for _, n := range m {
		least = min(least, n.shards)
		for _, s := range n.list {
			c.total -= len(s)
		}
	}
	for _, n := range m {
		if n.shards > c.limit {
			found = true
			break
		}
	}
	return most - least, found
}

func keptByKey(m map[string]*node, shares map[string]float64, gone map[string]bool) bool {
	for k, n := range m {
		scaled := n.weight / 2
		shares[k] += scaled
		if shares[k] > 1 {
			shares[k] = 1
		}
		n.seen = true
		n.list = append(n.list, k)
		slices.Sort(n.list)
	}
	for k, n := range m {
		if old, ok := shares[k]; ok && old == 0 && !n.alive {
			delete(m, k)
		}
	}
	weights := make(map[*node]float64)
	for n, w := range weights {
		n.weight = w
	}
	type place struct{ name, zone string }
	places := make(map[place]*node)
	for k, n := range m {
		places[place{k, n.name}] = n
		gone["node."+k] = n.alive
	}
	for _, n := range m {
		gone[n.name] = true
	}
	for _, n := range m {
		if n.alive {
			return false
		}
	}
	return true
}
