// Package pebblestore is the storage engine of real nodes: pebble behind the
// interface of package storage. Every batch goes through pebble's one write-ahead log,
// so that what survives a crash is a prefix of the batches; checksums are pebble's, of
// log and tables. What pebble can't notice, tables that its manifest has forgotten and logs that
// end before another, shows in the numbers of batches.
package pebblestore
