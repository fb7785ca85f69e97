package elastic

import (
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Snapshots is what a node asks of the room of snapshots (package snapshots).
type Snapshots interface {
	// Applied begins the snapshots that a state which the node has applied asks of it.
	Applied(p *Process, st *state.State)
	// Led takes on the snapshots of a state that the master has applied.
	Led(m *Master, st *state.State)
	// Sizes adds the sizes of shards that are being restored to what is known of sizes.
	Sizes(info *allocation.ClusterInfo) *allocation.ClusterInfo
	// Restore fills a primary from a repository.
	Restore(r *Recovery)
}

// noSnapshots is the room of a cluster that has no repository.
type noSnapshots struct{}

func (noSnapshots) Applied(*Process, *state.State) {}

func (noSnapshots) Led(*Master, *state.State) {}

func (noSnapshots) Sizes(info *allocation.ClusterInfo) *allocation.ClusterInfo { return info }

func (noSnapshots) Restore(r *Recovery) {
	r.Later(r.Shard.Process.Cluster.Calibration.LocalRecovery, func() {
		r.FailLocally("RepositoryMissingException: [" + r.Shard.Meta.Restored.Repository + "] missing")
	})
}

// Follower is a service that works on a node while it is the elected master.
type Follower interface {
	// Applied: the master has applied another state.
	Applied(d *delta.Delta)
	// Stop: the node is the master no longer.
	Stop()
}

type noFollower struct{}

func (noFollower) Applied(*delta.Delta) {}
func (noFollower) Stop()                {}
