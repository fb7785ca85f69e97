// Package shardmap says which copies of which shard hold which keys: the pure part
// of the shard manager, without time, network or disk.
//
// # The map
//
// A [Map] is a list of shards whose ranges [Start, End) tile the key space: every
// key lies in exactly one of them. It is immutable. Every change (Create, Delete,
// Split, Merge, Move, SetPrimary, SetReplicas) returns a new map or an error, never a
// map that breaks an invariant, so that a map can be handed to clients and kept in
// their caches without copies or locks. [Map.Lookup] is a binary search and
// allocates nothing.
//
// # Epochs
//
// A shard's epoch is the version of the map in which it last changed. Whatever happens to the
// ranges, the epoch of the shard that covers a key never decreases, and it grows when
// that key comes to another shard, another primary or other copies: a request that
// names an old epoch can always be told from a current one. [CheckStep] verifies
// that between two maps, [Map.Check] what must hold within one.
//
// A name may be used again when its shard is gone. Copies of the earlier bearer may be
// left on nodes that haven't heard of its end: they are told apart by the version in which
// the shard came into being (Since).
//
// # Fences
//
// A new primary acts when a majority of the copies has promised to obey no older
// epoch. While copies change, the majority of the new copies need not meet that of
// the old ones. So a shard remembers in Fence the earlier sets of copies that may
// have acknowledged something under an epoch that is not known to be over; the
// primary needs so many of each of them too that the others are no majority. When it has
// done that, and a majority of the present copies has all it found, [Map.Activated]
// empties the list. (This is the reconfiguration of Lamport, Malkhi and Zhou, Vertical
// Paxos, 2009.)
//
// # Ranges that change
//
// A split shows in the map at once, but a new part can serve only when copies of its
// origin have applied the split: until its primary acts it names its Origin, and the
// origin names it among its Parts, whose data it keeps. A merge takes two steps: the
// shard that goes names its Heir and serves no more, and when its primary reports that
// the heir holds everything, [Map.Activated] gives the range to the heir.
//
// # Placement
//
// A [Ring] places shards by consistent hashing with virtual nodes, so that a node
// that comes or goes moves few copies; [Place] follows the ring but passes over
// nodes above a bounded share of the load, spreads copies over zones as evenly as
// the zones allow, and never puts two copies on a node. [Plan] compares the map with
// the sizes and rates that were measured and proposes splits, merges and moves.
package shardmap
