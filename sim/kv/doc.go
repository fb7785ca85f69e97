// Package kv runs the key-value nodes of kvcluster in virtual time: their cores on
// simulated files, their messages, in the bytes of the wire protocol, over a simulated
// network.
//
// A [Cluster] is nodes that can be started, crashed, paused and cut off. A sync of a
// node's disk takes time and covers what had been written when it began; a crash loses
// or tears what was written later. Links can lose, repeat and delay messages.
//
// [Rehearse] is a whole run under random faults: clients that read and write, an
// authority that names primaries, moves copies, splits and merges shards at bad moments,
// crashes, cuts, pauses, slow disks, full disks, flipped bits. With
// [Options.Transactions], the clients are programs that use package client, and die in
// the middle of what they do. It returns what the clients saw, judged by package check,
// and how much happened. The authority stands for the metadata group: it is
// consistent, but what it says reaches the nodes late and in any order.
//
// # Whole nodes
//
// A [Fleet] is machines with whole nodes (kvcluster/node): the simulator's driver of the
// core that a TCP server drives elsewhere. They make a cluster of themselves, with a
// metadata group and failover managers of their own. [RehearseWhole] is a run of one
// under random faults: machines and disks lost, the metadata group's leader and shards'
// primaries crashed and cut off in one direction or both, power cuts, drains, splits,
// merges, moves, other replication factors. Beside what the clients saw it judges that
// all nodes know the same metadata by the same revision, that each is a lawful step from
// the one before, with ranges that tile the key space, that no epoch of a shard has two
// primaries, that failovers stay below failover.Bound while majorities are well, and
// that afterwards everything is whole again and the copies are equal.
package kv
