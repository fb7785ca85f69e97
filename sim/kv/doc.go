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
// crashes, cuts, pauses, slow disks, full disks, flipped bits. It returns what the clients saw, judged by package
// check, and how much happened. The authority stands for the metadata group: it is
// consistent, but what it says reaches the nodes late and in any order.
package kv
