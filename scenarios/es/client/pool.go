package client

import (
	"cmp"
	"slices"
	"time"
)

// How long a node is set aside that did not answer: a minute, doubled with each further
// failure, five times at most.
const (
	asideFirst  = time.Minute
	mostDoubled = 5
)

// pool chooses the node of the next request. Nodes that failed come back when their time is
// over, or when no other is left.
type pool struct {
	setAside bool
	live     []*member
	dead     []*member // fewest failures last
	turn     int
}

// member is a node in the pool.
type member struct {
	Node
	dead     bool
	failures int
	back     time.Duration // when it comes back
	order    int           // of the failure, among those that come back at one moment
}

func newPool(nodes []Node, setAside bool) *pool {
	p := &pool{setAside: setAside && len(nodes) > 1, turn: -1}
	for _, n := range nodes {
		p.live = append(p.live, &member{Node: n})
	}
	return p
}

// next is the node whose turn it is; nil where the pool is empty.
func (p *pool) next(now time.Duration) *member {
	p.resurrect(now)
	if len(p.live) == 0 {
		if len(p.dead) == 0 {
			return nil
		}
		m := p.dead[len(p.dead)-1]
		p.dead = p.dead[:len(p.dead)-1]
		p.revive(m)
		return m
	}
	p.turn = (p.turn + 1) % len(p.live)
	return p.live[p.turn]
}

// resurrect lets those come back whose time is over, in that order.
func (p *pool) resurrect(now time.Duration) {
	var due []*member
	p.dead = slices.DeleteFunc(p.dead, func(m *member) bool {
		if m.back <= now {
			due = append(due, m)
			return true
		}
		return false
	})
	slices.SortFunc(due, func(a, b *member) int { //determinism:allow sort-ties no two failed with one number
		return cmp.Or(cmp.Compare(a.back, b.back), cmp.Compare(a.order, b.order))
	})
	for _, m := range due {
		p.revive(m)
	}
}

// revive puts a node back in line; it is still remembered how often it failed.
func (p *pool) revive(m *member) {
	m.dead = false
	p.live = append(p.live, m)
}

// answered notes that a node is well.
func (p *pool) answered(m *member) {
	if !p.setAside {
		return
	}
	if m.dead { // an answer that was under way when another request failed
		p.dead = slices.DeleteFunc(p.dead, func(o *member) bool { return o == m })
		m.failures = 0
		p.revive(m)
	}
}

// failed sets a node aside.
func (p *pool) failed(m *member, now time.Duration, order int) {
	if !p.setAside || m.dead {
		return
	}
	m.dead, m.order = true, order
	m.failures++
	m.back = now + asideFirst<<min(m.failures-1, mostDoubled)
	p.live = slices.DeleteFunc(p.live, func(o *member) bool { return o == m })
	p.dead = append(p.dead, m)
	slices.SortStableFunc(p.dead, func(a, b *member) int { return cmp.Compare(b.failures, a.failures) })
}

// update replaces the nodes by those that the cluster has named, and keeps what is known of
// the ones that stay.
func (p *pool) update(nodes []Node) {
	if len(nodes) == 0 {
		return
	}
	gone := func(m *member) bool { return !slices.Contains(nodes, m.Node) }
	p.live, p.dead = slices.DeleteFunc(p.live, gone), slices.DeleteFunc(p.dead, gone)
	for _, n := range nodes {
		of := func(m *member) bool { return m.Node == n }
		if !slices.ContainsFunc(p.live, of) && !slices.ContainsFunc(p.dead, of) {
			p.live = append(p.live, &member{Node: n})
		}
	}
}
