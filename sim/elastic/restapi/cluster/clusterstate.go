package cluster

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// stateRequest selects parts of the cluster state.
type stateRequest struct {
	metrics       []string // nil: all
	indices       []string
	options       rest.IndicesOptions
	local, flat   bool
	masterTimeout time.Duration
	waitVersion   int64
	waitTimeout   time.Duration
}

func prepareState(r *rest.Request) rest.Action {
	q := stateRequest{
		options: r.IndicesOptions(rest.Lenient), local: r.BoolParam("local", false), masterTimeout: r.MasterTimeout(),
		indices: r.ListParam("indices"), flat: r.BoolParam("flat_settings", false),
	}
	if r.Has("index") {
		q.indices = r.ListParam("index")
	}
	q.waitVersion = -1
	if r.Has("wait_for_metadata_version") {
		q.waitVersion = r.LongParam("wait_for_metadata_version", 0)
	}
	q.waitTimeout = r.TimeParam("wait_for_timeout", time.Minute)
	q.metrics = r.ListParam("metric")
	if slices.Contains(q.metrics, "_all") {
		q.metrics = nil
	}
	return func(c *rest.Call) *rest.Response {
		deadline := c.Now() + q.waitTimeout
		st := c.State(q.local, q.masterTimeout)
		for st.Version < q.waitVersion {
			if c.Now() >= deadline {
				w := rest.NewWriter(false)
				w.Obj()
				w.Str("cluster_name", st.ClusterName)
				w.Bool("wait_for_timed_out", true)
				w.End()
				return &rest.Response{JSON: w.Bytes()}
			}
			c.Sleep(50 * time.Millisecond)
			st = c.State(q.local, q.masterTimeout)
		}
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		w.Str("cluster_name", st.ClusterName)
		q.write(w, c, st)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

func (q *stateRequest) wants(metric string) bool {
	return q.metrics == nil || slices.Contains(q.metrics, metric)
}

// write writes the selected parts into the open object.
func (q *stateRequest) write(w *rest.Writer, c *rest.Call, st *state.State) {
	names := rest.Resolve(st, q.indices, q.options)
	all := len(q.indices) == 0
	w.Str("cluster_uuid", st.ClusterUUID)
	if q.wants("version") {
		w.Int64("version", st.Version)
		w.Str("state_uuid", st.StateUUID)
	}
	if q.wants("master_node") {
		if st.Master == "" {
			w.Null("master_node")
		} else {
			w.Str("master_node", st.Master)
		}
	}
	if q.wants("blocks") {
		writeBlocks(w, st, names)
	}
	if q.wants("nodes") {
		w.Object("nodes")
		for _, n := range st.Nodes {
			WriteNode(w, n)
		}
		w.End()
		writeNodeVersions(w, st)
	}
	if q.wants("metadata") {
		q.writeMetadata(w, st, names)
	}
	tables := slices.DeleteFunc(slices.Clone(st.Routing.Indices), func(t *state.IndexTable) bool {
		return !all && !slices.Contains(names, t.Index)
	})
	if q.wants("routing_table") {
		writeRoutingTable(w, c, tables)
	}
	if q.wants("routing_nodes") {
		writeRoutingNodes(w, c, st, tables)
	}
	if q.wants("customs") {
		writeHealthMetadata(w, c.Node.Settings().Merged(st.Settings()))
	}
}

func writeBlocks(w *rest.Writer, st *state.State, names []string) {
	w.Object("blocks")
	if len(st.Global) > 0 {
		w.Object("global")
		for _, b := range st.Global {
			writeBlock(w, b)
		}
		w.End()
	}
	blocked := slices.DeleteFunc(slices.Clone(st.Blocks), func(b state.IndexBlocks) bool {
		return len(b.Blocks) == 0 || !slices.Contains(names, b.Index)
	})
	if len(blocked) > 0 {
		w.Object("indices")
		for _, ib := range blocked {
			w.Object(ib.Index)
			for _, b := range ib.Blocks {
				writeBlock(w, b)
			}
			w.End()
		}
		w.End()
	}
	w.End()
}

func writeBlock(w *rest.Writer, b state.Block) {
	w.Object(strconv.Itoa(b.ID))
	w.Str("description", b.Description)
	w.Bool("retryable", b.Retryable)
	if b.DisableStatePersistence {
		w.Bool("disable_state_persistence", true)
	}
	w.Strs("levels", b.Levels)
	w.End()
}

func WriteAttributes(w *rest.Writer, key string, n *state.Node) {
	w.Object(key)
	for _, a := range n.Attributes {
		w.Str(a.Name, a.Value)
	}
	w.End()
}

func WriteNode(w *rest.Writer, n *state.Node) {
	w.Object(n.ID)
	w.Str("name", n.Name)
	w.Str("ephemeral_id", n.EphemeralID)
	w.Str("transport_address", n.Address)
	w.Str("external_id", n.Name)
	WriteAttributes(w, "attributes", n)
	w.Strs("roles", n.Roles)
	w.Str("version", n.Version())
	w.Int("min_index_version", minIndexVersion)
	w.Int("max_index_version", rest.IndexVersion)
	w.End()
}

// Versions of the release that is modelled.
const (
	minIndexVersion = 7000099
)

func writeNodeVersions(w *rest.Writer, st *state.State) {
	w.Array("nodes_versions")
	for _, n := range st.Nodes {
		w.Obj()
		w.Str("node_id", n.ID)
		w.Str("transport_version", strconv.Itoa(rest.TransportVersion))
		w.Object("mappings_versions")
		w.End()
		w.End()
	}
	w.End()
	w.Array("nodes_features")
	for _, n := range st.Nodes {
		w.Obj()
		w.Str("node_id", n.ID)
		w.Array("features")
		w.End()
		w.End()
	}
	w.End()
}

func (q *stateRequest) writeMetadata(w *rest.Writer, st *state.State, names []string) {
	w.Object("metadata")
	w.Str("cluster_uuid", st.ClusterUUID)
	w.Bool("cluster_uuid_committed", st.ClusterUUID != "" && st.ClusterUUID != "_na_")
	w.Object("cluster_coordination")
	w.Int64("term", st.Term)
	w.Strs("last_committed_config", st.LastCommitted)
	w.Strs("last_accepted_config", st.LastAccepted)
	w.Array("voting_config_exclusions")
	for _, id := range st.Exclusions {
		w.Obj()
		w.Str("node_id", id)
		name := "_absent_"
		if n := st.Node(id); n != nil {
			name = n.Name
		}
		w.Str("node_name", name)
		w.End()
	}
	for _, name := range st.ExcludedNames {
		w.Obj()
		w.Str("node_id", "_absent_")
		w.Str("node_name", name)
		w.End()
	}
	w.End()
	w.End()
	w.Object("templates")
	w.End()
	w.Object("indices")
	for _, name := range names {
		if m := st.Index(name); m != nil {
			q.writeIndexMetadata(w, m)
		}
	}
	w.End()
	w.Object("index-graveyard")
	w.Array("tombstones")
	w.End()
	w.End()
	w.Object("reserved_state")
	w.End()
	w.End()
}

func (q *stateRequest) writeIndexMetadata(w *rest.Writer, m *state.Index) {
	w.Object(m.Name)
	w.Int64("version", m.Version)
	w.Int64("mapping_version", m.MappingVersion)
	w.Int64("settings_version", m.SettingsVersion)
	w.Int64("aliases_version", m.AliasesVersion)
	w.Int("routing_num_shards", routingShards(m.Shards))
	w.Str("state", m.OpenOrClosed())
	WriteSettings(w, "settings", indexSettings(m), settings.IndexRegistry(), q.flat)
	w.Object("mappings")
	if len(m.Mapping) > 0 {
		w.Raw("_doc", MappingObject(m))
	}
	w.End()
	w.Array("aliases")
	for i := range m.Aliases {
		w.Elem(m.Aliases[i].Name)
	}
	w.End()
	w.Object("primary_terms")
	for i, t := range m.PrimaryTerms {
		w.Int64(strconv.Itoa(i), t)
	}
	w.End()
	w.Object("in_sync_allocations")
	for i, ids := range m.InSync {
		w.Strs(strconv.Itoa(i), ids)
	}
	w.End()
	writeRollovers(w, m.Rollovers)
	w.Int("mappings_updated_version", rest.IndexVersion)
	w.Bool("system", m.System)
	for _, r := range []string{"timestamp_range", "event_ingested_range"} {
		w.Object(r)
		w.Bool("unknown", true)
		w.End()
	}
	w.End()
}

// writeRollovers writes what was rolled over from the index.
func writeRollovers(w *rest.Writer, list []state.Rollover) {
	w.Object("rollover_info")
	for _, r := range list {
		w.Object(r.Name)
		w.Object("met_conditions")
		for _, c := range r.Conditions {
			if _, err := strconv.ParseInt(c.Value, 10, 64); err == nil {
				w.Raw(c.Name, []byte(c.Value))
			} else {
				w.Str(c.Name, c.Value)
			}
		}
		w.End()
		w.Int64("time", r.AtMillis)
		w.End()
	}
	w.End()
}

// routingShards is MetadataCreateIndexService.calculateNumRoutingShards: the shard
// count doubled as often as 1,024 allows, at least once.
func routingShards(shards int) int {
	n := shards * 2
	for n*2 <= 1024 {
		n *= 2
	}
	return n
}

func writeRoutingTable(w *rest.Writer, c *rest.Call, tables []*state.IndexTable) {
	sorted := slices.Clone(tables)
	slices.SortStableFunc(sorted, func(a, b *state.IndexTable) int { return cmp.Compare(a.Index, b.Index) })
	w.Object("routing_table")
	w.Object("indices")
	for _, t := range sorted {
		w.Object(t.Index)
		w.Object("shards")
		for _, s := range t.Shards {
			w.Array(strconv.Itoa(s.Shard))
			for _, cp := range s.Copies {
				WriteCopy(w, c, cp)
			}
			w.End()
		}
		w.End()
		w.End()
	}
	w.End()
	w.End()
}

func writeRoutingNodes(w *rest.Writer, c *rest.Call, st *state.State, tables []*state.IndexTable) {
	var unassigned []*state.Copy
	on := map[string][]*state.Copy{}
	for _, t := range tables {
		for _, s := range t.Shards {
			for _, cp := range s.Copies {
				if !cp.Assigned() {
					unassigned = append(unassigned, cp)
					continue
				}
				on[cp.Node] = append(on[cp.Node], cp)
				if target := cp.Target(); target != nil {
					on[target.Node] = append(on[target.Node], target)
				}
			}
		}
	}
	w.Object("routing_nodes")
	w.Array("unassigned")
	for _, cp := range unassigned {
		WriteCopy(w, c, cp)
	}
	w.End()
	w.Object("nodes")
	for _, n := range st.Nodes {
		if len(on[n.ID]) == 0 {
			continue
		}
		w.Array(n.ID)
		for _, cp := range on[n.ID] {
			WriteCopy(w, c, cp)
		}
		w.End()
	}
	w.End()
	w.End()
}

// WriteCopy is ShardRouting.toXContent.
func WriteCopy(w *rest.Writer, c *rest.Call, cp *state.Copy) {
	w.Obj()
	w.Str("state", cp.State.String())
	w.Bool("primary", cp.Primary)
	w.StrOrNull("node", cp.Node)
	w.StrOrNull("relocating_node", cp.Other)
	w.Int("shard", cp.Shard)
	w.Str("index", cp.Index)
	if cp.ExpectedBytes >= 0 && (cp.State == state.Initializing || cp.State == state.Relocating) {
		w.Int64("expected_shard_size_in_bytes", cp.ExpectedBytes)
	}
	if cp.Source != state.NoSource && (cp.State == state.Unassigned || cp.State == state.Initializing) {
		w.Object("recovery_source")
		w.Str("type", cp.Source.String())
		if cp.Source == state.ExistingStore {
			w.Bool("bootstrap_new_history_uuid", false)
		}
		if m := c.Node.Applied().Index(cp.Index); cp.Source == state.Snapshot && m != nil && m.Restored != nil {
			rest.WriteRestored(w, m.Restored)
		}
		w.End()
	}
	if cp.AllocationID != "" {
		w.Object("allocation_id")
		w.Str("id", cp.AllocationID)
		if cp.OtherID != "" {
			w.Str("relocation_id", cp.OtherID)
		}
		w.End()
	}
	if cp.Info != nil {
		writeUnassigned(w, c, cp.Info)
	}
	w.Object("relocation_failure_info")
	w.Int("failed_attempts", cp.RelocationFailures)
	w.End()
	w.End()
}

// writeUnassigned is UnassignedInfo.toXContent.
func writeUnassigned(w *rest.Writer, _ *rest.Call, i *state.UnassignedInfo) {
	w.Object("unassigned_info")
	w.Str("reason", string(i.Reason))
	w.Str("at", rest.IsoMillis(time.UnixMilli(i.AtMillis).UTC()))
	if i.FailedAllocations > 0 {
		w.Int("failed_attempts", i.FailedAllocations)
		w.Strs("failed_nodes", i.FailedNodes)
	}
	w.Bool("delayed", i.Delayed)
	if details := Details(i); details != "" {
		w.Str("details", details)
	}
	w.Str("allocation_status", allocationStatus(i.LastStatus))
	w.End()
}

// Details is UnassignedInfo.details: message and exception.
func Details(i *state.UnassignedInfo) string {
	switch {
	case i.Message == "":
		return ""
	case i.Failure == "":
		return i.Message
	}
	return i.Message + ", failure " + i.Failure
}

// allocationStatus names the status as UnassignedInfo prints it in the state.
func allocationStatus(s state.AllocationStatus) string {
	switch s {
	case state.DecidersNo:
		return "deciders_no"
	case state.DecidersThrottled:
		return "deciders_throttled"
	case state.FetchingShardData:
		return "fetching_shard_data"
	case state.DelayedAllocation:
		return "delayed_allocation"
	case "":
		return "no_attempt"
	}
	return string(s)
}

// writeHealthMetadata is the custom "health": the disk and shard limits in force.
func writeHealthMetadata(w *rest.Writer, set settings.Settings) {
	registry := settings.ClusterRegistry()
	get := func(key string) string {
		if v, ok := set.Get(key); ok {
			return v
		}
		return registry.Lookup(key).Default
	}
	explicit := false
	for _, name := range []string{"low", "high", "flood_stage"} {
		_, ok := set.Get(rest.WatermarkPrefix + name)
		explicit = explicit || ok
	}
	headroom := func(key, def string) string {
		v, ok := set.Get(key)
		switch {
		case ok:
			return v
		case explicit:
			return "-1"
		}
		return def
	}
	w.Object("health")
	w.Object("disk")
	w.Str("high_watermark", get(rest.WatermarkPrefix+"high"))
	w.Str("high_max_headroom", headroom(rest.WatermarkPrefix+"high.max_headroom", "150gb"))
	w.Str("flood_stage_watermark", get(rest.WatermarkPrefix+"flood_stage"))
	w.Str("flood_stage_max_headroom", headroom(rest.WatermarkPrefix+"flood_stage.max_headroom", "100gb"))
	w.Str("frozen_flood_stage_watermark", get(rest.WatermarkPrefix+"flood_stage.frozen"))
	w.Str("frozen_flood_stage_max_headroom", strings.ToLower(get(rest.WatermarkPrefix+"flood_stage.frozen.max_headroom")))
	w.End()
	w.Object("shard_limits")
	for _, l := range []struct{ name, key string }{
		{"max_shards_per_node", "cluster.max_shards_per_node"}, {"max_shards_per_node_frozen", "cluster.max_shards_per_node.frozen"},
	} {
		n, _ := strconv.Atoi(get(l.key))
		w.Int(l.name, n)
	}
	w.End()
	w.End()
}
