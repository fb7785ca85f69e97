// Package snapshots takes snapshots into repositories and restores them: repositories and
// what lies in them (snapshot_vault.go), the master's part (snapshot_master.go), that of the
// nodes which hold the primaries (snapshot_shard.go), and primaries that recover from a
// repository (snapshot_restore.go). A node reaches it as [elastic.Snapshots].
package snapshots
