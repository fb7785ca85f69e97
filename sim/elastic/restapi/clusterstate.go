package restapi

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// stateRequest selects parts of the cluster state.
type stateRequest struct {
	metrics       []string // nil: all
	indices       []string
	options       indicesOptions
	local, flat   bool
	masterTimeout time.Duration
	waitVersion   int64
	waitTimeout   time.Duration
}

func prepareState(r *request) action {
	q := stateRequest{
		options: r.indicesOptions(lenient), local: r.boolParam("local", false), masterTimeout: r.masterTimeout(),
		indices: r.listParam("indices"), flat: r.boolParam("flat_settings", false),
	}
	if r.has("index") {
		q.indices = r.listParam("index")
	}
	q.waitVersion = -1
	if r.has("wait_for_metadata_version") {
		q.waitVersion = r.longParam("wait_for_metadata_version", 0)
	}
	q.waitTimeout = r.timeParam("wait_for_timeout", time.Minute)
	q.metrics = r.listParam("metric")
	if slices.Contains(q.metrics, "_all") {
		q.metrics = nil
	}
	return func(c *call) *response {
		deadline := c.now() + q.waitTimeout
		st := c.state(q.local, q.masterTimeout)
		for st.Version < q.waitVersion {
			if c.now() >= deadline {
				w := newJSON(false)
				w.obj()
				w.str("cluster_name", st.ClusterName)
				w.bool("wait_for_timed_out", true)
				w.end()
				return &response{json: w.bytes()}
			}
			c.sleep(50 * time.Millisecond)
			st = c.state(q.local, q.masterTimeout)
		}
		w := newJSON(c.req.human())
		w.obj()
		w.str("cluster_name", st.ClusterName)
		q.write(w, c, st)
		w.end()
		return &response{json: w.bytes()}
	}
}

func (q *stateRequest) wants(metric string) bool {
	return q.metrics == nil || slices.Contains(q.metrics, metric)
}

// write writes the selected parts into the open object.
func (q *stateRequest) write(w *jsonWriter, c *call, st *state.State) {
	names := resolve(st, q.indices, q.options)
	all := len(q.indices) == 0
	w.str("cluster_uuid", st.ClusterUUID)
	if q.wants("version") {
		w.int64("version", st.Version)
		w.str("state_uuid", st.StateUUID)
	}
	if q.wants("master_node") {
		if st.Master == "" {
			w.null("master_node")
		} else {
			w.str("master_node", st.Master)
		}
	}
	if q.wants("blocks") {
		writeBlocks(w, st, names)
	}
	if q.wants("nodes") {
		w.object("nodes")
		for _, n := range st.Nodes {
			writeStateNode(w, n)
		}
		w.end()
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
		writeHealthMetadata(w, c.node.Settings().Merged(st.Settings()))
	}
}

func writeBlocks(w *jsonWriter, st *state.State, names []string) {
	w.object("blocks")
	if len(st.Global) > 0 {
		w.object("global")
		for _, b := range st.Global {
			writeBlock(w, b)
		}
		w.end()
	}
	blocked := slices.DeleteFunc(slices.Clone(st.Blocks), func(b state.IndexBlocks) bool {
		return len(b.Blocks) == 0 || !slices.Contains(names, b.Index)
	})
	if len(blocked) > 0 {
		w.object("indices")
		for _, ib := range blocked {
			w.object(ib.Index)
			for _, b := range ib.Blocks {
				writeBlock(w, b)
			}
			w.end()
		}
		w.end()
	}
	w.end()
}

func writeBlock(w *jsonWriter, b state.Block) {
	w.object(strconv.Itoa(b.ID))
	w.str("description", b.Description)
	w.bool("retryable", b.Retryable)
	if b.DisableStatePersistence {
		w.bool("disable_state_persistence", true)
	}
	w.strs("levels", b.Levels)
	w.end()
}

func writeAttributes(w *jsonWriter, key string, n *state.Node) {
	w.object(key)
	for _, a := range n.Attributes {
		w.str(a.Name, a.Value)
	}
	w.end()
}

