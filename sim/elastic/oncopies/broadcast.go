package oncopies

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Order is what is asked of every copy: a value, which travels to the copy's node.
type Order interface {
	// Action is its name, for the trace.
	Action() string
	// Timeout is how long a node may take; 0 for ever.
	Timeout() time.Duration
	// Do does it on a copy, and says when it is done.
	Do(s *elastic.Shard, done func(*elastic.Error))
}

// onCopy carries an order to a copy.
type onCopy struct {
	Order
	key store.Key
}

func (onCopy) Bytes() int64 { return 128 }

// Serve answers with why the order was not carried out; nil where it was, or there is no copy.
func (m onCopy) Serve(q *elastic.Process, answer func(int64, *elastic.Error)) {
	s := q.Shards[m.key]
	if s == nil || s.Phase == elastic.Closed {
		answer(0, nil)
		return
	}
	m.Do(s, func(failed *elastic.Error) { answer(0, failed) })
}

// send has an order carried out on a copy.
func send(p *elastic.Process, o Order, key store.Key, c *state.Copy, done func(*elastic.Error)) {
	elastic.Send(p, p.Member(c.Node), onCopy{o, key}, o.Timeout(), done, func(err error) {
		done(&elastic.Error{Status: 500, Type: "node_disconnected_exception", Reason: err.Error()})
	})
}

// Broadcast has an order carried out on every copy of the indices
// (TransportBroadcastReplicationAction): copies without a node count in the total only.
func Broadcast(n *elastic.Node, ctx context.Context, indices []string, o Order) (elastic.ShardsResult, error) {
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
			send(p, o, keys[i], c, func(failed *elastic.Error) {
				if failed != nil {
					failCopy(&out, c, failed)
				} else {
					out.Successful++
				}
				report()
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

// atOnce is an order that takes a copy no time.
type atOnce struct{}

func (atOnce) Timeout() time.Duration { return time.Minute }

// Refresh makes everything written visible to searches; Flush commits; VerifyClosing flushes a
// copy that is about to be closed; ClearCache clears what searches brought into memory of texts.
type (
	Refresh       struct{ atOnce }
	Flush         struct{ atOnce }
	VerifyClosing struct{ atOnce }
	ClearCache    struct{ atOnce }
)

func (Refresh) Action() string       { return "refresh" }
func (Flush) Action() string         { return "flush" }
func (VerifyClosing) Action() string { return "verify-before-close" }
func (ClearCache) Action() string    { return "clear_cache" }

func (Refresh) Do(s *elastic.Shard, done func(*elastic.Error)) {
	s.RefreshNow()
	done(nil)
}

func (Flush) Do(s *elastic.Shard, done func(*elastic.Error)) {
	s.Store.Flush()
	s.Store.Committed = s.Now()
	s.Counters.FlushTotal++
	done(nil)
}

func (VerifyClosing) Do(s *elastic.Shard, done func(*elastic.Error)) {
	s.Store.Flush()
	done(nil)
}

func (ClearCache) Do(s *elastic.Shard, done func(*elastic.Error)) {
	s.Counters.Fielddata = nil
	done(nil)
}
