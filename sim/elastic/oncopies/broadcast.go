package oncopies

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Broadcast does something on every copy of the indices (TransportBroadcastReplicationAction):
// copies without a node count in the total only.
func Broadcast(n *elastic.Node, ctx context.Context, name string, indices []string, do func(s *elastic.Shard)) (elastic.ShardsResult, error) {
	return broadcastSlow(n, ctx, name, indices, time.Minute, func(s *elastic.Shard, done func(*elastic.Error)) {
		do(s)
		done(nil)
	})
}

// broadcastSlow is Broadcast of something that takes its time on a copy.
func broadcastSlow(n *elastic.Node, ctx context.Context, name string, indices []string, timeout time.Duration,
	do func(s *elastic.Shard, done func(*elastic.Error))) (elastic.ShardsResult, error) {
	var out elastic.ShardsResult
	p := n.Proc
	if p == nil {
		return out, elastic.ErrNodeGone
	}
	err := p.Await(ctx, func(done func(error)) {
		var copies []*state.Copy
		var keys []store.Key
		for _, index := range indices {
			meta := p.Applied.Index(index)
			if meta == nil {
				done(elastic.IndexNotFound(index))
				return
			}
			for _, t := range p.Applied.Routing.Index(index).Shards {
				for _, c := range t.Copies {
					out.Total++
					if c.Active() {
						copies, keys = append(copies, c), append(keys, store.Key{UUID: meta.UUID, Shard: t.Shard})
					}
				}
			}
		}
		report := elastic.Gather(len(copies), func() { done(nil) })
		for i, c := range copies {
			p.Request(p.Member(c.Node), elastic.RPC{
				Name: name, Bytes: 128, Timeout: timeout,
				Handle: func(q *elastic.Process, reply func(int64, func())) {
					answer := func(err *elastic.Error) {
						reply(0, func() {
							if err != nil {
								failCopy(&out, c, err)
							} else {
								out.Successful++
							}
							report()
						})
					}
					s := q.Shards[keys[i]]
					if s == nil || s.Phase == elastic.Closed {
						answer(nil)
						return
					}
					do(s, answer)
				},
				Failed: func(err error) {
					failCopy(&out, c, &elastic.Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()})
					report()
				},
			})
		}
	})
	return out, err
}

// failCopy counts a copy that failed.
func failCopy(out *elastic.ShardsResult, c *state.Copy, why *elastic.Error) {
	out.Failed++
	out.Failures = append(out.Failures, elastic.ShardFailure{
		Index: c.Index, Shard: c.Shard, Node: c.Node, Status: "INTERNAL_SERVER_ERROR", Reason: why,
	})
}

// ClearCaches asks every copy to clear its caches: what searches brought into memory of texts.
func ClearCaches(n *elastic.Node, ctx context.Context, indices []string) (elastic.ShardsResult, error) {
	return Broadcast(n, ctx, "clear_cache", indices, func(s *elastic.Shard) { s.Counters.Fielddata = nil })
}
