package coordination

import (
	"cmp"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
)

// Board is what the coordinators of one simulation share so that healthy checks need
// no events. See the package comment. A nil Board is one on which nothing is at rest.
type Board struct {
	places map[string]*place // by id of the checked node
	nodes  map[string]*Coordinator
	order  uint64 // counts checkers
}

// place is what is known of one checked node.
type place struct {
	checkers []*checker // at rest
	// changed is when the node's answers last changed.
	changed sim.Time
	ever    bool
}

// NewBoard makes an empty board.
func NewBoard() *Board {
	return &Board{places: map[string]*place{}, nodes: map[string]*Coordinator{}}
}

func (b *Board) at(id string) *place {
	p := b.places[id]
	if p == nil {
		p = &place{}
		b.places[id] = p
	}
	return p
}

func (b *Board) watch(k *checker) {
	p := b.at(k.peer.ID)
	k.slot = len(p.checkers)
	p.checkers = append(p.checkers, k)
}

func (b *Board) unwatch(k *checker) {
	p := b.at(k.peer.ID)
	last := p.checkers[len(p.checkers)-1]
	p.checkers[k.slot], last.slot = last, k.slot
	p.checkers = p.checkers[:len(p.checkers)-1]
}

// unchanged reports whether what a node answered that long ago is what it would
// answer now.
func (b *Board) unchanged(id string, ago time.Duration, now sim.Time) bool {
	p := b.at(id)
	return !p.ever || p.changed < now.Add(-ago)
}

// enter makes a node known; leave forgets it.
func (b *Board) enter(c *Coordinator) {
	if b != nil {
		b.nodes[c.node.ID] = c
	}
}

func (b *Board) leave(c *Coordinator) {
	if b != nil && b.nodes[c.node.ID] == c {
		delete(b.nodes, c.node.ID)
	}
}

// PathChanged tells that messages between two nodes, in either direction, are from
// this instant on dropped, delivered again, or slower or faster. It is called right
// after the change, when [Env.Path] tells the new state. Closed connections need
// [Coordinator.Disconnected] at both ends, whether or not this is called too.
func (b *Board) PathChanged(a, z string) {
	for _, ends := range [2][2]string{{a, z}, {z, a}} {
		if c := b.nodes[ends[0]]; c != nil {
			c.disturb(ends[1])
		}
	}
}

// NodeChanged tells that a node was paused or goes on, or that all its paths changed.
func (b *Board) NodeChanged(id string) {
	b.disturbAll(id)
	if c := b.nodes[id]; c != nil {
		for _, n := range c.followers.members {
			c.disturb(n.ID)
		}
		if k := c.leader.checker; k != nil {
			c.disturb(k.peer.ID)
		}
	}
}

// disturb wakes this node's checks of a peer.
func (c *Coordinator) disturb(peer string) {
	if k := c.followers.checkers[peer]; k != nil {
		k.disturb()
	}
	if k := c.leader.checker; k != nil && k.peer.ID == peer {
		k.disturb()
	}
}

// answersChanged tells that a node may answer checks differently from now on.
func (b *Board) answersChanged(c *Coordinator) {
	if b == nil {
		return
	}
	p := b.at(c.node.ID)
	p.changed, p.ever = c.env.Now(), true
	b.disturbAll(c.node.ID)
}

// answersChangedTo is answersChanged for one asker.
func (b *Board) answersChangedTo(c *Coordinator, asker string) {
	if b == nil {
		return
	}
	p := b.at(c.node.ID)
	p.changed, p.ever = c.env.Now(), true
	if other := b.nodes[asker]; other != nil {
		other.disturb(c.node.ID)
	}
}

// next numbers a checker.
func (b *Board) next() uint64 {
	if b == nil {
		return 0
	}
	b.order++
	return b.order
}

// disturbAll wakes all checks of a node, in the order in which they were begun: checks
// in step with one another keep that order.
func (b *Board) disturbAll(id string) {
	checkers := slices.Clone(b.at(id).checkers)
	slices.SortStableFunc(checkers, func(x, y *checker) int { return cmp.Compare(x.order, y.order) })
	for _, k := range checkers {
		k.disturb()
	}
}
