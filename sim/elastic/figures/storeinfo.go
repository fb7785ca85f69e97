package figures

import (
	"context"
	"github.com/shardquake/shardquake/sim/elastic"
	"time"
)

// StoreInfo is what a node's disk holds of a shard.
type StoreInfo struct {
	IndexUUID    string
	Shard        int
	AllocationID string
	Err          error // why it can't be opened; nil: it can
}

// LocalStores are the stores on the node's disk, in order of indices' ids and shards.
func LocalStores(n *elastic.Node) []StoreInfo {
	if n.Proc == nil {
		return nil
	}
	out := make([]StoreInfo, 0, len(n.Sorted))
	for _, st := range n.Sorted {
		out = append(out, StoreInfo{IndexUUID: st.Key.UUID, Shard: st.Key.Shard, AllocationID: st.AllocationID, Err: st.Unreadable()})
	}
	return out
}

// ResetBalance has the master forget the balance that it moves copies to, and compute one
// anew (DELETE _internal/desired_balance).
func ResetBalance(n *elastic.Node, ctx context.Context) error {
	_, err := elastic.OnMaster(ctx, n, 30*time.Second, func(m *elastic.Node) (struct{}, error) {
		if p := m.Proc; p != nil && p.Master != nil {
			p.Master.Alloc.Reset()
			p.Master.Reroute.Ask("reset-desired-balance", elastic.Normal, nil)
		}
		return struct{}{}, nil
	})
	return err
}
