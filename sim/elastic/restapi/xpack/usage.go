package xpack

import (
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

func prepareUsage(r *rest.Request) rest.Action {
	master := r.MasterTimeout()
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, master)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		for _, f := range features {
			w.Object(f.name)
			w.Bool("available", f.basic)
			w.Bool("enabled", f.here)
			switch f.name {
			case "data_streams":
				writeStreams(w, st)
			case "data_tiers":
				writeTiers(w, c, st)
			case "ilm":
				writePolicies(w, st)
			case "slm":
				writeSnapshotPolicies(w, st)
			}
			w.End()
		}
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func writeStreams(w *rest.Writer, st *state.State) {
	backing := 0
	for _, d := range st.DataStreams {
		backing += len(d.Indices)
	}
	w.Int("data_streams", len(st.DataStreams))
	w.Int("indices_count", backing)
}

// writePolicies writes the policies of ageing, how many indices each has and what it does.
func writePolicies(w *rest.Writer, st *state.State) {
	w.Int("policy_count", len(st.Policies))
	w.Array("policy_stats")
	for _, p := range st.Policies {
		managed := 0
		for _, m := range st.Indices {
			if settings.IndexLifecycle.Get(m.Settings) == p.Name {
				managed++
			}
		}
		w.Obj()
		w.Int("indices_managed", managed)
		w.Object("phases")
		for i := range p.Phases {
			ph := &p.Phases[i]
			w.Object(ph.Name)
			w.Int64("min_age", ph.MinAge.Milliseconds())
			w.Array("actions")
			for _, a := range ph.Actions {
				w.Elem(a.Name)
			}
			w.End()
			w.End()
		}
		w.End()
		w.End()
	}
	w.End()
}

func writeSnapshotPolicies(w *rest.Writer, st *state.State) {
	if len(st.SnapshotPolicies) > 0 {
		w.Int("policy_count", len(st.SnapshotPolicies))
	}
}

// tier is what the nodes of a tier hold.
type tier struct {
	nodes, indices, copies, primaries int
	docs, bytes, primaryBytes         int64
	sizes                             []int64 // of primaries
}

// writeTiers writes what lies on the nodes of each tier. A node of the role data is of all.
func writeTiers(w *rest.Writer, c *rest.Call, st *state.State) {
	results, _ := rest.FanOut(c, st.Nodes, 0, figures.AskSizes{})
	for _, name := range []string{"data_content", "data_hot", "data_warm", "data_cold", "data_frozen"} {
		var t tier
		of := map[string]bool{}
		for _, n := range st.Nodes {
			if n.HasRole(name) || n.HasRole("data") && name != "data_frozen" {
				t.nodes++
				of[n.ID] = true
			}
		}
		held := map[string]bool{}
		for _, table := range st.Routing.Indices {
			if !prefers(st.Index(table.Index), name) {
				continue
			}
			for _, sh := range table.Shards {
				for _, cp := range sh.Copies {
					if of[cp.Node] {
						held[table.Index] = true
						t.copies++
						if cp.Primary {
							t.primaries++
						}
					}
				}
			}
		}
		for _, res := range results {
			for _, s := range res.Value {
				if of[res.Node.ID] && held[s.Index] {
					t.bytes += s.All.StoreBytes
					t.primaryBytes += s.Primaries.StoreBytes
					t.docs += s.Primaries.DocsCount
					if s.Primaries.StoreBytes > 0 {
						t.sizes = append(t.sizes, s.Primaries.StoreBytes)
					}
				}
			}
		}
		t.indices = len(held)
		t.write(w, name)
	}
}

// prefers reports whether an index belongs on a tier first of all; one without a preference
// belongs to the content.
func prefers(m *state.Index, name string) bool {
	list := settings.IndexTierPreference.Get(m.Settings)
	if len(list) == 0 {
		return name == "data_content"
	}
	return strings.EqualFold(list[0], name)
}

func (t *tier) write(w *rest.Writer, name string) {
	slices.Sort(t.sizes)
	average := int64(0)
	if t.primaries > 0 {
		average = t.primaryBytes / int64(t.primaries)
	}
	w.Object(name)
	w.Int("node_count", t.nodes)
	w.Int("index_count", t.indices)
	w.Int("total_shard_count", t.copies)
	w.Int("primary_shard_count", t.primaries)
	w.Int64("doc_count", t.docs)
	w.Size("total_size_bytes", "total_size", t.bytes)
	w.Size("primary_size_bytes", "primary_size", t.primaryBytes)
	w.Size("primary_shard_size_avg_bytes", "primary_shard_size_avg", average)
	w.Size("primary_shard_size_median_bytes", "primary_shard_size_median", median(t.sizes))
	w.Size("primary_shard_size_mad_bytes", "primary_shard_size_mad", spread(t.sizes))
	w.End()
}

func median(sorted []int64) int64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// spread is the median distance from the median.
func spread(sorted []int64) int64 {
	m := median(sorted)
	off := make([]int64, len(sorted))
	for i, v := range sorted {
		off[i] = max(v-m, m-v)
	}
	slices.Sort(off)
	return median(off)
}
