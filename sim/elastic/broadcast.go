package elastic

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Broadcast does something on every copy of the indices (TransportBroadcastReplicationAction):
// copies without a node count in the total only.
func (n *Node) Broadcast(ctx context.Context, name string, indices []string, do func(s *Shard)) (ShardsResult, error) {
	return n.broadcastSlow(ctx, name, indices, time.Minute, func(s *Shard, done func(*Error)) {
		do(s)
		done(nil)
	})
}

// broadcastSlow is Broadcast of something that takes its time on a copy.
func (n *Node) broadcastSlow(ctx context.Context, name string, indices []string, timeout time.Duration,
	do func(s *Shard, done func(*Error))) (ShardsResult, error) {
	var out ShardsResult
	p := n.Proc
	if p == nil {
		return out, ErrNodeGone
	}
	err := p.Await(ctx, func(done func(error)) {
		var copies []*state.Copy
		var keys []store.Key
		for _, index := range indices {
			meta := p.Applied.Index(index)
			if meta == nil {
				done(IndexNotFound(index))
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
		report := Gather(len(copies), func() { done(nil) })
		for i, c := range copies {
			p.Request(p.Member(c.Node), RPC{
				Name: name, Bytes: 128, Timeout: timeout,
				Handle: func(q *Process, reply func(int64, func())) {
					answer := func(err *Error) {
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
					if s == nil || s.Phase == Closed {
						answer(nil)
						return
					}
					do(s, answer)
				},
				Failed: func(err error) {
					failCopy(&out, c, &Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()})
					report()
				},
			})
		}
	})
	return out, err
}

// failCopy counts a copy that failed.
func failCopy(out *ShardsResult, c *state.Copy, why *Error) {
	out.Failed++
	out.Failures = append(out.Failures, ShardFailure{
		Index: c.Index, Shard: c.Shard, Node: c.Node, Status: "INTERNAL_SERVER_ERROR", Reason: why,
	})
}

// ClearCaches asks every copy to clear its caches; the model has none, so that it answers at once.
func (n *Node) ClearCaches(ctx context.Context, indices []string) (ShardsResult, error) {
	return n.Broadcast(ctx, "clear_cache", indices, func(*Shard) {})
}
