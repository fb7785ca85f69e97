package gameday

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// Figure is something that is predicted and watched.
type Figure struct {
	Name, About, Unit string
	// Least is the margin that every prediction of it has.
	Least float64
	// LessIsWorse turns what is feared round: fewer members are worse, more copies that are
	// not started.
	LessIsWorse bool
	// OfClients is of the load, which ends with the plan.
	OfClients bool
	track     func(h *observed.History) track
}

// Figures are all there are, in the order of [scenarios.GamedayFigures].
func Figures() []Figure {
	return []Figure{
		{Name: "health", About: "health: 0 green, 1 yellow, 2 red", track: health},
		{Name: "not-started", About: "shard copies that are not started", Least: 1, track: notStarted},
		{Name: "members", About: "nodes in the cluster", LessIsWorse: true, track: members},
		{Name: "failed", About: "operations of clients that failed", Unit: "/s", Least: 1, OfClients: true, track: failed},
		{Name: "p99", About: "99th percentile of writes", Unit: "ms", Least: 100, OfClients: true, track: p99},
		{Name: "disk", About: "fullest disk", Unit: "%", Least: 2, track: disk},
	}
}

// point is a figure from a moment on.
type point struct {
	at time.Duration
	v  float64
}

// track is a figure over time.
type track []point

func (t *track) add(at time.Duration, v float64) {
	if n := len(*t); n > 0 && (*t)[n-1].at == at {
		(*t)[n-1].v = v
		return
	}
	*t = append(*t, point{at, v})
}

// at is the figure at a moment; false before the first was seen.
func (t track) at(at time.Duration) (float64, bool) {
	i, found := slices.BinarySearchFunc(t, at, func(p point, at time.Duration) int { return int(p.at - at) })
	if found {
		return t[i].v, true
	}
	if i == 0 {
		return 0, false
	}
	return t[i-1].v, true
}

// between are the least and the greatest between two moments.
func (t track) between(from, to time.Duration) (lo, hi float64, ok bool) {
	lo, ok = t.at(from)
	hi = lo
	for _, p := range t {
		if p.at < from || p.at > to {
			continue
		}
		if !ok {
			lo, hi, ok = p.v, p.v, true
		}
		lo, hi = min(lo, p.v), max(hi, p.v)
	}
	return lo, hi, ok
}

func health(h *observed.History) (t track) {
	levels := map[string]float64{"green": 0, "yellow": 1, "red": 2}
	for _, s := range h.HealthSpans() {
		if v, known := levels[s.Status]; known {
			t.add(s.From, v)
		}
	}
	return t
}

func notStarted(h *observed.History) (t track) {
	for _, o := range h.Observations {
		if s, is := o.Sight.(observed.Health); is {
			t.add(o.At, float64(s.Unassigned+s.Initializing))
		}
	}
	return t
}

func members(h *observed.History) (t track) {
	for _, o := range h.Observations {
		if s, is := o.Sight.(observed.Members); is {
			t.add(o.At, float64(len(s.Nodes)))
		}
	}
	return t
}

// rateOver is the time over which operations that failed are counted.
const rateOver = 5 * time.Second

func failed(h *observed.History) (t track) {
	first := 0
	for i, s := range h.Traffic {
		for first < i && s.At-h.Traffic[first].At > rateOver {
			first++
		}
		b := h.Traffic[first]
		if s.At <= b.At {
			continue
		}
		n := s.Failed + s.Unknown + s.ReadsFailed - b.Failed - b.Unknown - b.ReadsFailed
		t.add(s.At, float64(n)/(s.At-b.At).Seconds())
	}
	return t
}

func p99(h *observed.History) (t track) {
	for _, s := range h.Traffic {
		if s.P99 > 0 {
			t.add(s.At, float64(s.P99.Microseconds())/1000)
		}
	}
	return t
}

func disk(h *observed.History) (t track) {
	used := make(map[string]float64)
	for _, o := range h.Observations {
		s, is := o.Sight.(observed.Disks)
		if !is {
			continue
		}
		for _, d := range s {
			if d.Total > 0 {
				used[d.Node] = 100 * float64(d.Used) / float64(d.Total)
			}
		}
		most := 0.0
		for _, n := range h.Nodes {
			most = max(most, used[n])
		}
		t.add(o.At, most)
	}
	return t
}
