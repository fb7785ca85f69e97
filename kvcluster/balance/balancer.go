package balance

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

// Strategy is a way to choose.
type Strategy uint8

// The strategies; see the package comment.
const (
	RoundRobin Strategy = iota
	LeastConnections
	WeightedRoundRobin
	ConsistentHash
)

var strategyNames = [...]string{"round-robin", "least-connections", "weighted-round-robin", "consistent-hash"}

func (s Strategy) String() string {
	if int(s) < len(strategyNames) {
		return strategyNames[s]
	}
	return fmt.Sprintf("strategy %d", s)
}

// ParseStrategy is the strategy of that name.
func ParseStrategy(name string) (Strategy, error) {
	if i := slices.Index(strategyNames[:], name); i >= 0 {
		return Strategy(i), nil
	}
	return 0, fmt.Errorf("no such strategy: %q (there are %q)", name, strategyNames)
}

// Config configures a Balancer. Zero fields stand for the defaults.
type Config struct {
	Strategy Strategy
	// FailureThreshold failures in a row isolate a node; 3.
	FailureThreshold int
	// RecoveryThreshold successes in a row bring it back; 3.
	RecoveryThreshold int
	// RampUp is how long a node that came back takes to its full weight; 30 s.
	RampUp time.Duration
	// BoundPercent is how much of its share of the requests in hand a node takes
	// under ConsistentHash; 125. At least 100.
	BoundPercent int
	// VirtualNodes per unit of weight on the ring; shardmap.DefaultVirtualNodes.
	VirtualNodes int
}

var (
	// ErrNoNode is returned when no node can be chosen.
	ErrNoNode = errors.New("no healthy node")
	// ErrTooFew is returned when fewer nodes than asked for can be chosen.
	ErrTooFew = errors.New("not enough healthy nodes")
	// ErrUnknownNode is returned for nodes that were never added.
	ErrUnknownNode = errors.New("unknown node")
)

// fullWeight is the effective weight of a node of weight 1 that is well.
const fullWeight = 1000

// Balancer chooses nodes. The zero value is not usable; see New.
type Balancer struct {
	cfg    Config
	nodes  []*node // sorted by name
	ring   *shardmap.Ring
	active int64
}

type node struct {
	id     shardmap.NodeID
	weight int64
	load   int64 // percent
	active int64
	credit int64 // of smooth round robin

	failures, successes int
	isolated            bool
	backAt              time.Duration // when it came back
	ramping             bool
}

// New makes a balancer without nodes.
func New(cfg Config) (*Balancer, error) {
	if cfg.FailureThreshold == 0 {
		cfg.FailureThreshold = 3
	}
	if cfg.RecoveryThreshold == 0 {
		cfg.RecoveryThreshold = 3
	}
	if cfg.RampUp == 0 {
		cfg.RampUp = 30 * time.Second
	}
	if cfg.BoundPercent == 0 {
		cfg.BoundPercent = 125
	}
	if int(cfg.Strategy) >= len(strategyNames) || cfg.FailureThreshold < 0 || cfg.RecoveryThreshold < 0 ||
		cfg.RampUp < 0 || cfg.BoundPercent < 100 || cfg.VirtualNodes < 0 {
		return nil, fmt.Errorf("balancer: bad configuration %+v", cfg)
	}
	return &Balancer{cfg: cfg, ring: shardmap.NewRing(cfg.VirtualNodes, nil)}, nil
}

// SetStrategy changes the way to choose; what is known of the nodes stays.
func (b *Balancer) SetStrategy(s Strategy) error {
	if int(s) >= len(strategyNames) {
		return fmt.Errorf("no such strategy: %d", s)
	}
	b.cfg.Strategy = s
	return nil
}

// Set adds a node, healthy, or changes its weight; below 1 counts as 1.
func (b *Balancer) Set(id shardmap.NodeID, weight int) {
	n, at := b.find(id)
	if n == nil {
		n = &node{id: id}
		b.nodes = slices.Insert(b.nodes, at, n)
	}
	n.weight = int64(max(weight, 1))
	b.rebuild()
}

// Remove forgets a node.
func (b *Balancer) Remove(id shardmap.NodeID) {
	n, at := b.find(id)
	if n == nil {
		return
	}
	b.active -= n.active
	b.nodes = slices.Delete(b.nodes, at, at+1)
	b.rebuild()
}

func (b *Balancer) find(id shardmap.NodeID) (*node, int) {
	at, found := slices.BinarySearchFunc(b.nodes, id, func(n *node, id shardmap.NodeID) int {
		switch {
		case n.id < id:
			return -1
		case n.id > id:
			return 1
		}
		return 0
	})
	if !found {
		return nil, at
	}
	return b.nodes[at], at
}

func (b *Balancer) rebuild() {
	list := make([]shardmap.Node, len(b.nodes))
	for i, n := range b.nodes {
		list[i] = shardmap.Node{ID: n.id, Weight: int(n.weight)}
	}
	b.ring = shardmap.NewRing(b.cfg.VirtualNodes, list)
}

// Begin counts a request that was sent to a node; Done must follow.
func (b *Balancer) Begin(id shardmap.NodeID) {
	if n, _ := b.find(id); n != nil {
		n.active++
		b.active++
	}
}

// Done ends a request that Begin counted.
func (b *Balancer) Done(id shardmap.NodeID) {
	if n, _ := b.find(id); n != nil && n.active > 0 {
		n.active--
		b.active--
	}
}

// SetLoad notes what a node says it is loaded to, in percent; 0 to 100.
func (b *Balancer) SetLoad(id shardmap.NodeID, percent int) {
	if n, _ := b.find(id); n != nil {
		n.load = int64(min(max(percent, 0), 100))
	}
}

// Report notes the outcome of a health check, or of a request that says as much. It
// returns whether the node was isolated or brought back by it.
func (b *Balancer) Report(id shardmap.NodeID, ok bool, now time.Duration) (changed bool) {
	n, _ := b.find(id)
	if n == nil {
		return false
	}
	if !ok {
		n.successes = 0
		n.failures++
		changed = !n.isolated && n.failures >= b.cfg.FailureThreshold
		n.isolated = n.isolated || changed
		return changed
	}
	n.failures = 0
	n.successes++
	if !n.isolated || n.successes < b.cfg.RecoveryThreshold {
		return false
	}
	n.isolated, n.ramping, n.backAt, n.credit = false, true, now, 0
	return true
}

// Healthy reports whether a node may be chosen.
func (b *Balancer) Healthy(id shardmap.NodeID) bool {
	n, _ := b.find(id)
	return n != nil && !n.isolated
}

// Share is the part of its weight that a node has now, in thousandths: 0 when it is
// isolated, 1,000 when it is well and idle.
func (b *Balancer) Share(id shardmap.NodeID, now time.Duration) (int, error) {
	n, _ := b.find(id)
	if n == nil {
		return 0, fmt.Errorf("node %q: %w", id, ErrUnknownNode)
	}
	return int(b.effective(n, now) / n.weight), nil
}

// effective is a node's weight now, in thousandths.
func (b *Balancer) effective(n *node, now time.Duration) int64 {
	if n.isolated {
		return 0
	}
	w := int64(fullWeight)
	if since := now - n.backAt; n.ramping && since < b.cfg.RampUp {
		w = fullWeight/10 + fullWeight*9/10*int64(max(since, 0)/time.Microsecond)/max(int64(b.cfg.RampUp/time.Microsecond), 1)
	} else {
		n.ramping = false
	}
	w -= w * n.load * 9 / 1000
	if b.cfg.Strategy == RoundRobin {
		return w
	}
	return w * n.weight
}
