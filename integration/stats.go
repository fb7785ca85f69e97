package integration

import (
	"context"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// statsQuery asks one node about itself alone: stats of all nodes wait for silent ones.
const statsQuery = "/_nodes/_local/stats/fs,process,thread_pool,indices/store,indexing,get,search?level=shards&filter_path=" +
	"nodes.*.fs.total,nodes.*.fs.io_stats.total.io_time_in_millis,nodes.*.process.cpu.total_in_millis," +
	"nodes.*.thread_pool.write,nodes.*.thread_pool.search,nodes.*.thread_pool.get,nodes.*.indices.shards"

// A size counts as changed beyond these: a growing index must not fill the trace.
const (
	sizeStep  = 64 << 10
	sizeShare = 20 // one twentieth
)

type statsAnswer struct {
	Nodes map[string]struct {
		FS struct {
			Total struct {
				Total     int64 `json:"total_in_bytes"`
				Available int64 `json:"available_in_bytes"`
			} `json:"total"`
			IO struct {
				Total struct {
					Millis int64 `json:"io_time_in_millis"`
				} `json:"total"`
			} `json:"io_stats"`
		} `json:"fs"`
		Process struct {
			CPU struct {
				Millis int64 `json:"total_in_millis"`
			} `json:"cpu"`
		} `json:"process"`
		Pools   map[string]poolCounters `json:"thread_pool"`
		Indices struct {
			Shards map[string][]map[string]struct {
				Routing struct {
					Primary bool `json:"primary"`
				} `json:"routing"`
				operationCounters
				Store struct {
					Bytes int64 `json:"size_in_bytes"`
				} `json:"store"`
			} `json:"shards"`
		} `json:"indices"`
	} `json:"nodes"`
}

type statsSeen struct {
	at    time.Duration
	node  string
	disk  observed.Disk
	bytes map[shardID]int64
	load  *counters
	// processors is how many the node may use; 0 unknown.
	processors int
}

func (o *observer) pollStats(ctx context.Context, node string) {
	processors := 0
	every(ctx, fixed(pollStats), func(limited context.Context) {
		if processors == 0 {
			processors = o.processorsOf(limited, node)
		}
		var answer statsAnswer
		if err := o.cluster.rest.get(limited, o.cluster.url(node)+statsQuery, &answer); err != nil {
			return // a node that does not answer is seen by pollState
		}
		seen := answer.seen(o.cluster.clock.Monotonic(), node)
		seen.processors = processors
		o.tell(ctx, seen)
	})
}

// seen reads a node's answer.
func (a *statsAnswer) seen(at time.Duration, node string) statsSeen {
	load := &counters{at: at, copies: map[shardID]copyCounters{}, primary: map[shardID]bool{}}
	seen := statsSeen{at: at, node: node, bytes: map[shardID]int64{}, load: load}
	for _, n := range a.Nodes {
		seen.disk = observed.Disk{Node: node, Used: n.FS.Total.Total - n.FS.Total.Available, Total: n.FS.Total.Total}
		load.processor, load.disk, load.pools = n.Process.CPU.Millis, n.FS.IO.Total.Millis, n.Pools
		for index, shards := range n.Indices.Shards {
			for _, entry := range shards {
				for number, stats := range entry {
					shard, err := strconv.Atoi(number)
					if err != nil {
						continue
					}
					id := shardID{index, shard}
					seen.bytes[id] = stats.Store.Bytes
					load.copies[id], load.primary[id] = stats.sum(), stats.Routing.Primary
				}
			}
		}
	}
	return seen
}

func (o *observer) takeStats(a statsSeen) {
	before, known := o.shown.disks[a.node]
	if !known || before.Total != a.disk.Total || differs(before.Used, a.disk.Used, a.disk.Total/1000) {
		o.shown.disks[a.node] = a.disk
		o.sink(observed.Observation{At: a.at, Sight: observed.Disks{a.disk}})
	}
	o.takeCounters(a.node, a.processors, a.load)
	for id, bytes := range a.bytes {
		if o.sizes[id] == nil {
			o.sizes[id] = map[string]int64{}
		}
		old, known := o.sizes[id][a.node]
		if !known || differs(old, bytes, max(sizeStep, old/sizeShare)) {
			o.sizes[id][a.node] = bytes
		}
	}
	if o.current != nil && o.shown.begun {
		o.showShards(a.at)
	}
}

func differs(a, b, by int64) bool { return a-b > by || b-a > by }

// withSizes puts the size of the primary on all copies of a shard: what a copy still has
// to grow to.
func (o *observer) withSizes(shards map[shardID][]observed.Copy) map[shardID][]observed.Copy {
	out := make(map[shardID][]observed.Copy, len(shards))
	for id, copies := range shards {
		size := int64(-1)
		for _, c := range copies {
			if bytes, known := o.sizes[id][c.Node]; known && (c.Primary || size < 0) {
				size = bytes
			}
		}
		if size < 0 {
			size = o.lastSize(id)
		}
		sized := append([]observed.Copy(nil), copies...)
		for i := range sized {
			sized[i].Bytes = size
		}
		out[id] = sized
	}
	return out
}

// lastSize is the size last shown of a shard none of whose nodes tells one.
func (o *observer) lastSize(id shardID) int64 {
	if shown := o.shown.shards[id]; len(shown) > 0 {
		return shown[0].Bytes
	}
	return -1
}
