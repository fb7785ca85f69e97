package backend

import (
	"slices"

	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/load"
)

// hottest is how many copies are told of.
const hottest = 10

func (w *watchers) observeLoads() {
	var out []observed.NodeLoad
	for _, n := range w.c.Nodes() {
		l := nodeLoad(w.c, n)
		if was, ok := w.loads[l.Node]; !ok || differ(was, l) {
			w.loads[l.Node] = l
			out = append(out, l)
		}
	}
	if len(out) > 0 {
		w.emit(observed.Observation{Sight: observed.Loads(out)})
	}
	w.observeHotShards()
}

// differ reports whether a load is another by more than a few requests of single clients
// make it.
func differ(a, b observed.NodeLoad) bool {
	off := func(x, y, least float64) bool { return max(x-y, y-x) > max(least, float64(0.01*max(x, y))) }
	return off(a.CPU, b.CPU, 0.005) || off(a.Disk, b.Disk, 0.005) || off(a.Net, b.Net, 0.005) || off(a.QPS, b.QPS, 2) || off(a.MeanMs, b.MeanMs, 0) ||
		off(a.P50Ms, b.P50Ms, 0) || off(a.P90Ms, b.P90Ms, 0) || off(a.P99Ms, b.P99Ms, 0) || off(float64(a.Queue), float64(b.Queue), 10) ||
		off(float64(a.Rejected), float64(b.Rejected), 0)
}

// nodeLoad is how a node does now.
func nodeLoad(c *elastic.Cluster, n *elastic.Node) observed.NodeLoad {
	u := c.Utilisation(n.Name())
	l := observed.NodeLoad{Node: n.Name(), CPU: round(u.CPU), Disk: round(u.Disk), Net: round(u.Net)}
	if n.Proc == nil {
		return l
	}
	sv := n.Load()
	g := &sv.Figures
	rate := g.Rate[load.Indexing] + g.Rate[load.Searching]
	l.QPS = round(rate + sv.API.Rate())
	l.Queue, l.Rejected = n.Proc.Pools.Waiting()
	if rate > 0 {
		p := sv.Timed()
		l.MeanMs = millis(meanOf(sv, g.Rate))
		l.P50Ms, l.P90Ms, l.P99Ms = millis(p[0]), millis(p[1]), millis(p[2])
	}
	return l
}

// meanOf is the mean time that the node takes for a mix of operations, in seconds.
func meanOf(sv *load.Queue, rate [load.Kinds]float64) float64 {
	sum, all := 0.0, 0.0
	for k := range load.Kinds {
		sum += float64(rate[k] * sv.Mean(k))
		all += rate[k]
	}
	if all == 0 {
		return 0
	}
	return sum / all
}

// observeHotShards tells the copies with most operations when any rate has changed.
func (w *watchers) observeHotShards() {
	f := w.c.Fluid
	if w.hotAt == f.Version && (!f.Steering || w.ticks%sizeTicks != 0) {
		return
	}
	w.hotAt = f.Version
	out := hotShards(f, hottest)
	if !slices.Equal(out, w.hot) && len(out) > 0 {
		w.hot = out
		w.emit(observed.Observation{Sight: observed.HotShards(out)})
	}
}

// hotShards are the copies with most operations per second, hottest first.
func hotShards(f *load.Fluid, most int) []observed.ShardLoad {
	type hot struct {
		g   *load.Group
		i   int
		ops int64
	}
	var top []hot
	for _, g := range f.Order {
		for i := range g.Shares {
			ops := g.Shares[i].Ops[load.Indexing] + g.Shares[i].Ops[load.Searching]
			at := len(top)
			for at > 0 && top[at-1].ops < ops {
				at--
			}
			if ops > 0 && at < most {
				top = slices.Insert(top, at, hot{g, i, ops})
				top = top[:min(len(top), most)]
			}
		}
	}
	out := make([]observed.ShardLoad, 0, len(top))
	for _, h := range top {
		out = append(out, shardLoad(f, h.g, h.i))
	}
	return out
}

// shardLoad is what a group's i-th copy has to do.
func shardLoad(f *load.Fluid, g *load.Group, i int) observed.ShardLoad {
	st, d := g.Members[i], &g.Shares[i].Demand
	sv := f.Queue(st.Machine)
	rate := [load.Kinds]float64{load.PerSecond(d.Ops[load.Indexing]), load.PerSecond(d.Ops[load.Searching])}
	l := observed.ShardLoad{
		Index: st.IndexName, Shard: st.Key.Shard, Node: sv.Name, Primary: i == 0,
		Writes: round(rate[load.Indexing]), Reads: round(rate[load.Searching]), MeanMs: millis(meanOf(sv, rate)),
	}
	for k, to := range [...]*float64{&l.P50Ms, &l.P90Ms, &l.P99Ms} {
		*to = millis(sv.Percentile(rate, load.PercentilePoints[k]))
	}
	return l
}

// millis turns seconds into milliseconds with four decimals.
func millis(s float64) float64 { return round(float64(s * 1e3)) }

// round keeps four decimals: enough to see, too few to differ between machines.
func round(v float64) float64 { return float64(int64(float64(v*1e4)+0.5)) / 1e4 }
