package restapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// explainRequest names a copy; without a shard the first unassigned one is explained.
type explainRequest struct {
	index, node    string
	shard          int
	primary        bool
	hasShard       bool
	yes, disk      bool
	nodeGiven, any bool
	masterTimeout  time.Duration
}

var explainFields = []string{"index", "shard", "primary", "current_node"}

func prepareExplain(r *request) action {
	q := explainRequest{masterTimeout: r.masterTimeout(), any: true, shard: -1}
	if len(r.body) > 0 {
		body := r.json()
		q.parse(&body)
	}
	q.params(r)
	q.yes = r.boolParam("include_yes_decisions", false)
	q.disk = r.boolParam("include_disk_info", false)
	return func(c *call) *response {
		x, err := c.node.Explain(c.ctx, q.masterTimeout, q.yes, q.find)
		c.check(err)
		w := newJSON(c.req.human())
		w.obj()
		q.write(w, c, &x)
		w.end()
		return &response{json: w.bytes()}
	}
}

// params reads the copy from parameters, where the body leaves it open.
func (q *explainRequest) params(r *request) {
	if v, ok := r.lookup("index"); ok {
		q.index, q.any = v, false
	}
	if r.has("shard") {
		q.shard, q.hasShard, q.any = r.intParam("shard", -1), true, false
	}
	if r.has("primary") {
		q.primary, q.nodeGiven, q.any = r.boolParam("primary", false), true, false
	}
	if v, ok := r.lookup("current_node"); ok {
		q.node, q.any = v, false
	}
	if q.any {
		return
	}
	var missing []string
	if q.index == "" {
		missing = append(missing, "index must be specified")
	}
	if !q.hasShard {
		missing = append(missing, "shard must be specified")
	}
	if !q.nodeGiven {
		missing = append(missing, "primary must be specified")
	}
	if len(missing) > 0 {
		raise(validationFailed(missing...))
	}
}

func (q *explainRequest) parse(v *jsonValue) {
	const parser = "cluster/allocation/explain"
	if v.kind != objectValue {
		raise(contentParse(v.line, v.col, "[%s] Expected START_OBJECT but was: %s", parser, v.tokenName()))
	}
	for i := range v.members {
		m := &v.members[i]
		wrong := func() {
			raise(contentParse(m.value.line, m.value.col, "[%s] %s doesn't support values of type: %s", parser, m.name, m.value.tokenName()))
		}
		failed := func(cause *elastic.Error) {
			e := contentParse(m.value.line, m.value.col, "[%s] failed to parse field [%s]", parser, m.name)
			e.CausedBy = cause
			raise(e)
		}
		q.any = false
		switch m.name {
		case "index", "current_node":
			if m.value.kind != stringValue {
				wrong()
			}
			if m.name == "index" {
				q.index = m.value.text
			} else {
				q.node = m.value.text
			}
		case "shard":
			if m.value.kind != numberValue && m.value.kind != stringValue {
				wrong()
			}
			n, err := strconv.Atoi(m.value.text)
			if err != nil {
				failed(numberFormat(m.value.text))
			}
			q.shard, q.hasShard = n, true
		case "primary":
			if m.value.kind != boolValue && m.value.kind != stringValue {
				wrong()
			}
			b, err := settings.ParseBool("primary", m.value.text)
			if err != nil {
				failed(illegalArgument("%s", err.Error()))
			}
			q.primary, q.nodeGiven = b, true
		default:
			raise(unknownField(m, parser, explainFields))
		}
	}
}

const noUnassigned = "No shard was specified in the request which means the response should explain a randomly-chosen unassigned shard, but there are " +
	"no unassigned shards in this cluster. To explain the allocation of an assigned shard you must specify the target shard in the request. " +
	"See https://www.elastic.co/guide/en/elasticsearch/reference/8.19/cluster-allocation-explain.html for more information."

const noteChosen = "No shard was specified in the explain API request, so this response explains a randomly chosen unassigned shard. There may be other " +
	"unassigned shards in this cluster which cannot be assigned for different reasons. It may not be possible to assign this shard until one of the " +
	"other shards is assigned correctly. To explain the allocation of other shards (whether assigned or unassigned) you must specify the target " +
	"shard in the request to this API. See https://www.elastic.co/guide/en/elasticsearch/reference/8.19/cluster-allocation-explain.html for more information."

// find picks the copy (TransportClusterAllocationExplainAction.findShardToExplain).
func (q *explainRequest) find(st *state.State) (*state.Copy, bool, error) {
	if q.any {
		return q.findUnassigned(st)
	}
	t := st.Routing.Index(q.index)
	if t == nil {
		e := elastic.IndexNotFound(q.index)
		e.Fields = e.Fields[2:]
		return nil, false, e
	}
	if q.shard < 0 || q.shard >= len(t.Shards) {
		return nil, false, &elastic.Error{
			Status: 404, Type: "shard_not_found_exception", Reason: "no such shard",
			Fields: []elastic.Field{
				{Name: "index_uuid", Value: st.Index(q.index).UUID}, {Name: "shard", Value: strconv.Itoa(q.shard)}, {Name: "index", Value: q.index},
			},
		}
	}
	var node *state.Node
	if q.node != "" {
		if node = st.NodeNamed(q.node); node == nil {
			node = st.Node(q.node)
		}
		if node == nil {
			return nil, false, illegalArgument("failed to resolve [%s], no matching nodes", q.node)
		}
	}
	return q.findCopy(t.Shards[q.shard], node)
}

