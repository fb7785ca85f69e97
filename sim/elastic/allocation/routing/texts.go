package routing

import (
	"fmt"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

// String is Elasticsearch's text of a shard id.
func (s *Shard) String() string { return fmt.Sprintf("[%s][%d]", s.Index.Meta.Name, s.Number) }

// String is ShardRouting.toString.
func (r *Copy) String() string {
	var b strings.Builder
	id := func(n *Node) string {
		if n == nil {
			return "null"
		}
		return n.ID
	}
	fmt.Fprintf(&b, "%s, node[%s], ", r.Shard, id(r.Node))
	if r.Other != nil {
		fmt.Fprintf(&b, "relocating [%s], ", id(r.Other))
	}
	if r.Primary {
		b.WriteString("[P]")
	} else {
		b.WriteString("[R]")
	}
	if text := sourceText(r); text != "" {
		fmt.Fprintf(&b, ", recovery_source[%s]", text)
	}
	fmt.Fprintf(&b, ", s[%s]", r.State)
	if r.ID != "" {
		fmt.Fprintf(&b, ", a[id=%s", r.ID)
		if r.OtherID != "" {
			fmt.Fprintf(&b, ", rId=%s", r.OtherID)
		}
		b.WriteByte(']')
	}
	if r.Info != nil {
		b.WriteString(", " + InfoText(r.Info))
	}
	fmt.Fprintf(&b, ", failed_attempts[%d]", r.Failures)
	if r.Expected != UnknownSize {
		fmt.Fprintf(&b, ", expected_shard_size[%d]", r.Expected)
	}
	return b.String()
}

func sourceText(r *Copy) string {
	switch r.Source {
	case state.EmptyStore:
		return "new shard recovery"
	case state.ExistingStore:
		return fmt.Sprintf("existing store recovery; bootstrap_history_uuid=%t", r.ForceStale)
	case state.Peer:
		return "peer recovery"
	case state.Snapshot:
		return "snapshot recovery"
	case state.LocalShards:
		return "local shards recovery"
	}
	return ""
}

// InfoText is UnassignedInfo.toString.
func InfoText(i *state.UnassignedInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "unassigned_info[[reason=%s], at[%s]", i.Reason, TimeText(i.AtMillis))
	if i.FailedAllocations > 0 {
		fmt.Fprintf(&b, ", failed_attempts[%d]", i.FailedAllocations)
	}
	if len(i.FailedNodes) > 0 {
		fmt.Fprintf(&b, ", failed_nodes[%s]", ListText(i.FailedNodes))
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

// ListText is Java's text of a list.
func ListText(values []string) string { return "[" + strings.Join(values, ", ") + "]" }
