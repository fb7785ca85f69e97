package elastic

import (
	"slices"

	"github.com/shardquake/shardquake/scenarios"
)

// hottest is how many copies are told of.
const hottest = 10

func (w *watchers) observeLoads() {
	var out []scenarios.NodeLoad
	for _, n := range w.c.nodes {
		l := w.c.nodeLoad(n)
		if was, ok := w.loads[l.Node]; !ok || differ(was, l) {
			w.loads[l.Node] = l
			out = append(out, l)
		}
	}
	if len(out) > 0 {
		w.emit(scenarios.Observation{Sight: scenarios.Loads(out)})
	}
	w.observeHotShards()
}

// differ reports whether a load is another by more than a few requests of single clients
// make it.
func differ(a, b scenarios.NodeLoad) bool {
	off := func(x, y, least float64) bool { return max(x-y, y-x) > max(least, float64(0.01*max(x, y))) }
	return off(a.CPU, b.CPU, 0.005) || off(a.Disk, b.Disk, 0.005) || off(a.Net, b.Net, 0.005) || off(a.QPS, b.QPS, 2) || off(a.MeanMs, b.MeanMs, 0) ||
		off(a.P50Ms, b.P50Ms, 0) || off(a.P90Ms, b.P90Ms, 0) || off(a.P99Ms, b.P99Ms, 0) || off(float64(a.Queue), float64(b.Queue), 10) ||
		off(float64(a.Rejected), float64(b.Rejected), 0)
}

// nodeLoad is how a node does now.
func (c *Cluster) nodeLoad(n *Node) scenarios.NodeLoad {
	u := c.Utilisation(n.Name())
	l := scenarios.NodeLoad{Node: n.Name(), CPU: round(u.CPU), Disk: round(u.Disk), Net: round(u.Net)}
	if n.proc == nil {
		return l
	}
	sv := c.fluid.server(n)
	g := &sv.figures
	rate := g.rate[indexing] + g.rate[searching]
	l.QPS = round(rate + sv.api.rate())
	l.Queue, l.Rejected = n.proc.waiting(sv)
	if rate > 0 {
		p := sv.timed()
		l.MeanMs = millis(sv.meanOf(g.rate))
		l.P50Ms, l.P90Ms, l.P99Ms = millis(p[0]), millis(p[1]), millis(p[2])
	}
	return l
}

// meanOf is the mean time that the node takes for a mix of operations, in seconds.
func (sv *nodeQueue) meanOf(rate [kinds]float64) float64 {
	sum, all := 0.0, 0.0
	for k := range kinds {
		sum += float64(rate[k] * sv.figures.mean(k, &sv.n.c.cal))
		all += rate[k]
	}
	if all == 0 {
		return 0
	}
	return sum / all
}

// observeHotShards tells the copies with most operations when any rate has changed.
func (w *watchers) observeHotShards() {
	f := &w.c.fluid
	if w.hotAt == f.version && (!f.steering || w.ticks%sizeTicks != 0) {
		return
	}
	w.hotAt = f.version
	out := f.hotShards(hottest)
	if !slices.Equal(out, w.hot) && len(out) > 0 {
		w.hot = out
		w.emit(scenarios.Observation{Sight: scenarios.HotShards(out)})
	}
}

// hotShards are the copies with most operations per second, hottest first.
func (f *fluidLoad) hotShards(most int) []scenarios.ShardLoad {
	type hot struct {
		g   *fluidGroup
		i   int
		ops int64
	}
	var top []hot
	for _, g := range f.order {
		for i := range g.shares {
			ops := g.shares[i].ops[indexing] + g.shares[i].ops[searching]
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
	out := make([]scenarios.ShardLoad, 0, len(top))
	for _, h := range top {
		out = append(out, f.shardLoad(h.g, h.i))
	}
	return out
}

// shardLoad is what a group's i-th copy has to do.
func (f *fluidLoad) shardLoad(g *fluidGroup, i int) scenarios.ShardLoad {
	st, d := g.members[i], &g.shares[i].demand
	sv := f.server(f.servers[st.Machine].n)
	rate := [kinds]float64{perSecond(d.ops[indexing]), perSecond(d.ops[searching])}
	l := scenarios.ShardLoad{
		Index: st.IndexName, Shard: st.Key.Shard, Node: sv.n.Name(), Primary: i == 0,
		Writes: round(rate[indexing]), Reads: round(rate[searching]), MeanMs: millis(sv.meanOf(rate)),
	}
	for k, to := range [...]*float64{&l.P50Ms, &l.P90Ms, &l.P99Ms} {
		*to = millis(sv.percentile(rate, percentilePoints[k]))
	}
	return l
}

// millis turns seconds into milliseconds with four decimals.
func millis(s float64) float64 { return round(float64(s * 1e3)) }

// round keeps four decimals: enough to see, too few to differ between machines.
func round(v float64) float64 { return float64(int64(float64(v*1e4)+0.5)) / 1e4 }
