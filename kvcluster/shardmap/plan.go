package shardmap

import (
	"errors"
	"fmt"
	"slices"
)

// Stats is what was measured of a shard.
type Stats struct {
	Bytes int64
	QPS   int64
	// Middle is a key that halves the bytes, LoadMiddle one that halves the rate; ""
	// if there is none, as when one key has it all.
	Middle, LoadMiddle string
}

// Thresholds say when Plan acts. Zero fields stand for the defaults.
type Thresholds struct {
	SplitBytes int64 // split above; 64 MiB
	SplitQPS   int64 // split above; 2,000 operations per second
	MergeBytes int64 // merge two neighbours when together below; a quarter of SplitBytes
	MergeQPS   int64 // and below this rate; a quarter of SplitQPS
	// MovePercent is the difference between the most and the least loaded node, in
	// percent of the mean, above which copies move; 20.
	MovePercent int64
	// MaxMoves is how many copies one plan moves at most; 4.
	MaxMoves int
	// Costs weigh what a copy costs its node.
	Costs Costs
}

// Costs turn a shard into units of load. The zero value counts copies and nothing
// else.
type Costs struct {
	PerMiB int64 // for each MiB
	PerQPS int64 // for each operation per second
	Base   int64 // for the copy itself; 0 stands for 1
}

// Of is the cost of a copy.
func (c Costs) Of(s Stats) int64 {
	return max(c.Base, 1) + c.PerMiB*(s.Bytes>>20) + c.PerQPS*s.QPS
}

// ErrThresholds is returned for thresholds under which a shard would be split and
// merged in turn.
var ErrThresholds = errors.New("merge thresholds must be at most half of the split thresholds")

func (t Thresholds) withDefaults() (Thresholds, error) {
	if t.SplitBytes == 0 {
		t.SplitBytes = 64 << 20
	}
	if t.SplitQPS == 0 {
		t.SplitQPS = 2000
	}
	if t.MergeBytes == 0 {
		t.MergeBytes = t.SplitBytes / 4
	}
	if t.MergeQPS == 0 {
		t.MergeQPS = t.SplitQPS / 4
	}
	if t.MovePercent == 0 {
		t.MovePercent = 20
	}
	if t.MaxMoves == 0 {
		t.MaxMoves = 4
	}
	if t.MergeBytes*2 > t.SplitBytes || t.MergeQPS*2 > t.SplitQPS {
		return t, fmt.Errorf("split above %d B and %d/s, merge below %d B and %d/s: %w",
			t.SplitBytes, t.SplitQPS, t.MergeBytes, t.MergeQPS, ErrThresholds)
	}
	return t, nil
}

// Action is a kind of proposed change.
type Action uint8

const (
	// SplitShard splits Shard at Key.
	SplitShard Action = iota
	// MergeShards merges Shard with its right neighbour Other.
	MergeShards
	// MoveCopy moves a copy of Shard from From to To.
	MoveCopy
)

func (a Action) String() string {
	return [...]string{"split", "merge", "move"}[a]
}

// Change is a proposal of Plan.
type Change struct {
	Action   Action
	Shard    ID
	Other    ID     // MergeShards
	Key      string // SplitShard
	From, To NodeID // MoveCopy
	Why      string
}

// Apply makes the change.
func (c Change) Apply(m *Map) (*Map, error) {
	switch c.Action {
	case SplitShard:
		next, _, err := m.Split(c.Shard, c.Key, "")
		return next, err
	case MergeShards:
		return m.Merge(c.Shard, c.Other)
	case MoveCopy:
		return m.Move(c.Shard, c.From, c.To)
	}
	return nil, fmt.Errorf("no such action: %d", c.Action)
}

// Plan proposes what the measurements call for: splits of what is too large or too
// busy, merges of neighbours that are small and idle, moves from loaded to idle nodes,
// away from closed ones, and of what would be merged if its copies were where its
// neighbour's are. Shards that aren't settled, or that have no
// measurements, are left alone, and no shard is in two proposals. The changes can be
// applied in their order.
func Plan(m *Map, stats map[ID]Stats, nodes []Node, t Thresholds) ([]Change, error) {
	t, err := t.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &planner{m: m, stats: stats, t: t, busy: make(map[ID]bool)}
	for i := range m.shards {
		if _, known := stats[m.shards[i].ID]; !known || !m.quiet(i) {
			p.busy[m.shards[i].ID] = true
		}
	}
	p.splits()
	b := newBalance(p, nodes)
	p.merges(b)
	p.moves(b)
	return p.changes, nil
}

