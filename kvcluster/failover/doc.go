// Package failover decides what becomes of shards when nodes fail, come, leave or are
// loaded unevenly: the failover manager and the shard manager's part that acts over
// time.
//
// A [Manager] sits at every member of the metadata group and hears the heartbeats of
// all nodes. It decides only where the group is led, on the state as committed, and
// what it decides are commands to the group; each names the epoch on which it rests, so
// that a decision that comes too late is refused. Since every member hears the
// heartbeats, a new leader knows at once who is silent.
//
// # States
//
// A node is Normal while its heartbeats come, Detecting when some are missing, and
// given up (MarkDown) after FailureThreshold missed ones in a row. Then its primaries
// are Recovering: for each shard another copy is made primary. When that one acts the
// failover is Completed and recorded. RecoveryThreshold heartbeats in a row bring a node
// back (MarkUp). After ReplaceAfter, copies on a node that is still down are made
// elsewhere.
//
// A shard may be unavailable though its primary's node is heard of: the primary may be
// unable to reach a majority of the copies. That is seen in the reports that come with
// heartbeats, and after as long as it takes to give up a node, another copy is tried.
//
// # Who is promoted
//
// Among the copies on nodes that are heard of, those first whose disks have room, of
// these those that the last primary counted as in sync, of these the one with the most advanced log, and of equals the
// node with the fewest primaries. Which one is chosen decides how soon it can act, not
// what is kept: a primary adopts the most advanced log of a majority (package replica).
// Without a majority of the copies nobody is promoted, as nobody could act.
//
// # The bound
//
// [Bound] computes from the settings how long a shard may be without an acting primary
// when a majority of its copies and of the metadata group are well: with the defaults
// less than 30 s.
package failover
