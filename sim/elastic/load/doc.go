// Package load is the work of a cluster's nodes: background load without events of its own,
// and operations that came through the API one by one.
//
// The background load ([Fluid]) is a rate of writes and reads per index. It grows documents,
// bytes and sequence numbers analytically, evaluated when somebody looks and aimed anew when
// the cluster's state changes, so that a thousand operations per second for a day cost
// nothing. It flows into replication groups ([Group]), each a [Primary] that acts and the
// copies that it reaches; their stores settle through [store.Background].
//
// A node is an M/M/c queue (package queueing, [Queue]): what its operations cost (cost.go),
// how long they take, and their percentiles are closed forms of the rates, computed anew
// when a rate changes. Disk and network card are shared with recoveries (flows.go). A node
// that is asked for more than it can do queues and refuses (overload.go); only then the load
// has events, one a second. Operations of clients run in thread pools ([Pools]).
//
// The node stands above: it says what its machine is ([Machine]) and which of its copies
// lead ([Primary]), and asks what the load has done.
package load
