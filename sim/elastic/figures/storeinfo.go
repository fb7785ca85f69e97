package figures

import "github.com/shardquake/shardquake/sim/elastic"

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
