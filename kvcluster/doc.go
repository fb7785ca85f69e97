// Package kvcluster is a sharded, replicated key-value store: key ranges on several
// nodes each, one primary per range and epoch, clients that choose how many copies
// must take part in an operation.
//
// Every part is a state machine or a pure function. Time, messages and disks are
// arguments, so that the same code runs in virtual time under faults (sim/kv) and in a
// process of its own.
//
// # Parts
//
//	shardmap      which copies of which shard hold which keys; placement; plans
//	balance       the load balancer: which node gets a request
//	replica       one copy of a shard: epochs, replication, reads, duplicates
//	meta          the cluster's metadata, in a consensus group
//	failover      who is given up, who is promoted, where copies go; the bound of it
//	shardmanager  shards as their users manage them
//	node          all that as one node, without network and clock
//	tcp           a node's and a client's connections: the driver of a real node
//	storage       the engines that copies keep data in, and their common contract
//	wire          the binary protocol
//	client        the database as programs see it: operations, futures, transactions
//	clock         the names of the clock, for programs that bring one of their own
//	check         whether what clients saw is consistent with what follows
//
// # What a level guarantees, and why
//
// A shard has n copies, 3 unless told otherwise; a majority is more than half of them.
//
// A QUORUM write is answered when a majority has it on disk, in the present epoch, and
// the primary has applied it. A new primary acts only after it has fenced a majority
// of the copies (and of each earlier set of copies that may have acted) and adopted
// the most advanced log among them. Two majorities of one set share a copy, so that log
// contains every acknowledged write: an acknowledged QUORUM write survives the loss of
// any minority of the copies, and any number of crashes that disks survive.
//
// A QUORUM read is answered by the primary after a majority has confirmed, since the
// read began, that it knows of no higher epoch. So at some moment after the read began
// no newer primary was able to act, and what had been acknowledged until then is in
// the answer. No clock and no lease takes part in that: a primary that was paused for
// an hour asks before it answers.
//
// An ALL write is answered when every copy has it on disk; with a copy down it is refused
// before anything is written. An ALL read is confirmed by every copy. Both are as
// strong as QUORUM, an ALL write survives while one copy does (though with fewer than a
// majority left nobody acts until copies are replaced).
//
// Hence: operations on one key at QUORUM and ALL are linearizable while any minority of
// copies is lost, cut off, paused or slow. Without a majority there are refusals and
// unknown outcomes, no wrong answers.
//
// A ONE write is answered when the primary has it on disk. If the primary fails before
// others have it, it is lost. A ONE read comes from any copy as it is: it may be stale,
// and may not see a ONE or QUORUM write that was acknowledged elsewhere, but it never
// sees one that is not committed. Every answer of level ONE says that it is weak.
//
// Conditional writes (if missing, if the value or version is so) are decided when they
// are applied, in the order of the log, and therefore need QUORUM or ALL.
//
// Transactions over several shards are strictly serializable; package client says how.
//
// # Unknown outcomes
//
// A write that timed out, or whose primary lost its office, may have been done or may be
// done yet: the answer is Unknown, never a failure. The client may retry it under the
// same number as often as it likes, at any primary: it is done at most once, and the
// retry gets the first outcome.
package kvcluster
