package settings

import "time"

// The settings of policies by which snapshots are taken.
var (
	SnapshotPolicyLeast    = &Setting[time.Duration]{key: "slm.minimum_interval", scope: Node | Dynamic, def: Fixed("15m"), parse: ParseTimeIn(0, NoTimeLimit)}
	SnapshotRetentionTimes = &Setting[string]{key: "slm.retention_schedule", scope: Node | Dynamic, def: Fixed("0 30 1 * * ?"), parse: parseText}
)
