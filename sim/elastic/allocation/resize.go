package allocation

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/routing"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// fromShards reports whether the copy is to be made from the primaries of another index.
func fromShards(r *routing.Copy) bool { return r.Source == state.LocalShards && r.Unassigned() }

// resize keeps the primary of an index that was split or cloned on the node of the primary that
// it is made from (ResizeAllocationDecider).
func (p *pass) resize(r *routing.Copy, n *routing.Node) (Verdict, string) {
	if !fromShards(r) {
		return Yes, ""
	}
	set := r.Shard.Index.Meta.Settings
	name := settings.IndexResizeSource.Get(set)
	from := p.ByName[name]
	switch {
	case from == nil || from.Meta.UUID != settings.IndexResizeSourceUUID.Get(set):
		return No, p.say("resize source index [[%s/%s]] doesn't exists", name, settings.IndexResizeSourceUUID.Get(set))
	case len(r.Shard.Index.Shards) < len(from.Shards):
		return Yes, "resize source shards are held by the initial recovery filter"
	}
	primary := from.Shards[r.Shard.Number*len(from.Shards)/len(r.Shard.Index.Shards)].ActivePrimary()
	switch {
	case primary == nil:
		return No, p.say("source primary shard [[%s][%d]] is not active", name, r.Shard.Number*len(from.Shards)/len(r.Shard.Index.Shards))
	case primary.Node != n:
		return No, "source primary is allocated on another node"
	}
	return Yes, "source primary is allocated on this node"
}

// initialRecovery keeps the primary of a shrunken index on a node that held a copy of every
// shard (FilterAllocationDecider).
func (p *pass) initialRecovery(r *routing.Copy, n *routing.Node) (Verdict, string) {
	nodes := settings.IndexInitialRecovery.Get(r.Shard.Index.Meta.Settings)
	if !fromShards(r) || len(nodes) == 0 || slices.Contains(nodes, n.ID) {
		return Yes, "node passes include/exclude/require filters"
	}
	if !p.explain {
		return No, ""
	}
	return No, fmt.Sprintf("initial allocation of the shrunken index is only allowed on nodes [_id:%s] that hold a copy of every shard in the index",
		quotedOr(nodes))
}

// quotedOr joins values as filters are written.
func quotedOr(values []string) string {
	text := ""
	for i, v := range values {
		if i > 0 {
			text += " OR "
		}
		text += `"` + v + `"`
	}
	return text
}
