package allocation

import (
	"math"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/findings"
	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
)

// balancer is one run of BalancedShardsAllocator: it allocates what is unassigned,
// moves what cannot remain, and rebalances.
//
// It decides on a model of who holds what, which runs ahead of the routing: what is
// merely throttled now counts in the model as if it were done.
type balancer struct {
	p     *pass
	nodes []*routing.Node

	avgShards float32
	avgLoad   float64
	avgDisk   float64

	// By node: what it holds in the model, and the parts of its weight.
	count []int32
	load  []float64
	disk  []float64
	terms []terms

	entries [][]entry // by index

	// The index that weights are wanted for, and its copies by node.
	current  *routing.Index
	high     []int32 // highest primary shard number, -1 none
	avgIndex float32
	none     float32 // the index's part of the weight of a node without copies of it

	heldBy []uint64 // the nodes that hold any, as bits
	none64 []uint64 // no node

	// uniform says that nodes differ in nothing but numbers of copies; quick chooses
	// nodes then, while copies are being allocated.
	uniform bool
	quick   *quickChoice

	// order holds all nodes in the order the last sort left, with their weights.
	order []javaorder.Pair
	// unsorted says that the sorts of all indices are still to be done (sorts.go), and after
	// them those of the indices owed; trial is room for attempts, vain how many more times it
	// is not worth one.
	unsorted bool
	owed     []*routing.Index
	trial    []javaorder.Pair
	vain     int
	rankings []ranking // of the model as it is
	// keys are the sort keys of nodes without copies of the index, by how many copies
	// they hold beyond least; for uniform nodes.
	keys        []javaorder.Pair
	least, most int32

	// What the model's copies have changed since it was built, for refresh.
	stale      []bool // by index
	staleNodes []bool
	// unsure are the shards of which a copy may have to leave: those of which one had to when
	// all were looked at, and those that have changed since.
	unsure []*routing.Shard
	looked bool

	// lists hold the copies that could be moved, of the current index, by node and with
	// falling shard number; listed says that they are up to date, touched which nodes have one.
	lists   [][]movable
	listed  bool
	touched []int32

	// found is what is kept of each index from round to round (settled.go), as long as the
	// journal of nodes that changed allows; usage is the disks as they were noted last.
	found        []finding
	journal      findings.Journal
	changedNodes *findings.Distinct
	usage        []routing.DiskUsage
	weigher      func(int32) float32
	lasting      bool
	averaged     bool // the averages hold
}

// terms are the parts of a node's weight that are the same for all indices, and how
// many copies of the current index it holds.
type terms struct {
	shards, load, disk float32
	held               int32
}

// entry is a copy in the model.
type entry struct {
	r       *routing.Copy
	node    int32
	num     int32 // of the shard
	primary bool
	started bool // it could be moved
}

func newEntry(r *routing.Copy, n int32, started bool) entry {
	return entry{r: r, node: n, num: int32(r.Shard.Number), primary: r.Primary, started: started}
}

func newBalancer(p *pass) *balancer {
	n := len(p.Nodes)
	b := &balancer{
		p: p, nodes: p.Nodes,
		count: make([]int32, n), load: make([]float64, n), disk: make([]float64, n),
		terms: make([]terms, n), high: make([]int32, n), heldBy: make([]uint64, (n+63)/64), none64: make([]uint64, (n+63)/64),
		entries: make([][]entry, len(p.Indices)), lists: make([][]movable, n),
		order: make([]javaorder.Pair, n),
		stale: make([]bool, len(p.Indices)), staleNodes: make([]bool, n),
		found: make([]finding, len(p.Indices)), changedNodes: findings.NewDistinct(n), usage: make([]routing.DiskUsage, n),
		lasting: p.ignoredNodes == nil && lasting(),
	}
	b.weigher = b.weight
	for i, idx := range p.Indices {
		b.entries[i] = make([]entry, 0, len(idx.Shards)*idx.Copies)
		b.stale[i] = true
	}
	for i := range b.staleNodes {
		b.staleNodes[i] = true
	}
	b.refresh()
	return b
}

