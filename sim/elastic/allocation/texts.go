package allocation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// indexVersion is that of every index of the model.
const indexVersion = "8.19.0"

// indexVersionText is what is said where all versions are the same.
func (p *pass) indexVersionText(r *routed, _ *node) (Verdict, string) {
	return Yes, versionText(r, indexVersion, indexVersion, "no existing allocation, assuming compatible",
		"can relocate primary shard from a node with index version [%s] to a node with equal-or-newer index version [%s]",
		"can allocate replica shard to a node with index version [%s] since this is equal-or-newer than the primary index version [%s]")
}

// nodeVersion keeps copies from nodes that are older than the one they come from: an older
// node can't read what a newer one has written.
func (p *pass) nodeVersion(r *routed, n *node) (Verdict, string) {
	from := r.node
	if !r.primary {
		from = nil
		if active := r.shard.activePrimary(); active != nil {
			from = active.node
		}
	}
	older := p.mixed && from != nil && from.disco != nil && n.disco != nil && from.disco.Newer && !n.disco.Newer
	switch {
	case !p.explain && older:
		return No, ""
	case !p.explain:
		return Yes, ""
	case older && r.primary:
		return No, fmt.Sprintf("cannot relocate primary shard from a node with version [%s] to a node with older version [%s]", from.disco.Version(), n.disco.Version())
	case older:
		return No, fmt.Sprintf("cannot allocate replica shard to a node with version [%s] since this is older than the primary version [%s]", n.disco.Version(), from.disco.Version())
	}
	there := state.NodeVersion
	if from != nil && from.disco != nil {
		there = from.disco.Version()
	}
	here := state.NodeVersion
	if n.disco != nil {
		here = n.disco.Version()
	}
	first, second := there, here
	if !r.primary {
		first, second = here, there
	}
	return Yes, versionText(r, first, second, "the primary shard is new or already existed on the node",
		"can relocate primary shard from a node with version [%s] to a node with equal-or-newer version [%s]",
		"can allocate replica shard to a node with version [%s] since this is equal-or-newer than the primary version [%s]")
}

func versionText(r *routed, first, second, fresh, relocating, replica string) string {
	switch {
	case r.primary && r.node == nil && r.source == state.Snapshot:
		return fmt.Sprintf("max supported index version [%s] is the same or newer than snapshot version [%s]", indexVersion, indexVersion)
	case r.primary && r.node == nil:
		return fresh
	case r.primary:
		return fmt.Sprintf(relocating, first, second)
	case r.shard.activePrimary() == nil:
		return "no active primary shard yet"
	}
	return fmt.Sprintf(replica, first, second)
}

func (p *pass) snapshotText(r *routed) (Verdict, string) {
	switch {
	case p.simulating:
		return Yes, "allocation is always enabled when simulating"
	case !r.primary:
		return Yes, "the shard is not being snapshotted"
	}
	return Yes, "no snapshots are currently running"
}

func (p *pass) restoreText(r *routed) (Verdict, string) {
	if r.source == state.Snapshot {
		return Yes, "shard is currently being restored"
	}
	return Yes, "ignored as shard is not being recovered from a snapshot"
}

// String is ShardRouting.toString.
func (r *routed) String() string {
	var b strings.Builder
	id := func(n *node) string {
		if n == nil {
			return "null"
		}
		return n.id
	}
	fmt.Fprintf(&b, "%s, node[%s], ", r.shard, id(r.node))
	if r.other != nil {
		fmt.Fprintf(&b, "relocating [%s], ", id(r.other))
	}
	if r.primary {
		b.WriteString("[P]")
	} else {
		b.WriteString("[R]")
	}
	if text := sourceText(r); text != "" {
		fmt.Fprintf(&b, ", recovery_source[%s]", text)
	}
	fmt.Fprintf(&b, ", s[%s]", r.state)
	if r.id != "" {
		fmt.Fprintf(&b, ", a[id=%s", r.id)
		if r.otherID != "" {
			fmt.Fprintf(&b, ", rId=%s", r.otherID)
		}
		b.WriteByte(']')
	}
	if r.info != nil {
		b.WriteString(", " + infoText(r.info))
	}
	fmt.Fprintf(&b, ", failed_attempts[%d]", r.failures)
	if r.expected != unknownSize {
		fmt.Fprintf(&b, ", expected_shard_size[%d]", r.expected)
	}
	return b.String()
}

func sourceText(r *routed) string {
	switch r.source {
	case state.EmptyStore:
		return "new shard recovery"
	case state.ExistingStore:
		return fmt.Sprintf("existing store recovery; bootstrap_history_uuid=%t", r.forceStale)
	case state.Peer:
		return "peer recovery"
	case state.Snapshot:
		return "snapshot recovery"
	case state.LocalShards:
		return "local shards recovery"
	}
	return ""
}

// infoText is UnassignedInfo.toString.
func infoText(i *state.UnassignedInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "unassigned_info[[reason=%s], at[%s]", i.Reason, TimeText(i.AtMillis))
	if i.FailedAllocations > 0 {
		fmt.Fprintf(&b, ", failed_attempts[%d]", i.FailedAllocations)
	}
	if len(i.FailedNodes) > 0 {
		fmt.Fprintf(&b, ", failed_nodes[%s]", listText(i.FailedNodes))
	}
	fmt.Fprintf(&b, ", delayed=%t", i.Delayed)
	if i.LastNode != "" {
		fmt.Fprintf(&b, ", last_node[%s]", i.LastNode)
	}
	if details := Details(i); details != "" {
		fmt.Fprintf(&b, ", details[%s]", details)
	}
	fmt.Fprintf(&b, ", allocation_status[%s]]", strings.ToLower(string(i.LastStatus)))
	return b.String()
}

// Details is an unassigned copy's message with its failure; "" none (UnassignedInfo.details).
func Details(i *state.UnassignedInfo) string {
	if i.Message == "" || i.Failure == "" {
		return i.Message
	}
	return i.Message + ", failure " + i.Failure
}

// TimeText is a moment as Elasticsearch prints it (date_optional_time).
func TimeText(millis int64) string {
	return time.UnixMilli(millis).UTC().Format("2006-01-02T15:04:05.000Z")
}

// discoText is DiscoveryNode.toString.
func discoText(n *state.Node) string {
	var b strings.Builder
	// The name stands a second time as the external id, which is the name by default.
	fmt.Fprintf(&b, "{%s}{%s}{%s}{%s}{%s}{%s}{%s}{%s}{%s}", n.Name, n.ID, n.EphemeralID, n.Name, n.Host, n.Address,
		roleLetters(n), n.Version(), "7000099-8536000")
	if len(n.Attributes) > 0 {
		parts := make([]string, len(n.Attributes))
		for i, a := range n.Attributes {
			parts[i] = a.Name + "=" + a.Value
		}
		b.WriteString("{" + strings.Join(parts, ", ") + "}")
	}
	return b.String()
}

// roleLetters are the abbreviations of a node's roles, in order.
func roleLetters(n *state.Node) string {
	letters := map[string]string{
		"data": "d", "data_cold": "c", "data_content": "s", "data_frozen": "f", "data_hot": "h", "data_warm": "w",
		"ingest": "i", "master": "m", "ml": "l", "remote_cluster_client": "r", "transform": "t", "voting_only": "v",
	}
	var out []string
	for _, r := range n.Roles {
		out = append(out, letters[r])
	}
	slices.Sort(out)
	return strings.Join(out, "")
}