func (q *explainRequest) findUnassigned(st *state.State) (*state.Copy, bool, error) {
	var first *state.Copy
	st.Routing.Each(func(c *state.Copy) {
		if !c.Assigned() && (first == nil || c.Primary && !first.Primary) {
			first = c
		}
	})
	if first == nil {
		return nil, false, illegalArgument("%s", noUnassigned)
	}
	return first, true, nil
}

// findCopy picks the primary, or among the replicas an unassigned one first.
func (q *explainRequest) findCopy(t *state.ShardTable, node *state.Node) (*state.Copy, bool, error) {
	if q.primary {
		p := t.Primary()
		if node != nil && p.Node != node.ID {
			return nil, false, illegalArgument("unable to find primary shard assigned to node [%s]", q.node)
		}
		return p, false, nil
	}
	var found *state.Copy
	for _, c := range t.Copies {
		switch {
		case c.Primary || node != nil && c.Node != node.ID:
		case found == nil || !c.Assigned() || c.State == state.Initializing && found.Assigned():
			found = c
		}
	}
	switch {
	case found != nil:
		return found, false, nil
	case node != nil:
		return nil, false, illegalArgument("unable to find a replica shard assigned to node [%s]", q.node)
	}
	return nil, false, illegalArgument("no replicas found for shard [%s][%d]", q.index, q.shard)
}

func (q *explainRequest) write(w *jsonWriter, c *call, x *elastic.Explanation) {
	cp := x.Shard.Copy
	if x.Chosen {
		w.str("note", noteChosen)
	}
	w.str("index", cp.Index)
	w.int("shard", cp.Shard)
	w.bool("primary", cp.Primary)
	w.str("current_state", strings.ToLower(cp.State.String()))
	if cp.Info != nil {
		writeExplainedInfo(w, cp.Info)
	}
	node := x.State.Node(cp.Node)
	if node != nil {
		w.object("current_node")
		writeExplainNode(w, node)
		if x.Shard.Move != nil && x.Shard.Move.Ranking > 0 {
			w.int("weight_ranking", x.Shard.Move.Ranking)
		}
		w.end()
	}
	if q.disk && x.Info != nil {
		writeClusterInfo(w, x)
	}
	switch {
	case x.Shard.Allocate != nil:
		writeAllocate(w, x.Shard.Allocate)
	case x.Shard.Move != nil:
		writeMove(w, x.Shard.Move)
	case cp.State == state.Relocating:
		target := cp.Other
		if n := x.State.Node(cp.Other); n != nil {
			target = n.Name
		}
		w.str("explanation", "the shard is in the process of relocating from node ["+nameOf(node)+"] to node ["+target+"], wait until relocation has completed")
	default:
		w.str("explanation", "the shard is in the process of initializing on node ["+nameOf(node)+"], wait until initialization has completed")
	}
}

func nameOf(n *state.Node) string {
	if n == nil {
		return ""
	}
	return n.Name
}

// writeExplainNode is AbstractAllocationDecision.discoveryNodeToXContent, for a node
// inside its own object.
func writeExplainNode(w *jsonWriter, n *state.Node) {
	w.str("id", n.ID)
	w.str("name", n.Name)
	w.str("transport_address", n.Address)
	if len(n.Attributes) > 0 {
		writeAttributes(w, "attributes", n)
	}
	w.strs("roles", n.Roles)
}

func writeExplainedInfo(w *jsonWriter, i *state.UnassignedInfo) {
	w.object("unassigned_info")
	w.str("reason", string(i.Reason))
	w.str("at", isoMillis(time.UnixMilli(i.AtMillis).UTC()))
	if i.FailedAllocations > 0 {
		w.int("failed_allocation_attempts", i.FailedAllocations)
	}
	if d := details(i); d != "" {
		w.str("details", d)
	}
	status := string(i.LastStatus)
	if status == "" {
		status = string(state.NoAttempt)
	}
	w.str("last_allocation_status", status)
	w.end()
}

func writeAllocate(w *jsonWriter, a *allocation.AllocateExplanation) {
	w.str("can_allocate", a.Decision)
	w.str("allocate_explanation", a.Explanation)
	if a.Target != nil {
		w.object("target_node")
		writeExplainNode(w, a.Target)
		w.end()
	}
	if a.AllocationID != "" {
		w.str("allocation_id", a.AllocationID)
	}
	if a.Decision == "allocation_delayed" {
		w.millis("configured_delay_in_millis", "configured_delay", a.ConfiguredDelay)
		w.millis("remaining_delay_in_millis", "remaining_delay", a.RemainingDelay)
	}
	writeNodeDecisions(w, a.Nodes)
}

