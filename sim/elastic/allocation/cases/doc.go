// Package cases runs allocation cases: synthetic cluster states, given as JSON Lines,
// on which an allocator decides round by round. It writes the decisions in the form
// in which they are recorded, and compares them with those recorded from
// Elasticsearch's own allocator.
//
// A round applies its events, takes disk usage and shard sizes, reroutes, and starts
// every copy that initializes. With the desired balance a reroute is three steps:
// reroute towards the balance of the round before, compute the balance, reconcile
// towards it.
package cases
