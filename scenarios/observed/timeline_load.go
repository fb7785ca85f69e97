package observed

import (
	"cmp"
	"slices"
	"time"
)

// LoadFrame is how busy the nodes were from a moment on, in the order of History.Nodes;
// nil for nodes that had told nothing by then or were not members of the cluster.
type LoadFrame struct {
	At    time.Duration
	Loads []*NodeLoad
}

// NodeLoads follows the nodes' loads; nil when none was observed.
func (h *History) NodeLoads() []LoadFrame {
	last := make([]*NodeLoad, len(h.Nodes))
	member := make([]bool, len(h.Nodes))
	for i := range member {
		member[i] = true // until the first word on who belongs to the cluster
	}
	var frames []LoadFrame
	for _, o := range h.Observations {
		switch s := o.Sight.(type) {
		case Members:
			for i, n := range h.Nodes {
				member[i] = slices.Contains(s.Nodes, n)
			}
		case Loads:
			for i := range s {
				if k := slices.Index(h.Nodes, s[i].Node); k >= 0 {
					last[k] = &s[i]
				}
			}
		default:
			continue
		}
		f := LoadFrame{At: o.At, Loads: slices.Clone(last)}
		for i := range f.Loads {
			if !member[i] {
				f.Loads[i] = nil
			}
		}
		if n := len(frames); n > 0 && frames[n-1].At == o.At {
			frames[n-1] = f
			continue
		}
		frames = append(frames, f)
	}
	if !slices.ContainsFunc(last, func(l *NodeLoad) bool { return l != nil }) {
		return nil
	}
	return frames
}

// LoadFrameAt returns the frame in force at a moment.
func LoadFrameAt(frames []LoadFrame, at time.Duration) (LoadFrame, bool) {
	i, found := slices.BinarySearchFunc(frames, at, func(f LoadFrame, at time.Duration) int { return cmp.Compare(f.At, at) })
	if !found {
		i--
	}
	if i < 0 {
		return LoadFrame{}, false
	}
	return frames[i], true
}

// LoadQuantity is a figure of a node's load.
type LoadQuantity struct {
	Name string
	// Unit is how it is told: %, /s, ms or nothing.
	Unit string
	of   func(*NodeLoad) float64
	// told is whether a 0 is one, and not that nothing is known.
	told bool
}

// loadQuantities are all there are.
var loadQuantities = [...]LoadQuantity{
	{"cpu", "%", func(l *NodeLoad) float64 { return float64(100 * l.CPU) }, true},
	{"disk", "%", func(l *NodeLoad) float64 { return float64(100 * l.Disk) }, false},
	{"net", "%", func(l *NodeLoad) float64 { return float64(100 * l.Net) }, false},
	{"qps", "/s", func(l *NodeLoad) float64 { return l.QPS }, true},
	{"mean", "ms", func(l *NodeLoad) float64 { return l.MeanMs }, false},
	{"p50", "ms", func(l *NodeLoad) float64 { return l.P50Ms }, false},
	{"p90", "ms", func(l *NodeLoad) float64 { return l.P90Ms }, false},
	{"p99", "ms", func(l *NodeLoad) float64 { return l.P99Ms }, false},
	{"queue", "", func(l *NodeLoad) float64 { return float64(l.Queue) }, true},
	{"rejected", "", func(l *NodeLoad) float64 { return float64(l.Rejected) }, true},
}

// LoadQuantities are the figures of a node's load by which it can be judged and drawn.
func LoadQuantities() []LoadQuantity { return loadQuantities[:] }

// Of is the quantity of a load; false when the backend did not tell it.
func (q LoadQuantity) Of(l *NodeLoad) (float64, bool) {
	if l == nil {
		return 0, false
	}
	v := q.of(l)
	return v, q.told || v > 0
}
