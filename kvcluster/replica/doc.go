// Package replica is the core of one copy of a shard: a state machine in the manner of
// etcd-io/raft. Inputs (messages, configurations, client requests, the end of a sync,
// ticks) go into [Core.Step], [Effects] come out: messages and answers to send, the
// wish to have everything synced, when to tick next. Nothing in it waits, draws random
// numbers or asks for the time, so a simulation and a TCP server are two drivers of
// the same code. Batches are given to the storage engine at once, where they are
// visible but not durable; what must not be said before they are is held back until
// the driver reports the sync.
//
// # Epochs
//
// The metadata group names for each shard one primary per epoch (shardmap.Shard). A
// copy promises to obey no epoch below the highest it has heard of, and keeps the
// promise over crashes. A primary-to-be
//
//  1. promises its epoch itself, durably; a copy begins an epoch at most once, so one
//     that restarts asks for a new epoch instead (NeedEpoch): an index and epoch name
//     one entry for ever;
//  2. fences: it collects the promises of so many of the shard's copies that the others
//     are no majority (of most, or half of an even number), and of as many of each earlier
//     set of copies that may have acted since (Shard.Fence);
//  3. adopts the most advanced log among them, by the epoch of the last entry, then by
//     index. Every acknowledged entry is on a majority of a set that was fenced, so the
//     most advanced log has it, by the argument of Raft's leader completeness;
//  4. writes an empty entry of its own epoch and, when a majority of the copies has it,
//     acts. Entries of earlier epochs are committed by it, never by counting copies.
//
// From then on it replicates as Raft's leader does, without elections. A copy that
// cannot follow (its log differs, or the primary's no longer reaches back so far)
// fetches pages of the log, or of a snapshot of the state, from the primary. A primary that
// was restarted is none any more, for it may have lost the end of its log, which need not
// have been durable with it to be committed: it answers nobody who asks it as such.
//
// # Reads
//
// A read at QUORUM notes the commit index, asks all copies whether the epoch is still
// the highest they know, and answers when a majority has said so and that index is
// applied. No clock is involved: a paused or cut-off primary can't answer from the
// past, because a newer one had to fence a majority first.
//
// # Duplicates
//
// The state contains for every client the outcomes of its requests that it may still
// retry. A retry gets the outcome of the first attempt. Clients beyond MaxClients are
// forgotten, those unheard of longest first; after that, a retry of a client that isn't
// known gets the answer Unknown instead of being done a second time.
//
// # Ranges
//
// The entry that begins an epoch claims what the map gives the shard. If parts were split
// off since, it makes every copy that applies it divide: it puts the part's keys, locks,
// decisions and what is remembered of clients where the part's core will look for them
// (event Born), at the same index of the log. The part's primary can act when one of
// those that it fenced has been born; what the others lack they fetch. Copies keep a part's
// data until the map says that its primary acts (Release), so that a copy that gets a snapshot
// can make the part's from it too, and nothing is lost whoever is lost in between.
//
// A shard with an heir doesn't change any more once its claim is committed. Its primary
// sends everything to the heir's, page by page; each page is an entry of the heir's log,
// and the last one extends the heir's range. Only then does the map give it the range. The
// keys of a page lie outside the heir's range until then, where nobody sees them. Versions go
// on above those of both logs.
//
// A shard may bear the name of one that is gone, of which there may be copies on nodes that
// haven't heard of its end. So messages, configurations and parts tell since when there is
// the shard that they mean. A copy of an earlier one empties itself, but for its promise, and
// what is left to be heard of the earlier one is ignored.
//
// A node that holds no copy any more drops it ([Forget]) when the map is settled
// without it; the promise stays.
//
// # Transactions
//
// Package client says how transactions over several shards go. Here they are entries: a
// lock per key with what is to become of it, and on the shard of the anchor a record
// while the transaction may still be committed, or is and has keys to be resolved. A read
// at QUORUM or ALL that meets a lock of a write is refused with the name of the
// transaction, as is a write that meets any lock: what the key is depends on a decision
// that is made elsewhere, and may have been made. A read at ONE returns what was before.
//
// # Damage
//
// When the engine reports corrupt data, the copy throws all of it away, but not its promise.
// It has acknowledged what it now lacks, so it counts for nothing: it answers no fence,
// acknowledges nothing and serves nothing until it has fetched everything up to the end of
// the log of an acting primary, which has all that was ever committed; an answer to what it
// asked before doesn't tell that. If the promise itself is lost, the node can't come back
// under its name: it is another node then, with an empty disk, and the lost one's copies are
// made anew.
package replica
