// Package node is a node of the key-value cluster: its storage, its copies of shards,
// its seat in the metadata group if it has one, and the failover manager that acts
// where that group is led. All of it is one core: inputs go into [Node.Step],
// [Effects] come out. The simulator and a TCP server are two drivers of it.
//
// # What a driver does
//
//   - It opens a storage engine and calls [Open], then gives a Tick, and another one
//     whenever the time last named by Effects.Wake has come. Now is any clock that never
//     goes back; it need not agree with that of other nodes.
//   - Messages of other nodes come in as Received. Effects.Messages go out, each to a
//     machine by name; the driver knows where that is. They may be lost, repeated and
//     reordered.
//   - What clients ask comes in as Asked, under a number of the driver's choice below
//     1<<63; its answer comes out under that number, at once, later, or never when the
//     process ends before.
//   - If Effects.Sync isn't 0, the driver syncs the engine and then gives Synced with that
//     number. The sync must begin after Step has returned; inputs may be given while it
//     goes on. One sync may serve several numbers: Synced of the newest that was asked
//     for when it began.
//   - If Effects.Exit isn't nil the process has to end: the disk failed, or the node
//     doesn't belong to the cluster any more. Nothing else in these Effects matters.
//
// Step must not be called by two at once.
//
// # Identity
//
// A machine has a name; a node is a machine with a disk. On an empty disk a node writes
// a random number and asks to join. The metadata group knows a node by name and number
// and gives it an id: the name, for the machine's first disk, and name~2, name~3 … for
// later ones. So a node that lost its disk can't be taken for the one that had promised
// and acknowledged things. [Machine] tells from an id which machine to send to.
//
// All nodes of a new cluster are started alike. The first of them by name makes it, a metadata
// group of itself, when all others have agreed that there is none; then they join. A disk
// that was put back to an earlier time is found out by what others remember of it (Recall), and
// is another node's from then on, as an empty one is.
//
// # What it knows
//
// A node obeys the newest cluster state that it has seen, its own group's or what the
// leader told it, and keeps it on disk to begin with after a restart. It may be old:
// then it names primaries that are no more, whom the copies' epochs keep from harm. The
// leader tells every node each new state until the node says that it has it.
package node
