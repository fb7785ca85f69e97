// Package snapshotpolicies takes snapshots by policies, at the times of their schedules, and lets
// old ones go (SnapshotLifecycleService, SnapshotRetentionTask).
//
// The elected master follows them ([Beside]); a snapshot that one master has begun another one
// sees to its end.
package snapshotpolicies
