package backend

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sizesAreTrue holds the sizes that nodes keep against their copies', and reports whether
// all nodes give the same list again.
func (w *world) sizesAreTrue(when string) (kept bool) {
	kept = true
	for _, n := range w.c.Nodes() {
		given := figures.IndexSizes(n)
		var copies, primaries int
		var docs, bytes int64
		figures.EachShardSize(n, func(s *elastic.ShardStats) {
			copies++
			if s.Primary {
				primaries++
			}
			docs += s.DocsCount
			bytes += s.StoreBytes
		})
		for _, x := range given {
			copies -= x.All.Copies
			primaries -= x.Primaries.Copies
			docs -= x.All.DocsCount
			bytes -= x.All.StoreBytes
		}
		assert.Zero(w.t, [...]int64{int64(copies), int64(primaries), docs, bytes}, "%s: %s", n.Name(), when)
		again := figures.IndexSizes(n)
		kept = kept && (len(given) == 0 || &again[0] == &given[0])
	}
	return kept
}

func TestKeptSizesAreThoseOfTheCopies(t *testing.T) {
	w := newWorld(t, 3)
	w.create("docs", 3, 1, "index.refresh_interval", "10s")
	w.until(time.Minute, "green", w.green)
	assert.True(t, w.sizesAreTrue("at rest"))
	for i := range 20 {
		w.do(func(ctx context.Context) {
			require.Nil(t, put(ctx, w.c.Nodes()[0], item(fmt.Sprint(i%7), `{"n":1}`), elastic.BulkOptions{}).Err)
		})
		w.sizesAreTrue("before the refresh")
	}
	w.run(11 * time.Second)
	w.sizesAreTrue("after the refresh")
	assert.True(t, w.sizesAreTrue("at rest again"))
	w.c.SetLoad([]elastic.Load{{Index: "docs", WritesPerSec: 50}})
	for range 5 {
		w.run(3 * time.Second)
		w.sizesAreTrue("under load")
	}
	w.c.SetLoad(nil)
	require.NoError(t, w.c.Kill("n3"))
	for range 40 {
		w.run(3 * time.Second)
		w.sizesAreTrue("while copies are made anew")
	}
	assert.True(t, w.green())
}
