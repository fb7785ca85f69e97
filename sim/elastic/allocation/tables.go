package allocation

import (
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// AddIndex adds an index and its routing table, all copies unassigned with the
// reason (INDEX_CREATED, CLUSTER_RECOVERED, …); at is its place in the iteration
// order of indices, 0 to len(st.Routing.Indices). Primaries recover from disk when
// the metadata names in-sync copies, else they start empty.
func AddIndex(st *state.State, meta *state.Index, at int, reason state.Reason, in Input) *state.State {
	return st
}

// RemoveIndex removes an index, its routing table and its blocks.
func RemoveIndex(st *state.State, name string) *state.State { return st }

// SetReplicas changes the number of replicas of indices: it adds unassigned copies
// (REPLICA_ADDED), or removes copies in Elasticsearch's order: unassigned,
// initializing, relocating, any (RoutingTable.Builder.updateNumberOfReplicas).
func SetReplicas(st *state.State, names []string, replicas int, in Input) *state.State { return st }
