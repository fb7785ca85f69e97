// Package client is the distributed database as a program sees it: [DB] reads, writes,
// scans, compares and sets, in batches and transactions, at a consistency level of its
// choice, and lets a cluster be administered.
//
// A DB keeps the shard map and sends each request to the primary of the shard that
// covers its key. What comes back says when the map is old (another epoch, another
// primary, another range); then it is fetched anew. Between attempts a request waits,
// longer each time and by chance, until its deadline.
//
// # Outcomes
//
// Every request has a number that stays when it is repeated, also at another primary
// and after a split, so that it is done at most once. If the deadline comes while an attempt may
// have had its effect, the error is [ErrUnknown]; with any other error nothing was done, but for a batch: a [BatchError] says
// which of its keys were written.
//
// # Transactions
//
// A [Txn] reads at QUORUM and remembers versions, and keeps what it writes to itself until
// Commit. If all its keys are on one shard, one conditional write is the commit. One that
// only reads reads again, if all it has read was there. Otherwise
//
//  1. the shard of the anchor, its first written key, locks its keys if they still have the
//     versions read, and notes that the transaction has begun;
//  2. the other shards lock theirs;
//  3. the shard of the anchor notes that it is committed, unless somebody has aborted it.
//     From then on it is, whoever dies;
//  4. all shards do what was wanted and unlock, and the note is removed.
//
// All these are entries of the shards' logs. From lock to decision nobody else writes
// what was read or written, so all of it holds at the moment of the decision:
// transactions are strictly serializable. Without a note a transaction is aborted:
// there is one before the first lock elsewhere, and it goes after the last one.
//
// Who meets a lock asks the anchor's shard. If the transaction is decided, it finishes
// what its coordinator has left. If not, a transaction gives up at once with
// [ErrConflict], so that nobody waits for anybody who waits; others come back until their
// deadline. When the same transaction has been in the way for [Config.LockTimeout], or the
// anchor's shard says that it began so long ago, its coordinator counts as dead and it is aborted, which is safe whether or not it is.
package client
