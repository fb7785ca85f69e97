package planning

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// sight is what was seen of one run.
type sight struct {
	Hash       string        `json:"hash"`              // of the whole run
	Struck     string        `json:"struck,omitempty"`  // why the loss did not strike; "" it did
	Refused    string        `json:"refused,omitempty"` // why the cluster could not be brought to what it should be
	Began      string        `json:"began"`             // health at t=0
	RedFor     time.Duration `json:"red_for"`
	RedOnce    []string      `json:"red_once"` // indices that had a shard without an active primary after the loss
	RedAtEnd   []string      `json:"red_at_end"`
	NoMaster   bool          `json:"no_master"` // at the end
	Yellow     *float64      `json:"yellow"`
	Green      *float64      `json:"green"`
	Bytes      *float64      `json:"bytes"`
	Took       *float64      `json:"took"` // of work on the cluster: until all was done
	Peak       Peak          `json:"peak"`
	CPU        *float64      `json:"cpu"` // the most that processors were busy, in percent
	CPUNode    string        `json:"cpu_node,omitempty"`
	Moves      int           `json:"moves"`
	Settled    bool          `json:"settled,omitempty"` // a change came to rest
	Left       int           `json:"left"`              // copies that are still on a node that was drained
	Unassigned int           `json:"unassigned"`

	Ailments []observed.Ailment `json:"ailments,omitempty"`
}

// Peak is the fullest that a disk got.
type Peak struct {
	Node    string  `json:"node,omitempty"`
	Percent float64 `json:"percent"`
	// Crossed is the highest watermark that any disk was beyond; "" none.
	Crossed string `json:"crossed,omitempty"`
	// Room is how much was left to each watermark on the disk that came nearest to it, in
	// percent of the disk; negative beyond it.
	Room map[string]float64 `json:"room,omitempty"`
}

// look reads a run.
func look(res *scenarios.Result, l Loss) (sight, error) {
	h := res.History
	scores := reports.RecoveryOf(res)
	out := sight{Hash: fmt.Sprintf("%016x", res.TraceHash), Ailments: h.Ailments, Began: beganAs(h), Moves: len(h.Moves())}
	since := time.Duration(0)
	recovery := scores.RecoveryScore
	switch {
	case len(h.Faults) == 0 && len(res.Scenario.Faults) > 0:
		out.Struck = "the loss never struck"
	case l.Kind == Change:
		out.Yellow, out.Green = regained(h)
		if out.Settled = h.End < res.Scenario.Duration.D(); out.Settled {
			out.Took = scenarios.Seconds(max(0, h.End-restAfterWork-strikesAt))
		}
	case l.rolling():
		since = h.Faults[0].At
		out.roll(res, &scores)
	case len(h.Faults) > 0:
		f := h.Faults[0]
		since, recovery = f.At, scores.PerFault[0].RecoveryScore
		out.Yellow, out.Green = recovery.TimeToYellowS, recovery.TimeToGreenS
		if !f.Injected {
			out.Struck = "the loss did not strike: " + f.Error
		}
		if l.Kind == Drain {
			out.drain(h, l.Name, f.At)
		}
	default:
		out.Yellow, out.Green = regained(h)
	}
	out.RedFor = time.Duration(float64(recovery.RedS * float64(time.Second)))
	if recovery.BytesMoved != nil {
		out.Bytes = scenarios.Number(float64(*recovery.BytesMoved))
	}
	out.RedOnce, out.RedAtEnd = redIndices(h, since)
	out.NoMaster, out.Unassigned = atEnd(h)
	var marks es.Watermarks
	if res.Scenario.System == chaos.Elasticsearch {
		marks = es.WatermarksOf(res.Scenario)
	}
	out.Peak = peakOf(h, marks)
	out.busiest(h)
	return out, nil
}

// roll reads work that went from node to node: how long the cluster was red at the longest,
// how soon it was green again after a node was back, and how long all of it took.
func (v *sight) roll(res *scenarios.Result, scores *reports.Recovery) {
	h := res.History
	lost, last := 0, time.Duration(0)
	v.Yellow, v.Green = scenarios.Seconds(0), scenarios.Seconds(0)
	for i, f := range h.Faults {
		if f.Kind != "node-loss" {
			continue
		}
		lost++
		if !f.Injected || f.HealedAt < 0 {
			v.Yellow, v.Green = longerOf(v.Yellow, scores.PerFault[i].TimeToYellowS), nil
			continue
		}
		times := h.FaultTimes(i, f.HealedAt)
		green := times.Green
		if green < 0 && times.Next != "" { // which waited for it
			green = times.Until
		}
		v.Yellow = longerOf(v.Yellow, scores.PerFault[i].TimeToYellowS)
		if green < 0 {
			v.Green = nil
			continue
		}
		v.Green, last = longerOf(v.Green, scenarios.Seconds(green-f.HealedAt)), max(last, green)
	}
	planned := 0
	for _, e := range res.Scenario.Faults {
		if e.Fault.Kind() == "node-loss" {
			planned++
		}
	}
	if lost < planned {
		v.Green = nil
	}
	if v.Green != nil {
		v.Took = scenarios.Seconds(last - h.Faults[0].At)
	}
}