type planner struct {
	m       *Map
	stats   map[ID]Stats
	t       Thresholds
	busy    map[ID]bool
	changes []Change
	gathers []Change // moves that lead to merges
}

func (p *planner) propose(c Change) {
	p.changes = append(p.changes, c)
	p.busy[c.Shard] = true
	if c.Other != "" {
		p.busy[c.Other] = true
	}
}

func (p *planner) splits() {
	for i := range p.m.shards {
		s := &p.m.shards[i]
		st := p.stats[s.ID]
		inside := func(key string) bool { return key > s.Start && s.Covers(key) }
		switch {
		case p.busy[s.ID]:
		case st.Bytes > p.t.SplitBytes && inside(st.Middle):
			p.propose(Change{Action: SplitShard, Shard: s.ID, Key: st.Middle,
				Why: fmt.Sprintf("%d bytes, limit %d", st.Bytes, p.t.SplitBytes)})
		case st.QPS > p.t.SplitQPS && inside(st.LoadMiddle):
			p.propose(Change{Action: SplitShard, Shard: s.ID, Key: st.LoadMiddle,
				Why: fmt.Sprintf("%d operations per second, limit %d", st.QPS, p.t.SplitQPS)})
		}
	}
}

// merges proposes what can be merged at once. Neighbours whose copies are in different
// places are first gathered; meanwhile nothing else moves them.
func (p *planner) merges(b *balance) {
	for i := range len(p.m.shards) - 1 {
		left, right := &p.m.shards[i], &p.m.shards[i+1]
		bytes, qps := p.stats[left.ID].Bytes+p.stats[right.ID].Bytes, p.stats[left.ID].QPS+p.stats[right.ID].QPS
		if p.busy[left.ID] || p.busy[right.ID] || right.Kept || bytes >= p.t.MergeBytes || qps >= p.t.MergeQPS {
			continue
		}
		why := fmt.Sprintf("together %d bytes and %d operations per second", bytes, qps)
		if left.Colocated(right) {
			p.propose(Change{Action: MergeShards, Shard: left.ID, Other: right.ID, Why: why})
		} else if c, ok := b.gather(left, right); ok {
			c.Why = fmt.Sprintf("to merge %s and %s: %s", left.ID, right.ID, why)
			p.gathers = append(p.gathers, c)
			p.busy[left.ID], p.busy[right.ID] = true, true
		}
	}
}

// moves proposes one move after the other, each the one that lowers the difference
// between the most and the least loaded node most; then those that lead to merges.
func (p *planner) moves(b *balance) {
	left := p.t.MaxMoves
	for ; left > 0; left-- {
		c, ok := b.best()
		if !ok {
			break
		}
		b.take(c)
		p.propose(c)
	}
	p.changes = append(p.changes, p.gathers[:min(left, len(p.gathers))]...)
}

// balance is the load of nodes as moves are proposed.
type balance struct {
	p      *planner
	nodes  []Node
	zone   map[NodeID]string
	load   map[NodeID]int64
	total  int64
	weight int64
}

func newBalance(p *planner, nodes []Node) *balance {
	b := &balance{p: p, nodes: slices.Clone(nodes), zone: make(map[NodeID]string), load: make(map[NodeID]int64)}
	slices.SortStableFunc(b.nodes, func(x, y Node) int {
		switch {
		case x.ID < y.ID:
			return -1
		case x.ID > y.ID:
			return 1
		}
		return 0
	})
	for _, n := range b.nodes {
		b.zone[n.ID] = n.Zone
		if !n.Closed {
			b.weight += int64(max(n.Weight, 1))
		}
	}
	for i := range p.m.shards {
		s := &p.m.shards[i]
		cost := p.t.Costs.Of(p.stats[s.ID])
		for _, n := range s.Replicas {
			b.load[n] += cost
			b.total += cost
		}
	}
	return b
}

// perWeight is a node's load for each unit of weight, times 1,000.
func (b *balance) perWeight(n Node) int64 { return b.load[n.ID] * 1000 / int64(max(n.Weight, 1)) }

