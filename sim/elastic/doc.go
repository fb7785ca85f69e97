// Package elastic is a model of an Elasticsearch 8 cluster in virtual time.
//
// A [Cluster] is a set of machines ([Node]) on a simulated network. A node's
// process hosts a coordinator (package coordination: elections, fault detection,
// publication), applies the committed cluster states and holds shard copies. The
// elected master's process runs the master service: it turns joins, departures,
// started and failed copies, settings and disk usage into new states with the
// allocator (package allocation). What a process knows dies with it; what stands
// on its disk (the accepted state, shard stores, their allocation ids; package store) stays.
//
// # Rooms
//
// This package is the node and what can't be told from it: its process, the transport, its
// shards with their replication and recoveries, the master. Rooms stand above and call it:
// search, metadata, reroute (what is asked of the allocator), oncopies (what is asked of every
// copy), figures (what a node tells of itself), snapshots, inplace, and backend, which
// scenarios run on. What they need of a process or a shard is exported for them; programs use
// [Cluster] and [Node]. The node calls back through [Watcher], [Snapshots] and [Follower].
// Below it are load, store, peer (both ends of a recovery), recovery's rules, indexmeta (what follows from the state for an
// index), delta, the coordinator and the allocator.
//
// # Shards
//
// Applying a state creates, recovers, promotes and removes shard copies
// (shard.go). A primary owns its replication group: it assigns sequence numbers,
// replicates to in-sync and tracked copies, keeps retention leases, marks a
// recovered copy in-sync through the master before it counts, and has the master
// fail a copy that did not answer before it acknowledges (primary.go,
// replicate.go). Peer recovery runs in Elasticsearch's stages, by files or by
// operations according to the leases (package peer; the rules themselves in
// package recovery; what of them hangs on this node in recovery_*.go).
//
// # Messages
//
// What nodes ask each other are values with what the receiver does as their method ([Message]);
// so are the answers. Of shards they are in messages.go, and in messages.go of package peer;
// questions to several nodes in fanout.go ([Question]), what the elected master is asked and the
// changes that it is to make in tasks.go ([MasterQuestion], [Change], [TellingChange]) and
// shardstate.go ([Report]); reads of copies are in package search, orders to all copies in
// package oncopies. A test finds all of them by their methods and refuses what leads to a
// process's or a disk's memory. Of that a primary still sees more than it is told: checkpoints
// and retention leases of its copies are looked at and set at once where the link is open, for
// load that has no events of its own has no messages either.
//
// # Two kinds of documents
//
// What comes in through the API is a real document: stored, replicated by
// messages, found again. Beside it flows *fluid load* ([Cluster.SetLoad]): a rate
// of writes and reads per index that grows documents, bytes and sequence numbers
// analytically, evaluated when somebody looks and re-aimed when the cluster's
// state changes (package load).
//
// # Load
//
// Both kinds keep a node's processors, disk and network card busy: package load, below this
// one. The node says what its machine is, and which copies lead (leading.go).
//
// # Time
//
// Everything that waits for a timer, a setting or a byte is modelled by its rule.
// What hangs on a processor (start of a process, applying a state, opening a
// file) is a constant of [calibration.Constants], the same for every scenario.
//
// # What is checked all the time
//
// One active primary per shard and term, promotion only from the in-sync set, an
// in-sync set that is never empty, no two copies of a shard on a node, terms and
// versions that only grow (invariants.go). A violation ends the run.
package elastic
