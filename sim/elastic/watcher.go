package elastic

import "github.com/shardquake/shardquake/sim/elastic/delta"

// Watcher is told of what changes in a cluster.
type Watcher interface {
	// Applied: a node has applied another state.
	Applied(p *Process, d *delta.Delta)
	// NodeChanged: a node was started, killed or frozen, or its port is open now.
	NodeChanged(n *Node)
	// Recovery: a recovery has entered a stage or ended.
	Recovery(r *Recovery)
	// SizesChanged: the shards of an index hold something else.
	SizesChanged(index string)
}

// unwatched is the watcher of a cluster that nobody watches.
type unwatched struct{}

func (unwatched) Applied(*Process, *delta.Delta) {}
func (unwatched) NodeChanged(*Node)              {}
func (unwatched) Recovery(*Recovery)             {}
func (unwatched) SizesChanged(string)            {}
