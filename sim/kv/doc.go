// Package kv runs the key-value nodes of kvcluster in virtual time: their cores on
// simulated files, their messages, in the bytes of the wire protocol, over a simulated
// network.
//
// A [Cluster] is nodes that hold copies of shards, without a metadata group. They can be
// started, crashed, paused and cut off. A sync of a node's disk takes time and covers what had
// been written when it began; a crash loses or tears what was written later. Links can
// lose, repeat and delay messages.
//
// A [Fleet] is machines with whole nodes (kvcluster/node): the simulator's driver of the
// core that a TCP server drives elsewhere. They make a cluster of themselves, with a
// metadata group and failover managers of their own.
//
// Nodes here keep their data in package logstore, which does nothing on its own account, so
// that a run repeats exactly; a Fleet can have them on pebble as well, as the nodes that
// ship have. Package rehearse runs both kinds of cluster under random faults.
package kv
