package search_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/elastictest"
	"github.com/shardquake/shardquake/sim/elastic/search"
)

// BenchmarkDocuments asks a cluster of three nodes, each request with all its messages.
func BenchmarkDocuments(b *testing.B) {
	for _, c := range []struct {
		name string
		ask  func(ctx context.Context, n *elastic.Node, i int) error
	}{
		{"search", func(ctx context.Context, n *elastic.Node, _ int) error {
			_, err := search.Search(ctx, n, elastic.SearchRequest{Indices: []string{"i"}, Size: 10})
			return err
		}},
		{"get", func(ctx context.Context, n *elastic.Node, i int) error {
			_, err := search.Get(ctx, n, "i", fmt.Sprint(i%100), "", true)
			return err
		}},
		{"write", func(ctx context.Context, n *elastic.Node, i int) error {
			item := elastic.BulkItem{Index: "i", ID: fmt.Sprint(i % 100), Op: elastic.OpIndex, Source: []byte(`{"n":1}`)}
			if r := n.Bulk(ctx, []elastic.BulkItem{item}, elastic.BulkOptions{Timeout: time.Minute}); r[0].Err != nil {
				return r[0].Err
			}
			return nil
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := elastictest.New(b, 3)
			w.Create("i", 3, 1)
			w.Write("i", 0, 100)
			w.Run(2 * time.Second)
			b.ReportAllocs()
			w.Do(func(ctx context.Context) {
				i := 0
				for b.Loop() {
					if err := c.ask(ctx, w.Node(0), i); err != nil {
						b.Error(err)
						return
					}
					i++
				}
			})
		})
	}
}
