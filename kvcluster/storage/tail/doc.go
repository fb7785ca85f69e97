// Package tail keeps the end of an engine's log a second time, so that a log that was torn
// by a crash and one that was damaged afterwards can be told apart, and most damage mended.
//
// # Why twice
//
// A record behind the last sync may be anything after a crash: that is a torn tail, and is
// cut off. A record before it must be what was written. One file can't tell where the
// border is, for the last sync has nothing behind it that could testify to it. So every
// batch of an engine stands in two files, its log and its tail, and both are durable
// before a sync has returned. Damage in one place leaves the other:
//
//   - what the log lacks and the tail has is given back to the engine ([Recover]);
//   - what both lack was not durable, or both are damaged. Every record says up to which
//     batch everything was durable when it was written. If that is more than what is
//     there, the engine has lost what it had synced: storage.ErrLost.
//
// The tail is two slots that are filled in turn, so that it has at least as much as a slot
// holds. A slot is left for the other only when something in it is durable. Damage to both files at once, in the very last sync and nowhere before, isn't
// found here: it looks as if the power had failed a moment earlier. A folder that was
// replaced as a whole by an older one is not found here either; that takes other nodes,
// which remember more (package node).
//
// # Generations
//
// A slot that is filled again has old records behind the new ones, and what was lost in a
// crash may be there as well. So each opening of an engine begins a generation; the
// records that follow each other have numbers without a gap and generations that don't
// fall.
package tail
