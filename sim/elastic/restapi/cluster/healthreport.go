package cluster

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/figures"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// indicator is a part of the health report.
type indicator struct {
	name    string
	modules bool // only the default distribution has it
	tell    func(c *rest.Call, st *state.State) verdict
}

// verdict is what an indicator says.
type verdict struct {
	status, symptom string
	details         func(w *rest.Writer)
	impacts         []impact
}

type impact struct {
	id, text string
	severity int
	areas    []string
}

// indicators in the order of the answer.
var indicators = []indicator{ //nolint:gochecknoglobals // a table, never written to
	{"master_is_stable", false, masterStable},
	{"shards_availability", true, shardsAvailable},
	{"disk", false, diskHealth},
	{"repository_integrity", false, repositoriesIntact},
	{"shards_capacity", false, shardsCapacity},
	{"ilm", true, ageingHealth},
}

func prepareHealthReport(r *rest.Request) rest.Action {
	wanted := r.Param("indicator")
	verbose := r.BoolParam("verbose", true)
	r.IntParam("size", 1000)
	r.TimeParam("timeout", 0)
	return func(c *rest.Call) *rest.Response {
		st := c.Node.Applied()
		minimal := c.Cluster.Distribution() == elastic.MinimalDistribution
		chosen := slices.DeleteFunc(slices.Clone(indicators), func(i indicator) bool {
			return i.modules && minimal || wanted != "" && i.name != wanted
		})
		if len(chosen) == 0 {
			rest.Raise(&elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "Did not find indicator " + wanted})
		}
		verdicts := make([]verdict, len(chosen))
		worst := "green"
		for i, ind := range chosen {
			verdicts[i] = ind.tell(c, st)
			worst = worse(worst, verdicts[i].status)
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		if wanted == "" {
			w.Str("status", worst)
		}
		w.Str("cluster_name", c.Cluster.Name())
		w.Object("indicators")
		for i, ind := range chosen {
			writeIndicator(w, ind.name, &verdicts[i], verbose)
		}
		w.End()
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// worse is the worse of two statuses.
func worse(a, b string) string {
	order := []string{"green", "unknown", "yellow", "red"}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

func writeIndicator(w *rest.Writer, name string, v *verdict, verbose bool) {
	w.Object(name)
	w.Str("status", v.status)
	w.Str("symptom", v.symptom)
	if verbose && v.details != nil {
		w.Object("details")
		v.details(w)
		w.End()
	}
	if len(v.impacts) > 0 {
		w.Array("impacts")
		for _, i := range v.impacts {
			w.Obj()
			w.Str("id", "elasticsearch:health:"+name+":impact:"+i.id)
			w.Int("severity", i.severity)
			w.Str("description", i.text)
			w.Strs("impact_areas", i.areas)
			w.End()
		}
		w.End()
	}
	w.End()
}

func masterStable(_ *rest.Call, st *state.State) verdict {
	master := st.Node(st.Master)
	if master == nil {
		return verdict{status: "red", symptom: "No master node observed in the last 30s, and the cause has not been determined.", impacts: []impact{
			{"ingest_disabled", "The cluster cannot create, delete, or rebalance indices, and cannot insert or update documents.", 1, []string{"ingest"}},
		}}
	}
	node := func(w *rest.Writer) {
		w.StrOrNull("node_id", master.ID)
		w.StrOrNull("name", master.Name)
	}
	return verdict{status: "green", symptom: "The cluster has a stable master node", details: func(w *rest.Writer) {
		w.Object("current_master")
		node(w)
		w.End()
		w.Array("recent_masters")
		w.Obj()
		node(w)
		w.End()
		w.End()
	}}
}

func shardsAvailable(c *rest.Call, st *state.State) verdict {
	h := CountsOf(c, st, nil)
	v := verdict{status: "green", symptom: "This cluster has all shards available."}
	replicas := h.Unassigned - h.UnassignedPrimaries
	switch {
	case h.UnassignedPrimaries > 0:
		v.status = "red"
		v.symptom = fmt.Sprintf("This cluster has %s, %s.", counted(h.UnassignedPrimaries, "unavailable primary shard"), counted(replicas, "unavailable replica shard"))
		v.impacts = append(v.impacts, impact{
			"primary_unassigned", fmt.Sprintf("Cannot add data to %s. Searches might return incomplete results.", counted(h.UnassignedPrimaries, "shard")), 1,
			[]string{"ingest", "search"},
		})
	case replicas > 0:
		v.status = "yellow"
		v.symptom = fmt.Sprintf("This cluster has %s.", counted(replicas, "unavailable replica shard"))
		v.impacts = append(v.impacts, impact{
			"replica_unassigned", "Searches might be slower than usual. Fewer redundant copies of the data exist.", 2, []string{"search"},
		})
	}
	v.details = func(w *rest.Writer) {
		w.Int("initializing_primaries", 0)
		w.Int("initializing_replicas", h.Init)
		w.Int("unassigned_primaries", h.UnassignedPrimaries)
		w.Int("unassigned_replicas", replicas)
		w.Int("started_primaries", h.ActivePrimaries)
		w.Int("started_replicas", h.Active-h.ActivePrimaries)
	}
	return v
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// diskHealth looks at what the nodes' disks are over.
func diskHealth(c *rest.Call, st *state.State) verdict {
	blocked := 0
	for _, m := range st.Indices {
		if settings.IndexBlockReadOnlyAllowDelete.Get(m.Settings) {
			blocked++
		}
	}
	var flood, high, enough int
	set := c.Node.Settings().Merged(st.Settings())
	results, failed := rest.FanOut(c, st.Nodes, 0, figures.AskStats{})
	for i := range results {
		used := 1 - float64(results[i].Value.DiskAvailable)/float64(max(1, results[i].Value.DiskTotal))
		switch {
		case used >= watermark(set, "flood_stage", 0.95):
			flood++
		case used >= watermark(set, "high", 0.90):
			high++
		default:
			enough++
		}
	}
	v := verdict{status: "green", symptom: "The cluster has enough available disk space."}
	switch {
	case blocked > 0:
		v.status = "red"
		v.symptom = fmt.Sprintf("%s not allowed to be updated because %s out of disk or running low on disk space.", counted(blocked, "index"), counted(flood+high, "node"))
		v.impacts = []impact{{"ingest_capability_unavailable", "Cannot insert or update documents in the affected indices.", 1, []string{"ingest"}}}
	case flood+high > 0:
		v.status = "yellow"
		v.symptom = fmt.Sprintf("%s out of disk or running low on disk space.", counted(flood+high, "data node"))
		v.impacts = []impact{{"ingest_capability_at_risk", "The cluster is at risk of not being able to insert or update documents.", 1, []string{"ingest"}}}
	}
	v.details = func(w *rest.Writer) {
		w.Int("indices_with_readonly_block", blocked)
		w.Int("nodes_with_enough_disk_space", enough)
		w.Int("nodes_with_unknown_disk_status", len(failed))
		w.Int("nodes_over_high_watermark", high)
		w.Int("nodes_over_flood_stage_watermark", flood)
	}
	return v
}

// watermark is a watermark as a part of the disk; one in bytes is not compared here, but by
// the allocator.
func watermark(set settings.Settings, name string, def float64) float64 {
	text, ok := set.Get(rest.WatermarkPrefix + name)
	if !ok {
		return def
	}
	if part, err := settings.ParseRatio("", text); err == nil {
		return part
	}
	return def
}

func repositoriesIntact(_ *rest.Call, st *state.State) verdict {
	if len(st.Repositories) == 0 {
		return verdict{status: "green", symptom: "No snapshot repositories configured."}
	}
	return verdict{status: "green", symptom: "All repositories are healthy.", details: func(w *rest.Writer) {
		w.Int("total_repositories", len(st.Repositories))
	}}
}

func shardsCapacity(c *rest.Call, st *state.State) verdict {
	limit := settings.MaxShardsPerNode.Get(c.Node.Settings().Merged(st.Settings()))
	data, open := 0, 0
	for _, n := range st.Nodes {
		if n.CanContainData() {
			data++
		}
	}
	for _, m := range st.Indices {
		open += m.Shards * (1 + m.Replicas)
	}
	most := limit * data
	v := verdict{status: "green", symptom: "The cluster has enough room to add new shards."}
	if left := most - open; left < 5 {
		v.status, v.symptom = "red", "Cluster is close to reaching the configured maximum number of shards for data nodes."
	} else if left < 10 {
		v.status, v.symptom = "yellow", "Cluster is close to reaching the configured maximum number of shards for data nodes."
	}
	v.details = func(w *rest.Writer) {
		w.Object("data")
		w.Int("max_shards_in_cluster", most)
		if v.status != "green" {
			w.Int("current_used_shards", open)
		}
		w.End()
		w.Object("frozen")
		w.Int("max_shards_in_cluster", 0)
		w.End()
	}
	return v
}

func ageingHealth(_ *rest.Call, st *state.State) verdict {
	stuck := 0
	for _, m := range st.Indices {
		if m.Lifecycle != nil && m.Lifecycle.Info != "" {
			stuck++
		}
	}
	v := verdict{status: "green", symptom: "Index Lifecycle Management is running"}
	mode := "RUNNING"
	switch {
	case st.AgeingStopped:
		mode = "STOPPED"
		v.status, v.symptom = "yellow", "Index Lifecycle Management is not running"
	case stuck > 0:
		v.status, v.symptom = "yellow", counted(stuck, "index")+" has stayed on the same action longer than expected."
	}
	v.details = func(w *rest.Writer) {
		w.Str("ilm_status", mode)
		w.Int("policies", len(st.Policies))
		w.Int("stagnating_indices", stuck)
	}
	return v
}

// prepareRemoteInfo serves _remote/info: simulated clusters know no others.
func prepareRemoteInfo(*rest.Request) rest.Action {
	return func(*rest.Call) *rest.Response { return &rest.Response{JSON: []byte("{}")} }
}
