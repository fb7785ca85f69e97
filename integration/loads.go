package integration

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// loadWindow is over how long a node's counters are compared: as often as the simulator
// tells loads.
const loadWindow = 5 * time.Second

// hottest is how many copies are told of, as by the simulator.
const hottest = 10

// operationCounters are what Elasticsearch counts of the operations on a copy, in the form
// of _nodes/stats.
type operationCounters struct {
	Indexing struct {
		Total  int64 `json:"index_total"`
		Millis int64 `json:"index_time_in_millis"`
	} `json:"indexing"`
	Get struct {
		Total  int64 `json:"total"`
		Millis int64 `json:"time_in_millis"`
	} `json:"get"`
	Search struct {
		Total  int64 `json:"query_total"`
		Millis int64 `json:"query_time_in_millis"`
	} `json:"search"`
}

// copyCounters are operations and the milliseconds they took.
type copyCounters struct{ writes, reads, millis int64 }

func (c *operationCounters) sum() copyCounters {
	return copyCounters{
		writes: c.Indexing.Total, reads: c.Get.Total + c.Search.Total,
		millis: c.Indexing.Millis + c.Get.Millis + c.Search.Millis,
	}
}

// poolCounters are a thread pool's.
type poolCounters struct {
	Queue    int64 `json:"queue"`
	Rejected int64 `json:"rejected"`
}

// counters are what a node has counted since it started.
type counters struct {
	at        time.Duration // of the observer's clock, when the answer came
	processor int64         // milliseconds of processors
	disk      int64         // milliseconds that its devices were busy
	pools     map[string]poolCounters
	copies    map[shardID]copyCounters
	primary   map[shardID]bool
}

// rates compares two readings. Copies that were not there before count from zero, and what
// has begun anew (the node or the copy was started again) from then.
func rates(node string, processors int, before, now *counters) (observed.NodeLoad, []observed.ShardLoad) {
	seconds := (now.at - before.at).Seconds()
	l := observed.NodeLoad{Node: node}
	if processors > 0 {
		l.CPU = share(float64(since(before.processor, now.processor)), 1000*seconds*float64(processors))
	}
	l.Disk = share(float64(since(before.disk, now.disk)), 1000*seconds)
	for _, p := range now.pools {
		l.Queue += p.Queue
		l.Rejected += p.Rejected
	}
	var ops, millis int64
	var shards []observed.ShardLoad
	for id, c := range now.copies {
		was := before.copies[id]
		if c.writes < was.writes || c.reads < was.reads {
			was = copyCounters{}
		}
		writes, reads, took := c.writes-was.writes, c.reads-was.reads, c.millis-was.millis
		if writes+reads == 0 {
			continue
		}
		ops, millis = ops+writes+reads, millis+took
		shards = append(shards, observed.ShardLoad{
			Index: id.index, Shard: id.shard, Node: node, Primary: now.primary[id],
			Writes: rounded(float64(writes) / seconds), Reads: rounded(float64(reads) / seconds), MeanMs: rounded(float64(took) / float64(writes+reads)),
		})
	}
	l.QPS = rounded(float64(ops) / seconds)
	if ops > 0 {
		l.MeanMs = rounded(float64(millis) / float64(ops))
	}
	return l, shards
}

// since is how much a counter has grown; one that is lower began anew.
func since(before, now int64) int64 {
	if now < before {
		return now
	}
	return now - before
}

// share is a part of a whole, 0 to 1.
func share(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return rounded(min(1, part/whole))
}

// rounded keeps four decimals.
func rounded(v float64) float64 { return float64(int64(v*1e4+0.5)) / 1e4 }

// takeCounters tells a node's load when a window is over.
func (o *observer) takeCounters(node string, processors int, now *counters) {
	before := o.counted[node]
	if before == nil {
		o.counted[node] = now
		return
	}
	if now.at-before.at < loadWindow {
		return
	}
	o.counted[node] = now
	load, shards := rates(node, processors, before, now)
	o.rated[node] = shards
	if was, known := o.shown.loads[node]; !known || was != load {
		o.shown.loads[node] = load
		o.sink(observed.Observation{At: now.at, Sight: observed.Loads{load}})
	}
	if node == o.cluster.Nodes()[0] {
		o.showHotShards(now.at)
	}
}

// showHotShards tells the copies with most operations on all nodes when others are.
func (o *observer) showHotShards(at time.Duration) {
	hot := hotShards(o.rated)
	same := func(a, b observed.ShardLoad) bool {
		return a.Index == b.Index && a.Shard == b.Shard && a.Node == b.Node
	}
	if len(hot) == 0 || slices.EqualFunc(hot, o.shown.hot, same) {
		return
	}
	o.shown.hot = hot
	o.sink(observed.Observation{At: at, Sight: observed.HotShards(hot)})
}

// hotShards are the copies with most operations per second, hottest first.
func hotShards(rated map[string][]observed.ShardLoad) []observed.ShardLoad {
	var all []observed.ShardLoad
	for _, list := range rated {
		all = append(all, list...)
	}
	slices.SortFunc(all, func(a, b observed.ShardLoad) int {
		switch x, y := a.Writes+a.Reads, b.Writes+b.Reads; {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Shard, b.Shard), cmp.Compare(a.Node, b.Node))
	})
	return all[:min(len(all), hottest)]
}

// processorsOf asks a node once how many processors it may use; 0 when it does not say.
func (o *observer) processorsOf(ctx context.Context, node string) int {
	var answer struct {
		Nodes map[string]struct {
			OS struct {
				Allocated int `json:"allocated_processors"`
			} `json:"os"`
		} `json:"nodes"`
	}
	if err := o.cluster.rest.get(ctx, o.cluster.url(node)+"/_nodes/_local/os?filter_path=nodes.*.os.allocated_processors", &answer); err != nil {
		return 0
	}
	for _, n := range answer.Nodes {
		return n.OS.Allocated
	}
	return 0
}
