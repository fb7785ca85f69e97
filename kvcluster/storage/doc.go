// Package storage is what the key-value nodes keep data in: a small interface with
// two implementations, which pass the same contract tests and crash suites
// (storagetest).
//
// Package pebblestore is the durable engine of real nodes. Package logstore is a
// checksummed log with its content in memory. It does nothing on its own account, no
// flush, no compaction in the background, so that under the simulator every disk
// operation happens when the model says; it runs on real files as well.
//
// # The contract
//
//   - Apply makes a batch visible at once and entirely.
//   - Sync makes everything applied before it durable. Callers acknowledge nothing
//     before that.
//   - After a crash, an engine contains the effect of a prefix of the batches that
//     were applied, all synced ones at least: never half a batch, never a later
//     batch without an earlier one.
//   - Data that was synced and comes back different is reported as ErrCorrupt, never
//     returned.
//   - After an error of Apply other than ErrFull, or any of Sync, the engine is of no
//     use; what it has on disk is found out by opening it again. ErrFull leaves
//     everything as it was.
package storage
