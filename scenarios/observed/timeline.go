package observed

import (
	"cmp"
	"slices"
	"time"
)

// Frame is how a quantity lay on the nodes from a moment on.
type Frame struct {
	At time.Duration
	// Member says which nodes belonged to the cluster, Values what each held; both in
	// the order of History.Nodes.
	Member []bool
	Values []float64
}

// MemberValues are the values of the nodes that belong to the cluster.
func (f Frame) MemberValues() []float64 {
	var out []float64
	for i, v := range f.Values {
		if f.Member[i] {
			out = append(out, v)
		}
	}
	return out
}

// Quantities that can be spread evenly or not.
const (
	QuantityShards = "shards"
	QuantityBytes  = "bytes"
	QuantityCPU    = "cpu"
	QuantityDisk   = "disk"
)

// Quantities lists them for messages.
var Quantities = [...]string{QuantityShards, QuantityBytes, QuantityCPU, QuantityDisk}

// Spread follows a quantity over the nodes. Shards and bytes count each copy on the
// node that holds it now: a relocating one on its source. Nil when the backend
// observed nothing of the kind.
func (h *History) Spread(quantity string) []Frame {
	b := spreadBuilder{nodes: h.Nodes, copies: make(map[ShardKey][]Copy), values: make([]float64, len(h.Nodes)), member: make([]bool, len(h.Nodes))}
	var frames []Frame
	for _, o := range h.Observations {
		if !b.take(o, quantity) {
			continue
		}
		f := Frame{o.At, slices.Clone(b.member), slices.Clone(b.values)}
		if n := len(frames); n > 0 && frames[n-1].At == o.At {
			frames[n-1] = f
			continue
		}
		frames = append(frames, f)
	}
	if !b.seen {
		return nil
	}
	return frames
}

// FromStart drops the frames that were over by t=0 and lets the one in force then
// begin at t=0.
func FromStart(frames []Frame) []Frame {
	for len(frames) > 1 && frames[1].At <= 0 {
		frames = frames[1:]
	}
	if len(frames) > 0 && frames[0].At < 0 {
		frames = slices.Clone(frames)
		frames[0].At = 0
	}
	return frames
}

// FrameAt returns the frame in force at a moment.
func FrameAt(frames []Frame, at time.Duration) (Frame, bool) {
	i, found := slices.BinarySearchFunc(frames, at, func(f Frame, at time.Duration) int { return cmp.Compare(f.At, at) })
	if found {
		return frames[i], true
	}
	if i == 0 {
		return Frame{}, false
	}
	return frames[i-1], true
}

// ShardKey names a shard in maps.
type ShardKey struct {
	Index string
	Shard int
}

// spreadBuilder keeps running sums per node while observations go by.
type spreadBuilder struct {
	nodes  []string
	member []bool
	values []float64
	copies map[ShardKey][]Copy
	seen   bool
}

// take updates the sums and reports whether something that concerns the quantity
// changed.
func (b *spreadBuilder) take(o Observation, quantity string) bool {
	changed := false
	switch s := o.Sight.(type) {
	case Members:
		for i, n := range b.nodes {
			b.member[i] = slices.Contains(s.Nodes, n)
		}
		return true
	case Copies:
		if quantity != QuantityShards && quantity != QuantityBytes {
			return false
		}
		for start := 0; start < len(s); {
			end := s.endOfShard(start)
			k := ShardKey{s[start].Index, s[start].Shard}
			b.add(b.copies[k], quantity, -1)
			b.copies[k] = s[start:end]
			b.add(b.copies[k], quantity, 1)
			b.seen = b.seen || quantity != QuantityBytes || slices.ContainsFunc(b.copies[k], Copy.sized)
			changed = true
			start = end
		}
	case Loads:
		for _, l := range s {
			changed = quantity == QuantityCPU && b.set(l.Node, l.CPU) || changed
		}
	case Disks:
		for _, d := range s {
			if quantity == QuantityDisk && d.Total > 0 {
				changed = b.set(d.Node, float64(d.Used)/float64(d.Total)) || changed
			}
		}
	}
	return changed
}

// endOfShard is where the copies of the shard that begins at start end.
func (c Copies) endOfShard(start int) int {
	end := start + 1
	for end < len(c) && c[end].Index == c[start].Index && c[end].Shard == c[start].Shard {
		end++
	}
	return end
}

// sized reports whether a copy's size is known: some backends tell none.
func (c Copy) sized() bool { return c.Bytes >= 0 }

func (b *spreadBuilder) set(node string, value float64) bool {
	i := slices.Index(b.nodes, node)
	if i < 0 {
		return false
	}
	b.values[i], b.seen = value, true
	return true
}

func (b *spreadBuilder) add(copies []Copy, quantity string, sign float64) {
	for _, c := range copies {
		i := slices.Index(b.nodes, c.Node)
		if i < 0 {
			continue
		}
		amount := 1.0
		if quantity == QuantityBytes {
			amount = float64(max(c.Bytes, 0))
		}
		b.values[i] += sign * amount //determinism:allow fused-float whole numbers below 2^53 are exact
	}
}
