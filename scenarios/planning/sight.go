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
)

// sight is what was seen of one run.
type sight struct {
	hash       string // of the whole run
	struck     string // why the loss did not strike; "" it did
	began      string // health at t=0
	red        time.Duration
	redOnce    []string // indices that had a shard without an active primary after the loss
	redAtEnd   []string
	noMaster   bool // at the end
	yellow     *float64
	green      *float64
	bytes      *float64
	peak       Peak
	unassigned int
	ailments   []scenarios.Ailment
}

// Peak is the fullest that a disk got.
type Peak struct {
	Node    string
	Percent float64
	// Crossed is the highest watermark that any disk was beyond; "" none.
	Crossed string
	// Room is how much was left to each watermark on the disk that came nearest to it, in
	// percent of the disk; negative beyond it.
	Room map[string]float64
}

// look reads a run.
func look(res *scenarios.Result) (sight, error) {
	rep, err := reports.Build(res)
	if err != nil {
		return sight{}, err
	}
	h := res.History
	out := sight{hash: rep.TraceHash, ailments: h.Ailments, began: beganAs(h)}
	since := time.Duration(0)
	recovery := rep.Scores.Recovery.RecoveryScore
	switch {
	case len(h.Faults) == 0 && len(res.Scenario.Faults) > 0:
		out.struck = "the loss never struck"
	case len(h.Faults) > 0:
		f := rep.Faults[0]
		since, recovery = h.Faults[0].At, rep.Scores.Recovery.PerFault[0].RecoveryScore
		out.yellow, out.green = f.YellowAfterS, f.GreenAfterS
		if !f.Injected {
			out.struck = "the loss did not strike: " + f.Error
		}
	default:
		out.yellow, out.green = regained(h)
	}
	out.red = time.Duration(float64(recovery.RedS * float64(time.Second)))
	if recovery.BytesMoved != nil {
		out.bytes = scenarios.Number(float64(*recovery.BytesMoved))
	}
	out.redOnce, out.redAtEnd = redIndices(h, since)
	out.noMaster, out.unassigned = atEnd(h)
	if res.Scenario.System == chaos.Elasticsearch {
		out.peak = peakOf(h, es.WatermarksOf(res.Scenario))
	}
	return out, nil
}

// beganAs is the health at t=0.
func beganAs(h *scenarios.History) string {
	if spans := h.HealthSpans(); len(spans) > 0 {
		return spans[0].Status
	}
	return "unknown"
}

// regained are the times since t=0 from which on nothing was red, and all was green.
func regained(h *scenarios.History) (yellow, green *float64) {
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
func redIndices(h *scenarios.History, since time.Duration) (once, last []string) {
	type shard struct {
		index string
		n     int
	}
	active := map[shard]bool{}
	for _, o := range h.Observations {
		copies, is := o.Sight.(scenarios.Copies)
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
func atEnd(h *scenarios.History) (noMaster bool, unassigned int) {
	for _, o := range slices.Backward(h.Observations) {
		if health, is := o.Sight.(scenarios.Health); is {
			return !health.Master, health.Unassigned
		}
	}
	return false, 0
}

// peakOf is how full disks got from t=0 on. A disk that was last seen before counts as it
// was then.
func peakOf(h *scenarios.History, ws es.Watermarks) Peak {
	out := Peak{Room: map[string]float64{}}
	before := map[string]scenarios.Disk{}
	names := map[string]bool{}
	note := func(d scenarios.Disk) {
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
		disks, _ := o.Sight.(scenarios.Disks)
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