func (b *balance) best() (Change, bool) {
	from := slices.Clone(b.nodes)
	slices.SortStableFunc(from, func(x, y Node) int {
		switch lx, ly := b.perWeight(x), b.perWeight(y); {
		case x.Closed != y.Closed:
			if x.Closed {
				return -1
			}
			return 1
		case lx > ly:
			return -1
		case lx < ly:
			return 1
		}
		return 0
	})
	for _, src := range from {
		for i := len(from) - 1; i >= 0; i-- {
			if dst := from[i]; !dst.Closed && dst.ID != src.ID {
				if c, ok := b.move(src, dst); ok {
					return c, true
				}
			}
		}
	}
	return Change{}, false
}

// move is the largest shard that src can give to dst without making dst the more
// loaded one. Any shard will do when src is closed.
func (b *balance) move(src, dst Node) (Change, bool) {
	gap := b.perWeight(src) - b.perWeight(dst)
	mean := b.total * 1000 / max(b.weight, 1)
	if !src.Closed && gap*100 <= mean*b.p.t.MovePercent {
		return Change{}, false
	}
	best, bestCost := -1, int64(0)
	for i := range b.p.m.shards {
		s := &b.p.m.shards[i]
		cost := b.p.t.Costs.Of(b.p.stats[s.ID])
		if b.p.busy[s.ID] || !s.HasReplica(src.ID) || s.HasReplica(dst.ID) || cost <= bestCost {
			continue
		}
		relief := cost*1000/int64(max(src.Weight, 1)) + cost*1000/int64(max(dst.Weight, 1))
		if !src.Closed && relief > gap {
			continue
		}
		if !b.zonesAllow(s, slices.Index(s.Replicas, src.ID), dst.ID) {
			continue
		}
		best, bestCost = i, cost
	}
	if best < 0 {
		return Change{}, false
	}
	why := fmt.Sprintf("%s carries %d, %s %d", src.ID, b.load[src.ID], dst.ID, b.load[dst.ID])
	if src.Closed {
		why = string(src.ID) + " is closed"
	}
	return Change{Action: MoveCopy, Shard: b.p.m.shards[best].ID, From: src.ID, To: dst.ID, Why: why}, true
}

func (b *balance) evenSpread(copies int) int {
	var open []Node
	for _, n := range b.nodes {
		if !n.Closed {
			open = append(open, n)
		}
	}
	return evenCap(copies, open)
}

// gather is a move that brings the copies of two shards nearer together, of the cheaper
// one if zones let it. There is none when a node concerned is closed: what leaves that
// comes first.
func (b *balance) gather(left, right *Shard) (Change, bool) {
	if len(left.Replicas) != len(right.Replicas) || b.onClosed(left) || b.onClosed(right) {
		return Change{}, false
	}
	pairs := [][2]*Shard{{right, left}, {left, right}}
	if b.p.t.Costs.Of(b.p.stats[left.ID]) < b.p.t.Costs.Of(b.p.stats[right.ID]) {
		slices.Reverse(pairs)
	}
	for _, pair := range pairs {
		if c, ok := b.approach(pair[0], pair[1]); ok {
			return c, true
		}
	}
	return Change{}, false
}

// approach moves a copy of one shard to where another has one.
func (b *balance) approach(s, other *Shard) (Change, bool) {
	for i, src := range s.Replicas {
		if other.HasReplica(src) {
			continue
		}
		for _, dst := range other.Replicas {
			if !s.HasReplica(dst) && b.zonesAllow(s, i, dst) {
				return Change{Action: MoveCopy, Shard: s.ID, From: src, To: dst}, true
			}
		}
	}
	return Change{}, false
}

// onClosed reports whether a copy is on a node that takes none.
func (b *balance) onClosed(s *Shard) bool {
	return slices.ContainsFunc(s.Replicas, func(id NodeID) bool {
		return !slices.ContainsFunc(b.nodes, func(n Node) bool { return n.ID == id && !n.Closed })
	})
}

// zonesAllow reports whether a shard's i-th copy may go to a node: the copies in the
// fullest zone must not become more, unless they are spread evenly then.
func (b *balance) zonesAllow(s *Shard, i int, to NodeID) bool {
	moved := slices.Clone(s.Replicas)
	moved[i] = to
	return zoneSpread(moved, b.zone) <= max(zoneSpread(s.Replicas, b.zone), b.evenSpread(len(moved)))
}

func (b *balance) take(c Change) {
	cost := b.p.t.Costs.Of(b.p.stats[c.Shard])
	b.load[c.From] -= cost
	b.load[c.To] += cost
}
