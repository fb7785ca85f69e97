package elastic

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// defaultWriteTimeout is how long a write waits for its primary.
const defaultWriteTimeout = time.Minute

// Bulk writes items and answers in their order. It is the coordinating node's part:
// items go to their shards' primaries, and again after every new state while a primary
// is missing or has moved, until the time is over (TransportBulkAction,
// TransportReplicationAction.ReroutePhase).
func (n *Node) Bulk(ctx context.Context, items []BulkItem, opt BulkOptions) []BulkResult {
	out := make([]BulkResult, len(items))
	for i, it := range items {
		out[i] = BulkResult{Op: it.Op, Index: it.Index, ID: it.ID}
	}
	failAll := func(err error) []BulkResult {
		for i := range out {
			if out[i].Status == 0 {
				out[i].Err, out[i].Status = AsError(err), AsError(err).Status
			}
		}
		return out
	}
	p := n.Proc
	if p == nil {
		return failAll(ErrNodeGone)
	}
	if opt.Timeout == 0 {
		opt.Timeout = defaultWriteTimeout
	}
	p.Pools.Coordinate(len(items))
	err := p.Await(ctx, func(done func(error)) {
		groups := p.groupByShard(items, out)
		report := Gather(len(groups), func() { done(nil) })
		for _, g := range groups {
			g.p, g.opt, g.until, g.report = p, opt, p.Cluster.Now()+opt.Timeout, report
			g.try()
		}
	})
	if err != nil {
		return failAll(err)
	}
	return out
}

// shardBulk are the items of one request for one shard.
type shardBulk struct {
	p      *Process
	key    store.Key
	index  string
	shard  int
	items  []BulkItem
	out    []*BulkResult
	opt    BulkOptions
	until  time.Duration
	report func()
}

// groupByShard answers what can't be routed and groups the rest, in order of first use.
func (p *Process) groupByShard(items []BulkItem, out []BulkResult) []*shardBulk {
	var groups []*shardBulk
	at := make(map[store.Key]*shardBulk)
	for i := range items {
		it := items[i]
		meta := p.Applied.Index(it.Index)
		if meta == nil {
			out[i].Err, out[i].Status = IndexNotFound(it.Index), 404
			continue
		}
		if err := p.refused(meta); err != nil {
			out[i].Err, out[i].Status = err, err.Status
			continue
		}
		if it.ID == "" {
			it.ID = state.NewDocID(p.Cluster.e.Stream("elastic.doc-id", p.Node.Name()))
			it.Op = OpCreate
			out[i].ID = it.ID
		}
		k := store.Key{UUID: meta.UUID, Shard: indexmeta.ShardFor(meta, it.ID, it.Routing)}
		g := at[k]
		if g == nil {
			g = &shardBulk{key: k, index: it.Index, shard: k.Shard}
			at[k] = g
			groups = append(groups, g)
		}
		g.items = append(g.items, it)
		g.out = append(g.out, &out[i])
	}
	return groups
}

// refused is the block that refuses a write, or nil: the flood-stage block allows only
// whole indices to be deleted, not documents.
func (p *Process) refused(meta *state.Index) *Error {
	return indexmeta.IndexBlock(p.Applied, meta.Name, "write")
}

// try sends the items to the primary, if the node knows one.
func (g *shardBulk) try() {
	p := g.p
	if err, retryable := indexmeta.GlobalBlock(p.Applied, "write"); err != nil {
		if !retryable {
			g.fail(err)
			return
		}
		g.again(err)
		return
	}
	t, meta := delta.TableOf(p.Applied, g.key)
	if meta == nil {
		g.fail(IndexNotFound(g.index))
		return
	}
	pr := t.Primary()
	if pr == nil || !pr.Active() {
		g.again(g.unavailable("primary shard is not active"))
		return
	}
	write := shardWrite{key: g.key, copy: pr.AllocationID, term: meta.PrimaryTerms[g.shard], items: g.items, opt: g.opt}
	Send(p, p.Member(pr.Node), write, 0, g.answered, func(error) { g.again(g.unavailable("primary shard is not active")) })
}

// answered takes the primary's results, or tries again when it was not the primary any
// more or could not get enough active copies.
func (g *shardBulk) answered(a written) {
	switch {
	case a.retry:
		g.again(a.failed)
	case a.failed != nil:
		g.fail(a.failed)
	default:
		for i := range a.results {
			op, id := g.out[i].Op, g.out[i].ID // as they were asked for
			*g.out[i] = a.results[i]
			g.out[i].Op, g.out[i].ID = op, id
		}
		g.report()
	}
}

// again tries after the next state, or once more when the time is over.
func (g *shardBulk) again(last *Error) {
	left := g.until - g.p.Cluster.Now()
	if left <= 0 {
		g.fail(last)
		return
	}
	version, master := g.p.Applied.Version, g.p.Applied.Master
	g.p.whenState(left, func(st *state.State) bool {
		return st.Version != version || st.Master != master
	}, func(ok bool) {
		if !ok {
			g.until = 0 // a last try
		}
		g.try()
	})
}

func (g *shardBulk) fail(err *Error) {
	for i := range g.out {
		g.out[i].Err, g.out[i].Status = err, err.Status
	}
	g.report()
}

// unavailable is UnavailableShardsException.
func (g *shardBulk) unavailable(why string) *Error {
	return &Error{
		Status: 503, Type: "unavailable_shards_exception",
		Reason: fmt.Sprintf("[%s][%d] %s Timeout: [%s], request: [BulkShardRequest [[%s][%d]] containing %s]",
			g.index, g.shard, why, settings.TimeText(g.opt.Timeout), g.index, g.shard, requestsText(g.items)),
	}
}

// requestsText is how BulkShardRequest prints its items: one of them, or their number.
func requestsText(items []BulkItem) string {
	if len(items) != 1 {
		return "[" + strconv.Itoa(len(items)) + "] requests"
	}
	it := items[0]
	switch it.Op {
	case OpDelete:
		return "[delete {[" + it.Index + "][" + it.ID + "]}]"
	case OpUpdate:
		return "[update {[" + it.Index + "][" + it.ID + "]}]"
	}
	return "[index {[" + it.Index + "][" + it.ID + "], source[" + string(it.Source) + "]}]"
}
