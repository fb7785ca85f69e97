package policy

import (
	"maps"
	"slices"
	"time"
)

// EvenOut estimates the moves by which rebalancing would make the numbers of shards
// even: one after the other from the fullest node to the emptiest that may take a
// shard. Elasticsearch weighs more than numbers, so its own moves may differ.
func EvenOut(o Observation) []ShardMove {
	o = o.clone()
	// Data nodes without a shard are known by number only, unless the nodes were asked.
	var moves []ShardMove
	for range len(o.Copies) {
		m, ok := nextMove(o)
		if !ok {
			break
		}
		moves = append(moves, m)
		o.move(m)
	}
	return moves
}

// nextMove is the best move from the fullest node, if any makes the numbers more even.
func nextMove(o Observation) (ShardMove, bool) {
	nodes := slices.Clone(o.Nodes)
	slices.SortStableFunc(nodes, func(a, b Node) int { return a.Shards - b.Shards })
	for s := len(nodes) - 1; s > 0; s-- {
		source := nodes[s]
		for _, target := range nodes[:s] {
			if source.Shards-target.Shards < 2 {
				break
			}
			for _, c := range o.Copies {
				if c.Node != source.Name || c.Moving || holds(o.Copies, target.Name, c) {
					continue
				}
				if ok, _ := o.MayHold(target, c.Index); ok {
					return ShardMove{c.Index, c.Shard, source.Name, target.Name, c.Bytes, o.distance(c, target)}, true
				}
			}
		}
	}
	return ShardMove{}, false
}

// After is the observation as it will be when the moves are done.
func (o Observation) After(moves []ShardMove) Observation {
	o = o.clone()
	for _, m := range moves {
		o.move(m)
	}
	return o
}

func (o Observation) clone() Observation {
	o.Nodes, o.Copies = slices.Clone(o.Nodes), slices.Clone(o.Copies)
	return o
}

func (o *Observation) move(m ShardMove) {
	for i := range o.Copies {
		if c := &o.Copies[i]; c.Index == m.Index && c.Shard == m.Shard && c.Node == m.From {
			c.Node = m.To
			break
		}
	}
	for i := range o.Nodes {
		switch n := &o.Nodes[i]; n.Name {
		case m.From:
			n.Shards--
			n.Bytes -= m.Bytes
		case m.To:
			n.Shards++
			n.Bytes += m.Bytes
		}
	}
}

// MoveTime estimates how long moves take: no node sends or receives faster than
// bytesPerSecond, and no more than concurrent shards move at once in the cluster.
func MoveTime(moves []ShardMove, bytesPerSecond int64, concurrent int) time.Duration {
	if bytesPerSecond <= 0 || concurrent <= 0 {
		return 0
	}
	var total int64
	busiest := map[string]int64{}
	for _, m := range moves {
		total += m.Bytes
		busiest["from "+m.From] += m.Bytes
		busiest["to "+m.To] += m.Bytes
	}
	longest := total / int64(concurrent)
	for _, name := range slices.Sorted(maps.Keys(busiest)) {
		longest = max(longest, busiest[name])
	}
	return time.Duration(float64(longest) / float64(bytesPerSecond) * float64(time.Second)).Round(time.Second)
}