func writeMove(w *jsonWriter, m *allocation.MoveExplanation) {
	if m.Target != nil {
		w.object("target_node")
		writeExplainNode(w, m.Target)
		w.end()
	}
	w.str("can_remain_on_current_node", yesNo(m.CanRemain))
	if !m.CanRemain && len(m.RemainDecisions) > 0 {
		writeDecisions(w, "can_remain_decisions", m.RemainDecisions)
	}
	if m.CanRebalance != "" {
		w.str("can_rebalance_cluster", m.CanRebalance)
		if m.CanRebalance != "yes" && len(m.RebalanceDecisions) > 0 {
			writeDecisions(w, "can_rebalance_cluster_decisions", m.RebalanceDecisions)
		}
		w.str("can_rebalance_to_other_node", m.Decision)
		w.str("rebalance_explanation", m.Explanation)
	} else {
		w.str("can_move_to_other_node", yesNo(m.Decision == "yes"))
		w.str("move_explanation", m.Explanation)
	}
	writeNodeDecisions(w, m.Nodes)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func writeNodeDecisions(w *jsonWriter, nodes []allocation.NodeExplanation) {
	if len(nodes) == 0 {
		return
	}
	w.array("node_allocation_decisions")
	for i := range nodes {
		n := &nodes[i]
		w.obj()
		w.str("node_id", n.Node.ID)
		w.str("node_name", n.Node.Name)
		w.str("transport_address", n.Node.Address)
		if len(n.Node.Attributes) > 0 {
			writeAttributes(w, "node_attributes", n.Node)
		}
		w.strs("roles", n.Node.Roles)
		w.str("node_decision", n.Decision)
		if n.Store != nil {
			writeStore(w, n.Store)
		}
		if n.Ranking > 0 {
			w.int("weight_ranking", n.Ranking)
		}
		if len(n.Deciders) > 0 {
			writeDecisions(w, "deciders", n.Deciders)
		}
		w.end()
	}
	w.end()
}

func writeStore(w *jsonWriter, s *allocation.StoreExplanation) {
	w.object("store")
	if !s.Replica {
		if s.AllocationID == "" && s.Exception == nil {
			w.bool("found", false)
		} else {
			w.bool("in_sync", s.InSync)
		}
	}
	if s.AllocationID != "" {
		w.str("allocation_id", s.AllocationID)
	}
	if s.Replica {
		w.size("matching_size_in_bytes", "matching_size", s.MatchingBytes)
	}
	if s.Exception != nil {
		w.object("store_exception")
		writeException(w, elastic.AsError(s.Exception), false, true)
		w.end()
	}
	w.end()
}

// writeClusterInfo writes what the master knows of disks (ClusterInfo).
func writeClusterInfo(w *jsonWriter, x *elastic.Explanation) {
	w.object("cluster_info")
	w.object("nodes")
	for _, n := range x.State.Nodes {
		usage, ok := x.Info.Nodes[n.ID]
		if !ok {
			continue
		}
		w.object(n.ID)
		w.str("node_name", n.Name)
		for _, key := range []string{"least_available", "most_available"} {
			w.object(key)
			w.str("path", dataPath)
			w.size("total_bytes", "total", usage.TotalBytes)
			w.size("used_bytes", "used", usage.TotalBytes-usage.FreeBytes)
			w.size("free_bytes", "free", usage.FreeBytes)
			used := 100 * float64(usage.TotalBytes-usage.FreeBytes) / float64(max(1, usage.TotalBytes))
			w.raw("free_disk_percent", []byte(strconv.FormatFloat(100-used, 'f', 1, 64)))
			w.raw("used_disk_percent", []byte(strconv.FormatFloat(used, 'f', 1, 64)))
			w.end()
		}
		w.end()
	}
	w.end()
	for _, key := range []string{"shard_sizes", "shard_data_set_sizes", "shard_paths"} {
		w.object(key)
		if key == "shard_sizes" {
			writeShardSizes(w, x)
		}
		w.end()
	}
	w.array("reserved_sizes")
	w.end()
	w.end()
}

func writeShardSizes(w *jsonWriter, x *elastic.Explanation) {
	for _, t := range x.State.Routing.Indices {
		for _, s := range t.Shards {
			for _, primary := range []bool{true, false} {
				n, ok := x.Info.ShardBytes[allocation.ShardKey{Index: t.Index, Shard: s.Shard, Primary: primary}]
				if !ok {
					continue
				}
				letter := "r"
				if primary {
					letter = "p"
				}
				name := "[" + t.Index + "][" + strconv.Itoa(s.Shard) + "][" + letter + "]"
				w.size(name+"_bytes", name, n)
			}
		}
	}
}
