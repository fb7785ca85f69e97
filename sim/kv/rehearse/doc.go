// Package rehearse runs key-value clusters under random faults and judges what came of it. A
// [Plan] says which, [Run] does it, [Outcome] is the verdict and how much happened. The
// same plan gives the same outcome, event by event, but on pebble.
//
// # A shard and its copies
//
// [Shard] is clients that read and write, an authority that names primaries, moves copies,
// splits and merges shards at bad moments, crashes, cuts, pauses, slow disks, full disks,
// damage to what was synced lately, acknowledgements that claim anything. With
// [Options.Transactions], the clients are programs that use package client, and die in
// the middle of what they do. It returns what the clients saw, judged by package check,
// and how much happened. The authority stands for the metadata group: it is
// consistent, but what it says reaches the nodes late and in any order.
//
// # Whole clusters
//
// [Whole] begins with machines that are started alike, in any order, and under random faults:
// machines and disks lost, the metadata group's leader and shards' primaries crashed and cut
// off in one direction or both, power cuts, drains, splits, merges, moves, other replication
// factors, disks replaced and started first, files damaged, folders put back to an
// earlier time. Beside what the clients saw it judges that there is one cluster, that
// all nodes know the same metadata by the same revision, that each is a lawful step from
// the one before, with ranges that tile the key space, that no epoch of a shard has two
// primaries, that failovers stay below failover.Bound while majorities are well, and
// that afterwards everything is whole again and the copies are equal. A folder that is put
// back while nobody who remembers more can be reached exceeds what the store promises;
// such runs are counted apart.
//
// # On pebble
//
// A plan can ask for nodes on pebble, the engine of the nodes that ship, over a disk in
// memory that crashes. Pebble has goroutines of its own, so such a run does not repeat
// exactly: what must hold is asserted, the hash is not, and a failure leaves the disks
// behind, since its replay is best effort.
package rehearse
