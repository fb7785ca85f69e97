// Package logstore is a storage engine that appends batches to a checksummed log and
// keeps its content in memory.
//
// # Files
//
// There is one log, named by a number. Its first records hold the content at the time
// it was begun, followed by a record that says so; a log without that mark was never
// finished and is ignored (unless it is not the first and there is no earlier one: then it
// was, and has been damaged). When most of a log is outdated, the next one is written and
// synced before the old one is removed.
//
// # Torn or rotten
//
// A record that doesn't match its checksum is either one whose writing the crash
// interrupted, which is to be expected and cut off with everything behind it, or one
// that was durable and has changed since, which must not pass unnoticed. Each record
// therefore contains up to where the log was durable when it was written: if an
// intact record behind the broken one says that the broken one was durable, the log is
// corrupt. Damage behind the last sync that a later record testifies to looks like an
// interrupted write; so does damage at the very end. Closing an engine properly leaves a
// record that testifies to everything.
package logstore
