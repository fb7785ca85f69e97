// Package meta keeps the cluster's metadata: its nodes with their zones and states, the
// shard map with its epochs, the settings, the history of failovers. It is a
// deterministic state machine ([State]) in a consensus group ([Group]).
//
// # The group
//
// A Group is one member's core around a raft node of go.etcd.io/raft: inputs
// (messages, proposals, reads, the end of a sync, ticks) go into [Group.Step],
// [Effects] come out. It has no goroutine and no clock. Hard state, log and snapshots
// are on the node's storage engine, at keys that begin with a zero byte, which no
// shard's do. Nothing that raft wants said after a write is said before the driver has
// reported the sync.
//
// A member in doubt about the present asks the group: a [Read] is answered when a
// majority has confirmed the leader since it was asked, and everything until then is
// applied. A proposal may be made at any member; raft forwards it to the leader.
//
// # Time
//
// Raft counts ticks and draws the jitter of elections from a global source, which
// can't be seeded. So its own election timer is set beyond reach, and the Group has
// one of its own, with the random stream given to it:
//
//   - A member that has not heard of a leader for Election to twice Election campaigns,
//     with a pre-vote.
//   - A member that has heard of one within Election ignores candidates, and so does the
//     leader; a node that was cut off can't depose anybody when it comes back.
//   - A leader that has not heard of a majority for Election gives up, so that one that
//     can speak but not hear is replaced. A member whose disk has no room for as long
//     falls silent.
//
// # Members
//
// The first node of a cluster is a group of one. Others join through it; as soon as
// there are enough, the leader makes them learners, and voters in one joint change when
// they have caught up ([Group.Reconfigure]), over as many zones as there are.
package meta
