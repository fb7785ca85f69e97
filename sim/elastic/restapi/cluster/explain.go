package cluster

import (
	"strconv"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/reroute"
	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
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

func prepareExplain(r *rest.Request) rest.Action {
	q := explainRequest{masterTimeout: r.MasterTimeout(), any: true, shard: -1}
	if len(r.Body) > 0 {
		body := r.JSON()
		q.parse(&body)
	}
	q.params(r)
	q.yes = r.BoolParam("include_yes_decisions", false)
	q.disk = r.BoolParam("include_disk_info", false)
	return func(c *rest.Call) *rest.Response {
		x, err := reroute.Explain(c.Node, c.Ctx, q.masterTimeout, q.yes, &q)
		c.Check(err)
		w := rest.NewWriter(c.Req.Human())
		w.Obj()
		q.write(w, c, &x)
		w.End()
		return &rest.Response{JSON: w.Bytes()}
	}
}

// params reads the copy from parameters, where the body leaves it open.
func (q *explainRequest) params(r *rest.Request) {
	if v, ok := r.Lookup("index"); ok {
		q.index, q.any = v, false
	}
	if r.Has("shard") {
		q.shard, q.hasShard, q.any = r.IntParam("shard", -1), true, false
	}
	if r.Has("primary") {
		q.primary, q.nodeGiven, q.any = r.BoolParam("primary", false), true, false
	}
	if v, ok := r.Lookup("current_node"); ok {
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
		rest.Raise(rest.ValidationFailed(missing...))
	}
}

func (q *explainRequest) parse(v *rest.Value) {
	const parser = "cluster/allocation/explain"
	if v.Kind != rest.ObjectValue {
		rest.Raise(rest.ContentParse(v.Line, v.Col, "[%s] Expected START_OBJECT but was: %s", parser, v.TokenName()))
	}
	for i := range v.Members {
		m := &v.Members[i]
		wrong := func() {
			rest.Raise(rest.ContentParse(m.Value.Line, m.Value.Col, "[%s] %s doesn't support values of type: %s", parser, m.Name, m.Value.TokenName()))
		}
		failed := func(cause *elastic.Error) {
			e := rest.ContentParse(m.Value.Line, m.Value.Col, "[%s] failed to parse field [%s]", parser, m.Name)
			e.CausedBy = cause
			rest.Raise(e)
		}
		q.any = false
		switch m.Name {
		case "index", "current_node":
			if m.Value.Kind != rest.StringValue {
				wrong()
			}
			if m.Name == "index" {
				q.index = m.Value.Text
			} else {
				q.node = m.Value.Text
			}
		case "shard":
			if m.Value.Kind != rest.NumberValue && m.Value.Kind != rest.StringValue {
				wrong()
			}
			n, err := strconv.Atoi(m.Value.Text)
			if err != nil {
				failed(rest.NumberFormat(m.Value.Text))
			}
			q.shard, q.hasShard = n, true
		case "primary":
			if m.Value.Kind != rest.BoolValue && m.Value.Kind != rest.StringValue {
				wrong()
			}
			b, err := settings.ParseBool("primary", m.Value.Text)
			if err != nil {
				failed(rest.IllegalArgument("%s", err.Error()))
			}
			q.primary, q.nodeGiven = b, true
		default:
			rest.Raise(rest.UnknownField(m, parser, explainFields))
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

// Choose picks the copy (TransportClusterAllocationExplainAction.findShardToExplain).
func (q *explainRequest) Choose(st *state.State) (*state.Copy, bool, error) {
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
			return nil, false, rest.IllegalArgument("failed to resolve [%s], no matching nodes", q.node)
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
		return nil, false, rest.IllegalArgument("%s", noUnassigned)
	}
	return first, true, nil
}

// findCopy picks the primary, or among the replicas an unassigned one first.
func (q *explainRequest) findCopy(t *state.ShardTable, node *state.Node) (*state.Copy, bool, error) {
	if q.primary {
		p := t.Primary()
		if node != nil && p.Node != node.ID {
			return nil, false, rest.IllegalArgument("unable to find primary shard assigned to node [%s]", q.node)
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
		return nil, false, rest.IllegalArgument("unable to find a replica shard assigned to node [%s]", q.node)
	}
	return nil, false, rest.IllegalArgument("no replicas found for shard [%s][%d]", q.index, q.shard)
}

func (q *explainRequest) write(w *rest.Writer, c *rest.Call, x *reroute.Explanation) {
	cp := x.Shard.Copy
	if x.Chosen {
		w.Str("note", noteChosen)
	}
	w.Str("index", cp.Index)
	w.Int("shard", cp.Shard)
	w.Bool("primary", cp.Primary)
	w.Str("current_state", strings.ToLower(cp.State.String()))
	if cp.Info != nil {
		writeExplainedInfo(w, cp.Info)
	}
	node := x.State.Node(cp.Node)
	if node != nil {
		w.Object("current_node")
		writeExplainNode(w, node)
		if x.Shard.Move != nil && x.Shard.Move.Ranking > 0 {
			w.Int("weight_ranking", x.Shard.Move.Ranking)
		}
		w.End()
	}
	if q.disk && x.Info != nil {
		WriteClusterInfo(w, x.State, x.Info)
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
		w.Str("explanation", "the shard is in the process of relocating from node ["+nameOf(node)+"] to node ["+target+"], wait until relocation has completed")
	default:
		w.Str("explanation", "the shard is in the process of initializing on node ["+nameOf(node)+"], wait until initialization has completed")
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
func writeExplainNode(w *rest.Writer, n *state.Node) {
	w.Str("id", n.ID)
	w.Str("name", n.Name)
	w.Str("transport_address", n.Address)
	if len(n.Attributes) > 0 {
		WriteAttributes(w, "attributes", n)
	}
	w.Strs("roles", n.Roles)
}

func writeExplainedInfo(w *rest.Writer, i *state.UnassignedInfo) {
	w.Object("unassigned_info")
	w.Str("reason", string(i.Reason))
	w.Str("at", rest.IsoMillis(time.UnixMilli(i.AtMillis).UTC()))
	if i.FailedAllocations > 0 {
		w.Int("failed_allocation_attempts", i.FailedAllocations)
	}
	if d := Details(i); d != "" {
		w.Str("details", d)
	}
	status := string(i.LastStatus)
	if status == "" {
		status = string(state.NoAttempt)
	}
	w.Str("last_allocation_status", status)
	w.End()
}

func writeAllocate(w *rest.Writer, a *allocation.AllocateExplanation) {
	w.Str("can_allocate", a.Decision)
	w.Str("allocate_explanation", a.Explanation)
	if a.Target != nil {
		w.Object("target_node")
		writeExplainNode(w, a.Target)
		w.End()
	}
	if a.AllocationID != "" {
		w.Str("allocation_id", a.AllocationID)
	}
	if a.Decision == "allocation_delayed" {
		w.Millis("configured_delay_in_millis", "configured_delay", a.ConfiguredDelay)
		w.Millis("remaining_delay_in_millis", "remaining_delay", a.RemainingDelay)
	}
	writeNodeDecisions(w, a.Nodes)
}

func writeMove(w *rest.Writer, m *allocation.MoveExplanation) {
	if m.Target != nil {
		w.Object("target_node")
		writeExplainNode(w, m.Target)
		w.End()
	}
	w.Str("can_remain_on_current_node", yesNo(m.CanRemain))
	if !m.CanRemain && len(m.RemainDecisions) > 0 {
		writeDecisions(w, "can_remain_decisions", m.RemainDecisions)
	}
	if m.CanRebalance != "" {
		w.Str("can_rebalance_cluster", m.CanRebalance)
		if m.CanRebalance != "yes" && len(m.RebalanceDecisions) > 0 {
			writeDecisions(w, "can_rebalance_cluster_decisions", m.RebalanceDecisions)
		}
		w.Str("can_rebalance_to_other_node", m.Decision)
		w.Str("rebalance_explanation", m.Explanation)
	} else {
		w.Str("can_move_to_other_node", yesNo(m.Decision == "yes"))
		w.Str("move_explanation", m.Explanation)
	}
	writeNodeDecisions(w, m.Nodes)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func writeNodeDecisions(w *rest.Writer, nodes []allocation.NodeExplanation) {
	if len(nodes) == 0 {
		return
	}
	w.Array("node_allocation_decisions")
	for i := range nodes {
		n := &nodes[i]
		w.Obj()
		w.Str("node_id", n.Node.ID)
		w.Str("node_name", n.Node.Name)
		w.Str("transport_address", n.Node.Address)
		if len(n.Node.Attributes) > 0 {
			WriteAttributes(w, "node_attributes", n.Node)
		}
		w.Strs("roles", n.Node.Roles)
		w.Str("node_decision", n.Decision)
		if n.Store != nil {
			writeStore(w, n.Store)
		}
		if n.Ranking > 0 {
			w.Int("weight_ranking", n.Ranking)
		}
		if len(n.Deciders) > 0 {
			writeDecisions(w, "deciders", n.Deciders)
		}
		w.End()
	}
	w.End()
}

func writeStore(w *rest.Writer, s *allocation.StoreExplanation) {
	w.Object("store")
	if !s.Replica {
		if s.AllocationID == "" && s.Exception == nil {
			w.Bool("found", false)
		} else {
			w.Bool("in_sync", s.InSync)
		}
	}
	if s.AllocationID != "" {
		w.Str("allocation_id", s.AllocationID)
	}
	if s.Replica {
		w.Size("matching_size_in_bytes", "matching_size", s.MatchingBytes)
	}
	if s.Exception != nil {
		w.Object("store_exception")
		rest.WriteException(w, elastic.AsError(s.Exception), false, true)
		w.End()
	}
	w.End()
}

// WriteClusterInfo writes what the master knows of disks and sizes (ClusterInfo).
func WriteClusterInfo(w *rest.Writer, st *state.State, info *allocation.ClusterInfo) {
	w.Object("cluster_info")
	w.Object("nodes")
	for _, n := range st.Nodes {
		usage, ok := info.Nodes[n.ID]
		if !ok {
			continue
		}
		w.Object(n.ID)
		w.Str("node_name", n.Name)
		for _, key := range []string{"least_available", "most_available"} {
			w.Object(key)
			w.Str("path", rest.DataPath)
			w.Size("total_bytes", "total", usage.TotalBytes)
			w.Size("used_bytes", "used", usage.TotalBytes-usage.FreeBytes)
			w.Size("free_bytes", "free", usage.FreeBytes)
			used := 100 * float64(usage.TotalBytes-usage.FreeBytes) / float64(max(1, usage.TotalBytes))
			w.Raw("free_disk_percent", []byte(strconv.FormatFloat(100-used, 'f', 1, 64)))
			w.Raw("used_disk_percent", []byte(strconv.FormatFloat(used, 'f', 1, 64)))
			w.End()
		}
		w.End()
	}
	w.End()
	w.Object("shard_sizes")
	writeShardSizes(w, st, info)
	w.End()
	w.Object("shard_data_set_sizes")
	shardsOf(st, func(index string, shard int) {
		if n, ok := info.ShardBytes[allocation.ShardKey{Index: index, Shard: shard, Primary: true}]; ok {
			name := shardName(index, shard)
			w.Size(name+"_bytes", name, n)
		}
	})
	w.End()
	w.Object("shard_paths")
	for _, n := range st.Nodes {
		shardsOf(st, func(index string, shard int) {
			if _, ok := info.DataPaths[allocation.NodeShard{Node: n.ID, Index: index, Shard: shard}]; ok {
				w.Str("NodeAndShard[nodeId="+n.ID+", shardId="+shardName(index, shard)+"]", rest.DataPath)
			}
		})
	}
	w.End()
	w.Array("reserved_sizes")
	for _, n := range st.Nodes {
		if of, ok := info.Reserved[n.ID]; ok {
			w.Obj()
			w.Str("node_id", n.ID)
			w.Str("path", rest.DataPath)
			w.Int64("total", of.Bytes)
			w.Array("shards")
			for _, id := range of.Shards {
				w.Elem(shardName(id.Index, id.Shard))
			}
			w.End()
			w.End()
		}
	}
	w.End()
	w.End()
}

func shardName(index string, shard int) string { return "[" + index + "][" + strconv.Itoa(shard) + "]" }

func shardsOf(st *state.State, f func(index string, shard int)) {
	for _, t := range st.Routing.Indices {
		for _, s := range t.Shards {
			f(t.Index, s.Shard)
		}
	}
}

func writeShardSizes(w *rest.Writer, st *state.State, info *allocation.ClusterInfo) {
	for _, t := range st.Routing.Indices {
		for _, s := range t.Shards {
			for _, primary := range []bool{true, false} {
				n, ok := info.ShardBytes[allocation.ShardKey{Index: t.Index, Shard: s.Shard, Primary: primary}]
				if !ok {
					continue
				}
				letter := "r"
				if primary {
					letter = "p"
				}
				name := shardName(t.Index, s.Shard) + "[" + letter + "]"
				w.Size(name+"_bytes", name, n)
			}
		}
	}
}