func writeStateNode(w *jsonWriter, n *state.Node) {
	w.object(n.ID)
	w.str("name", n.Name)
	w.str("ephemeral_id", n.EphemeralID)
	w.str("transport_address", n.Address)
	w.str("external_id", n.Name)
	writeAttributes(w, "attributes", n)
	w.strs("roles", n.Roles)
	w.str("version", version)
	w.int("min_index_version", minIndexVersion)
	w.int("max_index_version", indexVersion)
	w.end()
}

// Versions of the release that is modelled.
const (
	minIndexVersion = 7000099
)

func writeNodeVersions(w *jsonWriter, st *state.State) {
	w.array("nodes_versions")
	for _, n := range st.Nodes {
		w.obj()
		w.str("node_id", n.ID)
		w.str("transport_version", strconv.Itoa(transportVersion))
		w.object("mappings_versions")
		w.end()
		w.end()
	}
	w.end()
	w.array("nodes_features")
	for _, n := range st.Nodes {
		w.obj()
		w.str("node_id", n.ID)
		w.array("features")
		w.end()
		w.end()
	}
	w.end()
}

func (q *stateRequest) writeMetadata(w *jsonWriter, st *state.State, names []string) {
	w.object("metadata")
	w.str("cluster_uuid", st.ClusterUUID)
	w.bool("cluster_uuid_committed", st.ClusterUUID != "" && st.ClusterUUID != "_na_")
	w.object("cluster_coordination")
	w.int64("term", st.Term)
	w.strs("last_committed_config", st.LastCommitted)
	w.strs("last_accepted_config", st.LastAccepted)
	w.array("voting_config_exclusions")
	for _, id := range st.Exclusions {
		w.obj()
		w.str("node_id", id)
		name := "_absent_"
		if n := st.Node(id); n != nil {
			name = n.Name
		}
		w.str("node_name", name)
		w.end()
	}
	w.end()
	w.end()
	w.object("templates")
	w.end()
	w.object("indices")
	for _, name := range names {
		if m := st.Index(name); m != nil {
			q.writeIndexMetadata(w, m)
		}
	}
	w.end()
	w.object("index-graveyard")
	w.array("tombstones")
	w.end()
	w.end()
	w.object("reserved_state")
	w.end()
	w.end()
}

