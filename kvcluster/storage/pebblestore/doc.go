// Package pebblestore is the storage engine of real nodes: pebble behind the
// interface of package storage. Every batch goes through pebble's one write-ahead log,
// so that what survives a crash is a prefix of the batches; checksums are pebble's, of
// log and tables.
package pebblestore
