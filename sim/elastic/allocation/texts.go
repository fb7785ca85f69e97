package allocation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// indexVersion is that of every index of the model.
const indexVersion = "8.19.0"

// indexVersionText is what is said where all versions are the same.
func (p *pass) indexVersionText(r *routing.Copy, _ *routing.Node) (Verdict, string) {
	return Yes, versionText(r, indexVersion, indexVersion, "no existing allocation, assuming compatible",
		"can relocate primary shard from a node with index version [%s] to a node with equal-or-newer index version [%s]",
		"can allocate replica shard to a node with index version [%s] since this is equal-or-newer than the primary index version [%s]")
}

// nodeVersion keeps copies from nodes that are older than the one they come from: an older
// node can't read what a newer one has written.
func (p *pass) nodeVersion(r *routing.Copy, n *routing.Node) (Verdict, string) {
	from := r.Node
	if !r.Primary {
		from = nil
		if active := r.Shard.ActivePrimary(); active != nil {
			from = active.Node
		}
	}
	older := p.Mixed && from != nil && from.Disco != nil && n.Disco != nil && n.Disco.Release.Before(from.Disco.Release)
	switch {
	case !p.explain && older:
		return No, ""
	case !p.explain:
		return Yes, ""
	case older && r.Primary:
		return No, fmt.Sprintf("cannot relocate primary shard from a node with version [%s] to a node with older version [%s]", from.Disco.Version(), n.Disco.Version())
	case older:
		return No, fmt.Sprintf("cannot allocate replica shard to a node with version [%s] since this is older than the primary version [%s]", n.Disco.Version(), from.Disco.Version())
	}
	there := state.Modelled.String()
	if from != nil && from.Disco != nil {
		there = from.Disco.Version()
	}
	here := state.Modelled.String()
	if n.Disco != nil {
		here = n.Disco.Version()
	}
	first, second := there, here
	if !r.Primary {
		first, second = here, there
	}
	return Yes, versionText(r, first, second, "the primary shard is new or already existed on the node",
		"can relocate primary shard from a node with version [%s] to a node with equal-or-newer version [%s]",
		"can allocate replica shard to a node with version [%s] since this is equal-or-newer than the primary version [%s]")
}

func versionText(r *routing.Copy, first, second, fresh, relocating, replica string) string {
	switch {
	case r.Primary && r.Node == nil && r.Source == state.Snapshot:
		return fmt.Sprintf("max supported index version [%s] is the same or newer than snapshot version [%s]", indexVersion, indexVersion)
	case r.Primary && r.Node == nil:
		return fresh
	case r.Primary:
		return fmt.Sprintf(relocating, first, second)
	case r.Shard.ActivePrimary() == nil:
		return "no active primary shard yet"
	}
	return fmt.Sprintf(replica, first, second)
}

func (p *pass) snapshotText(r *routing.Copy) (Verdict, string) {
	switch {
	case p.Simulating:
		return Yes, "allocation is always enabled when simulating"
	case !r.Primary:
		return Yes, "the shard is not being snapshotted"
	}
	return Yes, "no snapshots are currently running"
}

func (p *pass) restoreText(r *routing.Copy) (Verdict, string) {
	if r.Source == state.Snapshot {
		return Yes, "shard is currently being restored"
	}
	return Yes, "ignored as shard is not being recovered from a snapshot"
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