func (q *stateRequest) writeIndexMetadata(w *jsonWriter, m *state.Index) {
	w.object(m.Name)
	w.int64("version", m.Version)
	w.int64("mapping_version", m.MappingVersion)
	w.int64("settings_version", m.SettingsVersion)
	w.int("aliases_version", 1)
	w.int("routing_num_shards", routingShards(m.Shards))
	w.str("state", "open")
	writeSettings(w, "settings", indexSettings(m), settings.IndexRegistry(), q.flat)
	w.object("mappings")
	if len(m.Mapping) > 0 {
		w.raw("_doc", mappingObject(m))
	}
	w.end()
	w.array("aliases")
	w.end()
	w.object("primary_terms")
	for i, t := range m.PrimaryTerms {
		w.int64(strconv.Itoa(i), t)
	}
	w.end()
	w.object("in_sync_allocations")
	for i, ids := range m.InSync {
		w.strs(strconv.Itoa(i), ids)
	}
	w.end()
	w.object("rollover_info")
	w.end()
	w.int("mappings_updated_version", indexVersion)
	w.bool("system", m.System)
	for _, r := range []string{"timestamp_range", "event_ingested_range"} {
		w.object(r)
		w.bool("unknown", true)
		w.end()
	}
	w.end()
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

func writeRoutingTable(w *jsonWriter, c *call, tables []*state.IndexTable) {
	sorted := slices.Clone(tables)
	slices.SortStableFunc(sorted, func(a, b *state.IndexTable) int { return cmp.Compare(a.Index, b.Index) })
	w.object("routing_table")
	w.object("indices")
	for _, t := range sorted {
		w.object(t.Index)
		w.object("shards")
		for _, s := range t.Shards {
			w.array(strconv.Itoa(s.Shard))
			for _, cp := range s.Copies {
				writeCopy(w, c, cp)
			}
			w.end()
		}
		w.end()
		w.end()
	}
	w.end()
	w.end()
}

func writeRoutingNodes(w *jsonWriter, c *call, st *state.State, tables []*state.IndexTable) {
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
	w.object("routing_nodes")
	w.array("unassigned")
	for _, cp := range unassigned {
		writeCopy(w, c, cp)
	}
	w.end()
	w.object("nodes")
	for _, n := range st.Nodes {
		if len(on[n.ID]) == 0 {
			continue
		}
		w.array(n.ID)
		for _, cp := range on[n.ID] {
			writeCopy(w, c, cp)
		}
		w.end()
	}
	w.end()
	w.end()
}

// writeCopy is ShardRouting.toXContent.
func writeCopy(w *jsonWriter, c *call, cp *state.Copy) {
	w.obj()
	w.str("state", cp.State.String())
	w.bool("primary", cp.Primary)
	w.strOrNull("node", cp.Node)
	w.strOrNull("relocating_node", cp.Other)
	w.int("shard", cp.Shard)
	w.str("index", cp.Index)
	if cp.ExpectedBytes >= 0 && (cp.State == state.Initializing || cp.State == state.Relocating) {
		w.int64("expected_shard_size_in_bytes", cp.ExpectedBytes)
	}
	if cp.Source != state.NoSource && (cp.State == state.Unassigned || cp.State == state.Initializing) {
		w.object("recovery_source")
		w.str("type", cp.Source.String())
		if cp.Source == state.ExistingStore {
			w.bool("bootstrap_new_history_uuid", false)
		}
		if m := c.node.Applied().Index(cp.Index); cp.Source == state.Snapshot && m != nil && m.Restored != nil {
			writeRestored(w, m.Restored)
		}
		w.end()
	}
	if cp.AllocationID != "" {
		w.object("allocation_id")
		w.str("id", cp.AllocationID)
		if cp.OtherID != "" {
			w.str("relocation_id", cp.OtherID)
		}
		w.end()
	}
	if cp.Info != nil {
		writeUnassigned(w, c, cp.Info)
	}
	w.object("relocation_failure_info")
	w.int("failed_attempts", cp.RelocationFailures)
	w.end()
	w.end()
}

// writeUnassigned is UnassignedInfo.toXContent.
func writeUnassigned(w *jsonWriter, _ *call, i *state.UnassignedInfo) {
	w.object("unassigned_info")
	w.str("reason", string(i.Reason))
	w.str("at", isoMillis(time.UnixMilli(i.AtMillis).UTC()))
	if i.FailedAllocations > 0 {
		w.int("failed_attempts", i.FailedAllocations)
		w.strs("failed_nodes", i.FailedNodes)
	}
	w.bool("delayed", i.Delayed)
	if details := details(i); details != "" {
		w.str("details", details)
	}
	w.str("allocation_status", allocationStatus(i.LastStatus))
	w.end()
}

// details is UnassignedInfo.details: message and exception.
func details(i *state.UnassignedInfo) string {
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
func writeHealthMetadata(w *jsonWriter, set settings.Settings) {
	registry := settings.ClusterRegistry()
	get := func(key string) string {
		if v, ok := set.Get(key); ok {
			return v
		}
		return registry.Lookup(key).Default
	}
	explicit := false
	for _, name := range []string{"low", "high", "flood_stage"} {
		_, ok := set.Get(watermarkPrefix + name)
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
	w.object("health")
	w.object("disk")
	w.str("high_watermark", get(watermarkPrefix+"high"))
	w.str("high_max_headroom", headroom(watermarkPrefix+"high.max_headroom", "150gb"))
	w.str("flood_stage_watermark", get(watermarkPrefix+"flood_stage"))
	w.str("flood_stage_max_headroom", headroom(watermarkPrefix+"flood_stage.max_headroom", "100gb"))
	w.str("frozen_flood_stage_watermark", get(watermarkPrefix+"flood_stage.frozen"))
	w.str("frozen_flood_stage_max_headroom", strings.ToLower(get(watermarkPrefix+"flood_stage.frozen.max_headroom")))
	w.end()
	w.object("shard_limits")
	for _, l := range []struct{ name, key string }{
		{"max_shards_per_node", "cluster.max_shards_per_node"}, {"max_shards_per_node_frozen", "cluster.max_shards_per_node.frozen"},
	} {
		n, _ := strconv.Atoi(get(l.key))
		w.int(l.name, n)
	}
	w.end()
	w.end()
}
