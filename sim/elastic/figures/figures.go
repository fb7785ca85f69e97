package figures

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/lifecycle"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// RolloverFigures are what the conditions of a rollover look at, as the nodes with the
// index's primaries tell; a primary that is not there counts nothing.
func RolloverFigures(n *elastic.Node, ctx context.Context, index string) (lifecycle.Figures, error) {
	var out lifecycle.Figures
	p := n.Proc
	if p == nil {
		return out, elastic.ErrNodeGone
	}
	err := p.Await(ctx, func(done func(error)) {
		meta := p.Applied.Index(index)
		if meta == nil {
			done(elastic.IndexNotFound(index))
			return
		}
		PrimaryFigures(p, meta, func(f lifecycle.Figures) { out = f; done(nil) })
	})
	return out, err
}

// PrimaryFigures asks the primaries of an index for their sizes.
func PrimaryFigures(p *elastic.Process, meta *state.Index, report func(lifecycle.Figures)) {
	out := lifecycle.Figures{Age: p.Clock.Now().Sub(time.UnixMilli(meta.CreationDate).UTC())}
	var primaries []*state.Copy
	for _, t := range p.Applied.Routing.Index(meta.Name).Shards {
		if c := t.Primary(); c != nil && c.Active() {
			primaries = append(primaries, c)
		}
	}
	one := elastic.Gather(len(primaries), func() { report(out) })
	for _, c := range primaries {
		key := store.Key{UUID: meta.UUID, Shard: c.Shard}
		elastic.Send(p, p.Member(c.Node), askSizes{key}, time.Minute, func(sizes copySizes) {
			out.Docs += sizes.docs
			out.Bytes += sizes.bytes
			out.MostDocs = max(out.MostDocs, sizes.docs)
			out.MostBytes = max(out.MostBytes, sizes.bytes)
			one()
		}, func(error) { one() })
	}
}

// askSizes asks a node how large its copy of a shard is.
type askSizes struct{ key store.Key }

// copySizes is what it answers; zeros without a copy.
type copySizes struct{ docs, bytes int64 }

func (askSizes) Action() string { return "indices:monitor/stats" }
func (askSizes) Bytes() int64   { return 128 }

func (m askSizes) Serve(q *elastic.Process, answer func(int64, copySizes)) {
	var sizes elastic.ShardStats
	if s := q.Shards[m.key]; s != nil && s.Phase != elastic.Closed {
		sizesOf(s, &sizes)
	}
	answer(256, copySizes{sizes.DocsCount, sizes.StoreBytes})
}
