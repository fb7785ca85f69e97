// Package peer is a peer recovery as its two ends drive it: the source, a primary that brings
// another copy to what it has (RecoverySourceHandler), and the target, the copy that recovers
// (RecoveryTarget, PeerRecoveryTargetService).
//
// The two know of each other what messages say. Every message is a value: what it holds belongs
// to whoever receives it, and nothing in it is the sender's memory. What an end needs of its
// own node and shard it asks of the interfaces [Primary] with its [Group], and [Copy]; how
// messages and files get across is the [Link]. Package elastic has the nodes and shards; the
// rules that need no cluster are in package recovery.
package peer
