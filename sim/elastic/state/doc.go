// Package state is an Elasticsearch cluster state: what the master publishes and
// every node applies: nodes, settings, index metadata with primary terms and
// in-sync sets, blocks and the routing table.
//
// A published state and everything reachable from it is immutable; an update
// copies what it changes and shares the rest, so that a hundred nodes can hold
// the same state for the price of a pointer. What a node holds of a shard
// (documents, files, sequence numbers) is not here but on the node.
package state
