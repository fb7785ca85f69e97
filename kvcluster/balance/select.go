package balance

import (
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
)

// SelectNode chooses a node for a request that concerns no key in particular. Under
// ConsistentHash it takes the one with the fewest requests in hand.
func (b *Balancer) SelectNode(now time.Duration) (shardmap.NodeID, error) {
	return b.choose("", b.all(), now, b.cfg.Strategy == ConsistentHash)
}

// SelectNodeForKey chooses a node for a request about key. Only ConsistentHash looks
// at the key.
func (b *Balancer) SelectNodeForKey(key string, now time.Duration) (shardmap.NodeID, error) {
	return b.choose(key, b.all(), now, false)
}

// SelectAmong is SelectNodeForKey among some nodes only, such as those that hold a
// copy.
func (b *Balancer) SelectAmong(key string, ids []shardmap.NodeID, now time.Duration) (shardmap.NodeID, error) {
	var some []*node
	for _, n := range b.nodes {
		if slices.Contains(ids, n.id) {
			some = append(some, n)
		}
	}
	return b.choose(key, some, now, false)
}

// SelectReplicaNodes chooses n different nodes. If there are fewer it returns those
// with ErrTooFew.
func (b *Balancer) SelectReplicaNodes(n int, now time.Duration) ([]shardmap.NodeID, error) {
	rest := b.all()
	var chosen []shardmap.NodeID
	for len(chosen) < n {
		id, err := b.choose("", rest, now, b.cfg.Strategy == ConsistentHash)
		if err != nil {
			return chosen, fmt.Errorf("%d of %d nodes: %w", len(chosen), n, ErrTooFew)
		}
		chosen = append(chosen, id)
		rest = slices.DeleteFunc(rest, func(n *node) bool { return n.id == id })
	}
	return chosen, nil
}

func (b *Balancer) all() []*node { return slices.Clone(b.nodes) }

func (b *Balancer) choose(key string, among []*node, now time.Duration, keyless bool) (shardmap.NodeID, error) {
	among = slices.DeleteFunc(slices.Clone(among), func(n *node) bool { return n.isolated })
	if len(among) == 0 {
		return "", ErrNoNode
	}
	var n *node
	switch {
	case b.cfg.Strategy == ConsistentHash && !keyless:
		n = b.onRing(key, among, now)
	case b.cfg.Strategy == ConsistentHash, b.cfg.Strategy == LeastConnections:
		n = b.smooth(b.idlest(among, now), now)
	default:
		n = b.smooth(among, now)
	}
	return n.id, nil
}

// smooth is the smooth weighted round robin of nginx. Among equals the name decides.
func (b *Balancer) smooth(among []*node, now time.Duration) *node {
	var best *node
	var total int64
	for _, n := range among {
		w := b.effective(n, now)
		n.credit += w
		total += w
		if best == nil || n.credit > best.credit {
			best = n
		}
	}
	best.credit -= total
	return best
}

// idlest are the nodes with the fewest requests in hand for their weight, this one
// included.
func (b *Balancer) idlest(among []*node, now time.Duration) []*node {
	var best []*node
	for _, n := range among {
		if len(best) > 0 {
			// (n.active+1)/w against (m.active+1)/v, without division.
			m := best[0]
			mine, its := (n.active+1)*b.effective(m, now), (m.active+1)*b.effective(n, now)
			if mine > its {
				continue
			}
			if mine < its {
				best = best[:0]
			}
		}
		best = append(best, n)
	}
	return best
}

// onRing is the first node on the key's walk that is below its bound. One always is:
// the bounds add up to at least all requests in hand and this one.
func (b *Balancer) onRing(key string, among []*node, now time.Duration) *node {
	var total, active int64
	for _, n := range among {
		total += b.effective(n, now)
		active += n.active
	}
	chosen := among[0]
	b.ring.Walk(key, func(id shardmap.NodeID) bool {
		n, _ := b.find(id)
		if !slices.Contains(among, n) {
			return true
		}
		// n.active+1 <= ceil(bound × (active+1) × w/total)
		share := int64(b.cfg.BoundPercent) * (active + 1) * b.effective(n, now)
		bound := (share + 100*total - 1) / (100 * total)
		if n.active+1 > bound {
			return true
		}
		chosen = n
		return false
	})
	return chosen
}
