// Package logstore is a storage engine that appends batches to a checksummed log and
// keeps its content in memory. It is what the simulator's nodes keep their data in: each of
// its disk operations happens when the model says. The nodes that ship keep theirs in
// package pebblestore; both are held to one contract (package storage), and both are
// rehearsed (package rehearse of sim/kv).
//
// # Files
//
// There is one log, named by a number. Its first records hold the content at the time
// it was begun, followed by a record that says so; a log without that mark was never
// finished and is ignored (unless it is not the first and there is no earlier one: then it
// was, and has been damaged). When most of a log is outdated, the next one is written and
// synced before the old one is removed. The end of the log stands in a second place,
// its tail (package tail), so that one that was torn by a crash can be told from one that was
// damaged, and most damage is mended.
package logstore
