package kv

import (
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/scenarios/observed"
)

var (
	_ observed.Sight = Ranges{}
	_ observed.Sight = Acting{}
)

// Ranges is the shard map of a key-value cluster as a node has come to know it. A
// revision is told once, and again when a node knows another map under the same number.
type Ranges struct {
	observed.OwnSight
	Revision uint64           `json:"revision"`
	Version  uint64           `json:"version"`
	Node     string           `json:"n"`
	Shards   []shardmap.Shard `json:"shards"`
}

// Acting is a node that began to act as the primary of a shard in an epoch. Life tells the
// processes of a node apart.
type Acting struct {
	observed.OwnSight
	Shard string `json:"s"`
	Epoch uint64 `json:"epoch"`
	Node  string `json:"n"`
	Life  int    `json:"life"`
}

// SightKind implements [Sight].
func (Ranges) SightKind() string { return "ranges" }

// SightKind implements [Sight].
func (Acting) SightKind() string { return "acting" }