// refresh makes the model what a new one would be, all copies of the routing having
// started since: only indices and nodes that changed are entered again.
func (b *balancer) refresh() {
	b.look(nil)
	b.unsorted, b.owed, b.rankings = false, b.owed[:0], b.rankings[:0]
	b.average()
	for i := range b.order {
		b.high[i] = -1
		b.order[i] = javaorder.Ascending(0, int32(i))
	}
	for i, stale := range b.stale {
		if stale {
			b.enterIndex(i)
			b.found[i].moved()
			b.stale[i] = false
		}
	}
	b.least, b.most = math.MaxInt32, 0
	for i, n := range b.nodes {
		was, stale := b.terms[i], b.staleNodes[i]
		if stale {
			b.enterNode(n)
			b.staleNodes[i] = false
		}
		b.weigh(i)
		if stale || b.terms[i] != was || b.refilled(i) {
			b.journal.Note(int32(i))
		}
		b.least, b.most = min(b.least, b.count[i]), max(b.most, b.count[i])
	}
}

// refilled reports whether a node's disk is not as it was when last asked.
func (b *balancer) refilled(i int) bool {
	if !b.p.disk.known {
		return false
	}
	was := b.usage[i]
	b.usage[i] = b.p.usageOf(b.nodes[i])
	return b.usage[i] != was
}

// average computes what every node would hold if all held the same.
func (b *balancer) average() {
	if b.averaged {
		return
	}
	b.averaged = true
	shards, disk, load := 0, int64(0), 0.0
	b.uniform = true
	for _, idx := range b.p.Indices {
		b.uniform = b.uniform && idx.Settings.WriteLoad == 0 && largestShard(idx) == 0
		copies := idx.Meta.Shards * idx.Copies
		shards += copies
		load += float64(idx.Settings.WriteLoad * float64(copies))
		disk += indexDisk(idx)
	}
	n := len(b.nodes)
	b.avgShards = float32(shards) / float32(n)
	b.avgLoad = load / float64(n)
	b.avgDisk = float64(disk) / float64(n)
}

// indexDisk is what an index takes on all disks; copies of unknown size count with
// the average of the known ones.
func indexDisk(idx *routing.Index) int64 {
	if idx.Settings.IgnoreWatermark {
		return 0
	}
	replicas := int64(idx.Meta.Replicas)
	total, known := int64(0), int64(0)
	for _, s := range idx.Shards {
		if size := max(idx.Settings.ForecastBytes, s.Bytes[routing.Role(true)]); size != routing.UnknownSize {
			total += size
			known++
		}
		if size := max(idx.Settings.ForecastBytes, s.Bytes[routing.Role(false)]); size != routing.UnknownSize {
			total += size * replicas
			known += replicas
		}
	}
	copies := int64(idx.Meta.Shards * idx.Copies)
	switch known {
	case copies:
		return total
	case 0:
		return 0
	}
	return total / known * copies
}

// copyDisk is what a copy takes.
func copyDisk(r *routing.Copy) int64 {
	set := r.Shard.Index.Settings
	if set.IgnoreWatermark {
		return 0
	}
	return max(set.ForecastBytes, knownSize(r), 0)
}

// enterIndex enters the copies of an index; relocating ones count on their target.
func (b *balancer) enterIndex(i int) {
	list := b.entries[i][:0]
	for _, s := range b.p.Indices[i].Shards {
		for _, r := range s.Assigned {
			if !r.Relocating() {
				list = append(list, newEntry(r, int32(r.Node.Pos), r.Started()))
			}
		}
	}
	b.entries[i] = list
}

// enterNode sums what a node holds, in the order of its list.
func (b *balancer) enterNode(n *routing.Node) {
	count, load, disk := int32(0), 0.0, 0.0
	for r := n.Head; r != nil; r = r.Next {
		if !r.Relocating() {
			count++
			load += r.Shard.Index.Settings.WriteLoad
			disk += float64(copyDisk(r))
		}
	}
	b.count[n.Pos], b.load[n.Pos], b.disk[n.Pos] = count, load, disk
}

// weigh renews the parts of a node's weight that do not depend on an index.
func (b *balancer) weigh(n int) {
	theta, t := &b.p.Settings.Theta, &b.terms[n]
	t.shards = float32(theta[0] * float32(float32(b.count[n])-b.avgShards))
	t.load = float32(theta[2] * float32(b.load[n]-b.avgLoad))
	t.disk = float32(theta[3] * float32(b.disk[n]-b.avgDisk))
}

// add enters a copy of the current index into the model.
func (b *balancer) add(e entry) {
	idx := e.r.Shard.Index
	b.entries[idx.Pos] = append(b.entries[idx.Pos], e)
	b.listed = false
	b.changed(e, 1)
	if e.primary && idx == b.current {
		b.high[e.node] = max(b.high[e.node], e.num)
	}
}

