package reports

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"gonum.org/v1/plot/plotter"

	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// aroundFault is how long before and after a fault the nodes' loads are compared.
const aroundFault = 30 * time.Second

// FaultLoad is what operations took on each node around a fault.
type FaultLoad struct {
	Kind string  `json:"kind"`
	AtS  float64 `json:"at"`
	// Of says which figure it is: p99 where the backend tells percentiles (the simulator),
	// mean where it does not (a real cluster's node statistics).
	Of    string       `json:"of"`
	Nodes []NodeAround `json:"nodes"`
}

// NodeAround is a node before the fault and after it; null where nothing was known of it.
type NodeAround struct {
	Node      string   `json:"node"`
	BeforeMs  *float64 `json:"before_ms"`
	AfterMs   *float64 `json:"after_ms"`
	BeforeCPU *float64 `json:"before_cpu"` // 0 to 1
	AfterCPU  *float64 `json:"after_cpu"`
}

// faultLoadsOf compares the nodes' loads in the half minute before and after each fault.
func faultLoadsOf(h *observed.History) []FaultLoad {
	frames := h.NodeLoads()
	if frames == nil {
		return nil
	}
	latency := latencyOf(frames)
	var out []FaultLoad
	for _, f := range h.Faults {
		if !f.Injected {
			continue
		}
		around := FaultLoad{Kind: f.Kind, AtS: secs(f.At), Of: latency.Name}
		from, to := max(0, f.At-aroundFault), min(h.End, f.At+aroundFault)
		for i, name := range h.Nodes {
			around.Nodes = append(around.Nodes, NodeAround{
				Node:     name,
				BeforeMs: meanLoad(frames, i, from, f.At, latency), AfterMs: meanLoad(frames, i, f.At, to, latency),
				BeforeCPU: cpuShare(meanLoad(frames, i, from, f.At, processors())), AfterCPU: cpuShare(meanLoad(frames, i, f.At, to, processors())),
			})
		}
		out = append(out, around)
	}
	return out
}

// meanLoad is the mean over a stretch of time of what a node told; nil when it told nothing
// or for less than a tenth of it: a node that is lost counts as a member for a moment more.
func meanLoad(frames []observed.LoadFrame, node int, from, to time.Duration, q observed.LoadQuantity) *float64 {
	area, held := 0.0, 0.0
	for i, f := range frames {
		until := to
		if i+1 < len(frames) {
			until = min(to, frames[i+1].At)
		}
		span := (until - max(f.At, from)).Seconds()
		if v, ok := q.Of(f.Loads[node]); ok && span > 0 {
			area += float64(v * span)
			held += span
		}
	}
	if held < max((to-from).Seconds()/10, 1e-9) {
		return nil
	}
	return ptr(score.Round(area / held))
}

func cpuShare(percent *float64) *float64 {
	if percent == nil {
		return nil
	}
	return ptr(score.Round(*percent / 100))
}

// latencyOf is the figure by which the run's latencies are told: p99 where any node told
// it, else the mean.
func latencyOf(frames []observed.LoadFrame) observed.LoadQuantity {
	p99 := loadQuantity("p99")
	for _, f := range frames {
		if slices.ContainsFunc(f.Loads, func(l *observed.NodeLoad) bool { _, ok := p99.Of(l); return ok }) {
			return p99
		}
	}
	return loadQuantity("mean")
}

func processors() observed.LoadQuantity { return loadQuantity("cpu") }

func loadQuantity(name string) observed.LoadQuantity {
	all := observed.LoadQuantities()
	return all[slices.IndexFunc(all, func(q observed.LoadQuantity) bool { return q.Name == name })]
}

// loadLines draws a figure of every node's load over time, 0 where it told none.
func loadLines(h *observed.History, q observed.LoadQuantity) []line {
	var lines []line
	frames := pageLoads(h.NodeLoads(), q)
	for i, n := range h.Nodes {
		if i == mostLines {
			break
		}
		l := line{name: n}
		for _, f := range frames {
			l.points = append(l.points, plotter.XY{X: f.At, Y: f.Values[i]})
		}
		if len(l.points) > 0 {
			lines = append(lines, extended(l, h))
		}
	}
	return lines
}

// pageLoads are the frames of a figure for the page, from t=0 on.
func pageLoads(frames []observed.LoadFrame, q observed.LoadQuantity) []pageFrame {
	var out []pageFrame
	for i, f := range frames {
		if i+1 < len(frames) && frames[i+1].At <= 0 {
			continue
		}
		values := make([]float64, len(f.Loads))
		for k, l := range f.Loads {
			v, _ := q.Of(l)
			values[k] = score.Round(v)
		}
		out = append(out, pageFrame{secs(max(f.At, 0)), values})
	}
	return out
}

// loadsTable writes the nodes around each fault as Markdown.
func loadsTable(b *bytes.Buffer, loads []FaultLoad) {
	if len(loads) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| fault | node | %s before | after | processors before | after |\n|---|---|---|---|---|---|\n", loads[0].Of)
	for _, f := range loads {
		for i, n := range f.Nodes {
			if i == mostLines {
				break
			}
			fmt.Fprintf(b, "| %s at %.1f s | %s | %s | %s | %s | %s |\n", f.Kind, f.AtS, n.Node,
				quantity(n.BeforeMs, "ms"), quantity(n.AfterMs, "ms"), percent(n.BeforeCPU), percent(n.AfterCPU))
		}
	}
}

// busiest is the node on which operations took longest after the fault.
func (f *FaultLoad) busiest() (worst *NodeAround) {
	for i := range f.Nodes {
		if n := &f.Nodes[i]; n.AfterMs != nil && (worst == nil || *n.AfterMs > *worst.AfterMs) {
			worst = n
		}
	}
	return worst
}

func percent(share *float64) string {
	if share == nil {
		return quantity(nil, "")
	}
	return quantity(ptr(100**share), "%")
}
