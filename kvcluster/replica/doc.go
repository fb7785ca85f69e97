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
// fetches pages of the log, or of a snapshot of the state, from the primary.
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
package replica