// take removes a copy from the model.
func (b *balancer) take(r *routing.Copy, n int32) {
	idx := r.Shard.Index
	list := b.entries[idx.Pos]
	i := slices.IndexFunc(list, func(e entry) bool { return e.r == r && e.node == n })
	e := list[i]
	b.entries[idx.Pos] = slices.Delete(list, i, i+1)
	b.listed = false
	b.changed(e, -1)
	if e.primary && idx == b.current {
		b.high[n] = -1
		for _, x := range b.entries[idx.Pos] {
			if x.node == n && x.primary {
				b.high[n] = max(b.high[n], x.num)
			}
		}
	}
}

func (b *balancer) changed(e entry, by int32) {
	idx := e.r.Shard.Index
	b.rankings = b.rankings[:0]
	sign := float64(by)
	b.count[e.node] += by
	b.load[e.node] += float64(sign * idx.Settings.WriteLoad)
	b.disk[e.node] += float64(sign * float64(copyDisk(e.r)))
	if idx == b.current {
		b.terms[e.node].held += by
		setBit(b.heldBy, e.node, b.terms[e.node].held > 0)
	}
	b.stale[idx.Pos], b.staleNodes[e.node] = true, true
	b.found[idx.Pos].moved()
	b.journal.Note(e.node)
	if b.looked {
		b.unsure = append(b.unsure, e.r.Shard)
	}
	b.least, b.most = min(b.least, b.count[e.node]), max(b.most, b.count[e.node])
	b.weigh(int(e.node))
}

// look makes an index the one that weights are wanted for.
func (b *balancer) look(idx *routing.Index) {
	if b.current == idx {
		return
	}
	if b.current != nil {
		for _, e := range b.entries[b.current.Pos] {
			b.terms[e.node].held, b.high[e.node] = 0, -1
		}
		clear(b.heldBy)
	}
	b.current = idx
	b.listed = false
	if idx == nil {
		return
	}
	for _, e := range b.entries[idx.Pos] {
		b.terms[e.node].held++
		setBit(b.heldBy, e.node, true)
		if e.primary {
			b.high[e.node] = max(b.high[e.node], e.num)
		}
	}
	b.avgIndex = float32(idx.Meta.Shards*idx.Copies) / float32(len(b.nodes))
	b.none = float32(b.p.Settings.Theta[1] * float32(0-b.avgIndex))
}

// weight is the current index's weight on a node: 32-bit floats, summed in
// Elasticsearch's order.
func (b *balancer) weight(n int32) float32 {
	t := &b.terms[n]
	part := b.none
	if t.held != 0 {
		part = float32(b.p.Settings.Theta[1] * float32(float32(t.held)-b.avgIndex))
	}
	return t.weight(part)
}

// weight is a node's weight with the current index's part.
func (t *terms) weight(part float32) float32 {
	w := float32(t.shards + part)
	w = float32(w + t.load)
	return float32(w + t.disk)
}

// minDelta is how much a copy of the current index changes a weight.
func (b *balancer) minDelta() float32 {
	theta, idx := &b.p.Settings.Theta, b.current
	d := float32(theta[0] + theta[1])
	d = float32(d + float32(theta[2]*float32(idx.Settings.WriteLoad)))
	return float32(d + float32(theta[3]*float32(largestShard(idx))))
}

func largestShard(idx *routing.Index) int64 {
	if idx.Settings.IgnoreWatermark {
		return 0
	}
	largest := max(idx.Settings.ForecastBytes, 0)
	for _, s := range idx.Shards {
		largest = max(largest, s.Bytes[0], s.Bytes[1])
	}
	return largest
}

// fillKeys computes the weight for every number of copies a node may hold without
// holding any of the current index.
func (b *balancer) fillKeys() {
	b.keys = b.keys[:0]
	rest := b.terms[0] // of load and disk, the same on all nodes
	for count := b.least; count <= b.most; count++ {
		w := float32(b.p.Settings.Theta[0] * float32(float32(count)-b.avgShards))
		w = float32(w + b.none)
		w = float32(w + rest.load)
		b.keys = append(b.keys, javaorder.Ascending(float32(w+rest.disk), 0))
	}
}

// resized notes shards whose sizes changed: their copies weigh something else now.
func (b *balancer) resized(shards []*routing.Shard) {
	for _, s := range shards {
		b.averaged = false
		b.found[s.Index.Pos].resized()
		for _, r := range s.Assigned {
			b.staleNodes[r.Node.Pos] = true
		}
	}
}