// drain reads a drain: it is done when the node is empty.
func (v *sight) drain(h *observed.History, node string, since time.Duration) {
	frames, i := h.Spread(observed.QuantityShards), slices.Index(h.Nodes, node)
	if i < 0 || len(frames) == 0 {
		return
	}
	empty := time.Duration(-1)
	for _, f := range frames {
		v.Left = int(f.Values[i])
		switch {
		case v.Left > 0:
			empty = -1
		case empty < 0:
			empty = max(f.At, since)
		}
	}
	v.Green = nil
	if empty >= 0 {
		v.Took, v.Green = scenarios.Seconds(empty-since), scenarios.Seconds(empty-since)
	}
}

// longerOf is the longer of two times; one that never came is longer than any.
func longerOf(a, b *float64) *float64 {
	if a == nil || b == nil {
		return nil
	}
	return scenarios.Number(max(*a, *b))
}

// busiest finds the node whose processors were busiest from t=0 on.
func (v *sight) busiest(h *observed.History) {
	frames := h.NodeLoads()
	for i, f := range frames {
		if f.At > h.End || i+1 < len(frames) && frames[i+1].At <= 0 {
			continue
		}
		for n, l := range f.Loads {
			if l == nil {
				continue
			}
			if cpu := float64(100 * l.CPU); v.CPU == nil || cpu > *v.CPU {
				v.CPU, v.CPUNode = scenarios.Number(math.Round(float64(cpu*100))/100), h.Nodes[n]
			}
		}
	}
}

// beganAs is the health at t=0.
func beganAs(h *observed.History) string {
	if spans := h.HealthSpans(); len(spans) > 0 {
		return spans[0].Status
	}
	return "unknown"
}

// regained are the times since t=0 from which on nothing was red, and all was green.
func regained(h *observed.History) (yellow, green *float64) {
	yellow, green = scenarios.Seconds(0), scenarios.Seconds(0)
	for _, s := range h.HealthSpans() {
		switch {
		case s.Status == "green":
			continue
		case s.To >= h.Closed:
			green = nil
			if s.Status != "yellow" {
				yellow = nil
			}
		default:
			green = scenarios.Seconds(s.To)
			if s.Status != "yellow" {
				yellow = scenarios.Seconds(s.To)
			}
		}
	}
	return yellow, green
}

// redIndices are the indices that had a shard without an active primary at any time from a
// moment on, and those that have one at the end.
func redIndices(h *observed.History, since time.Duration) (once, last []string) {
	type shard struct {
		index string
		n     int
	}
	active := map[shard]bool{}
	for _, o := range h.Observations {
		copies, is := o.Sight.(observed.Copies)
		if !is {
			continue
		}
		now := map[shard]bool{}
		for _, c := range copies {
			k := shard{c.Index, c.Shard}
			now[k] = now[k] || c.Primary && (c.State == "STARTED" || c.State == "RELOCATING")
		}
		for k, ok := range now {
			active[k] = ok
			if !ok && o.At >= since {
				once = append(once, k.index)
			}
		}
	}
	for k, ok := range active {
		if !ok {
			last = append(last, k.index)
		}
	}
	slices.Sort(once)
	slices.Sort(last)
	return slices.Compact(once), slices.Compact(last)
}

// atEnd is whether no master was known when all was over, and how many copies had no node.
func atEnd(h *observed.History) (noMaster bool, unassigned int) {
	for _, o := range slices.Backward(h.Observations) {
		if health, is := o.Sight.(observed.Health); is {
			return !health.Master, health.Unassigned
		}
	}
	return false, 0
}

// peakOf is how full disks got from t=0 on. A disk that was last seen before counts as it
// was then.
func peakOf(h *observed.History, ws es.Watermarks) Peak {
	out := Peak{Room: map[string]float64{}}
	before := map[string]observed.Disk{}
	names := map[string]bool{}
	note := func(d observed.Disk) {
		used := float64(float64(d.Used)*100) / float64(d.Total)
		if out.Node == "" || used > out.Percent {
			out.Node, out.Percent = d.Node, math.Round(float64(used*1000))/1000
		}
		for i := range ws {
			room := math.Round(float64((ws[i].Percent(d.Total)-used)*1000)) / 1000
			if least, has := out.Room[ws[i].Name]; !has || room < least {
				out.Room[ws[i].Name] = room
			}
		}
		if c := ws.Crossed(d); c != "" {
			names[c] = true
		}
	}
	for _, o := range h.Observations {
		disks, _ := o.Sight.(observed.Disks)
		for _, d := range disks {
			switch {
			case d.Total <= 0:
			case o.At < 0:
				before[d.Node] = d
			default:
				note(d)
			}
		}
	}
	for _, n := range h.Nodes {
		if d, has := before[n]; has {
			note(d)
		}
	}
	for _, w := range ws {
		if names[w.Name] {
			out.Crossed = w.Name
		}
	}
	return out
}

// percentile is the nearest rank of values of which some may be missing, which counts as
// longer than any; nil where the rank falls on one of those.
func percentile(values []*float64, p float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Clone(values)
	slices.SortStableFunc(sorted, func(a, b *float64) int {
		switch {
		case a == nil && b == nil:
			return 0
		case a == nil:
			return 1
		case b == nil || *a < *b:
			return -1
		case *a > *b:
			return 1
		}
		return 0
	})
	rank := int(math.Ceil(float64(p*float64(len(sorted))))) - 1
	return sorted[max(0, rank)]
}

// seconds writes a time of a loss; what never came is never.
func seconds(v *float64) string {
	if v == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f s", *v)
}
