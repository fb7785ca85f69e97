package cluster

import (
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// CopySegments are the segments of a copy.
type CopySegments struct {
	Node *state.Node
	figures.CopySegments
}

// SegmentsOf asks the nodes for the segments of the indices' copies, in order of indices and
// shards, the primary first.
func SegmentsOf(c *rest.Call, st *state.State, indices []string) []CopySegments {
	results, _ := rest.FanOut(c, st.Nodes, 0, figures.AskSegments{})
	var out []CopySegments
	for _, r := range results {
		for _, s := range r.Value {
			if slices.Contains(indices, s.Index) {
				out = append(out, CopySegments{r.Node, s})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b CopySegments) int { return a.Compare(&b.CopySegments) })
	return out
}

func prepareSegments(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	r.BoolParam("verbose", false)
	r.BoolParam("include_vector_formats", false)
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		rest.CheckReadable(c, st)
		indices := rest.OpenOnly(st, rest.Resolve(st, names, opt), opt)
		copies := SegmentsOf(c, st, indices)
		total := 0
		for _, name := range indices {
			for _, t := range st.Routing.Index(name).Shards {
				total += len(t.Copies)
			}
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		rest.WriteShards(w, &elastic.ShardsResult{Total: total, Successful: len(copies)}, false)
		w.Object("indices")
		for i := 0; i < len(copies); {
			index := copies[i].Index
			w.Object(index)
			w.Object("shards")
			for i < len(copies) && copies[i].Index == index {
				shard := copies[i].Shard
				w.Array(strconv.Itoa(shard))
				for i < len(copies) && copies[i].Index == index && copies[i].Shard == shard {
					writeSegments(w, &copies[i])
					i++
				}
				w.End()
			}
			w.End()
			w.End()
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writeSegments(w *rest.Writer, cp *CopySegments) {
	w.Obj()
	w.Object("routing")
	w.Str("state", cp.State)
	w.Bool("primary", cp.Primary)
	w.Str("node", cp.Node.ID)
	w.End()
	committed := 0
	for _, s := range cp.Segments {
		if s.Committed {
			committed++
		}
	}
	w.Int("num_committed_segments", committed)
	w.Int("num_search_segments", len(cp.Segments))
	w.Object("segments")
	for _, s := range cp.Segments {
		w.Object(s.Name)
		w.Int64("generation", s.Generation)
		w.Int64("num_docs", s.Docs)
		w.Int("deleted_docs", 0)
		w.Size("size_in_bytes", "size", s.Bytes)
		w.Bool("committed", s.Committed)
		w.Bool("search", true)
		w.Str("version", rest.LuceneVersion)
		w.Bool("compound", true)
		w.Object("attributes")
		w.Str("Lucene90StoredFieldsFormat.mode", "BEST_SPEED")
		w.End()
		w.End()
	}
	w.End()
	w.End()
}
