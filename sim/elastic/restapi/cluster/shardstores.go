package cluster

import (
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// storeOf is what a node's disk holds of a shard.
type storeOf struct {
	node *state.Node
	figures.StoreInfo
}

// prepareShardStores serves _shard_stores: where copies of shards lie, by default of those
// that are not whole.
func prepareShardStores(r *rest.Request) rest.Action {
	names, opt := r.ListParam("index"), r.IndicesOptions(rest.ExpandOpen)
	statuses := r.ListParam("status")
	if statuses == nil {
		statuses = []string{"yellow", "red"}
	}
	for _, s := range statuses {
		if !slices.Contains([]string{"green", "yellow", "red", "all"}, strings.ToLower(s)) {
			rest.Raise(rest.IllegalArgument("unknown cluster health status [%s]", s))
		}
	}
	return func(c *rest.Call) *rest.Response {
		st := c.State(false, r.MasterTimeout())
		results, _ := rest.FanOut(c, st.Nodes, 0, figures.AskStores{})
		w := rest.NewWriter(false)
		w.Obj()
		w.Object("indices")
		for _, name := range rest.Resolve(st, names, opt) {
			writeStores(w, st, st.Index(name), statuses, results)
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// statusOf is how whole a shard is.
func statusOf(t *state.ShardTable) string {
	status := "green"
	for _, cp := range t.Copies {
		switch {
		case cp.Active():
		case cp.Primary:
			return "red"
		default:
			status = "yellow"
		}
	}
	return status
}

func writeStores(w *rest.Writer, st *state.State, m *state.Index, statuses []string, results []elastic.NodeResult[[]figures.StoreInfo]) {
	opened := false
	for _, t := range st.Routing.Index(m.Name).Shards {
		if !slices.Contains(statuses, "all") && !slices.Contains(statuses, statusOf(t)) {
			continue
		}
		if !opened {
			w.Object(m.Name)
			w.Object("shards")
			opened = true
		}
		var stores []storeOf
		for _, r := range results {
			for _, s := range r.Value {
				if s.IndexUUID == m.UUID && s.Shard == t.Shard {
					stores = append(stores, storeOf{r.Node, s})
				}
			}
		}
		w.Object(strconv.Itoa(t.Shard))
		w.Array("stores")
		for i := range stores {
			stores[i].write(w, t)
		}
		w.End()
		w.End()
	}
	if opened {
		w.End()
		w.End()
	}
}

func (s *storeOf) write(w *rest.Writer, t *state.ShardTable) {
	n := s.node
	w.Obj()
	w.Object(n.ID)
	w.Str("name", n.Name)
	w.Str("ephemeral_id", n.EphemeralID)
	w.Str("transport_address", n.Address)
	w.Str("external_id", n.Name)
	w.Object("attributes")
	for _, a := range n.Attributes {
		w.Str(a.Name, a.Value)
	}
	w.End()
	w.Strs("roles", n.Roles)
	w.Str("version", rest.Version)
	w.Int("min_index_version", 7000099)
	w.Int("max_index_version", rest.IndexVersion)
	w.End()
	if s.AllocationID != "" {
		w.Str("allocation_id", s.AllocationID)
	}
	allocation := "unused"
	if cp := t.On(n.ID); cp != nil && cp.AllocationID == s.AllocationID {
		allocation = "replica"
		if cp.Primary {
			allocation = "primary"
		}
	}
	w.Str("allocation", allocation)
	if s.Err != nil {
		w.Object("store_exception")
		rest.WriteException(w, elastic.AsError(s.Err), false, true)
		w.End()
	}
	w.End()
}
