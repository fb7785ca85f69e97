// Package routing is the routing table of a cluster state in dense form, while the allocator
// changes it (RoutingNodes, IndexMetadataUpdater), and the settings that it goes by.
//
// A [Reader] makes a [Draft] of a state: indices with their shards, nodes with their copies,
// the lists of what is unassigned. The draft is changed as Elasticsearch changes it
// (changes.go): the order of steps decides the order of lists, and so ties. [Draft.Result]
// is the state that has come out, with what changes of routing mean for the in-sync sets and
// primary terms (metadata.go).
//
// Nothing here decides where a copy goes; that is package allocation, above.
package routing
