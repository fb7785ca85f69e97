// Package shardmanager is the shard manager as its users see it: shards are created,
// deleted, split, merged, migrated and rebalanced through any node of the cluster.
//
// A [ShardManager] gives commands to the metadata group, which carries them out on the
// shard map (package shardmap) if they break no invariant; copies follow (package
// replica), and what nobody asks for, splits and merges by size and rate, moves and
// replacements, the failover manager does on its own (package failover). A command is
// done when the map has changed. Until the shards concerned are settled (Settled), they
// may refuse further changes with shardmap.ErrUnsettled's text.
package shardmanager
