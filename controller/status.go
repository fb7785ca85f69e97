package controller

import "time"

// Statuses of an index, from best to worst.
const (
	StatusHealthy  = "healthy"  // every copy started and staying
	StatusSyncing  = "syncing"  // copies initializing or relocating
	StatusDegraded = "degraded" // a copy is unassigned
	StatusFailed   = "failed"   // a primary is missing, or fewer than half the copies serve
)

// failedBelow is the progress in percent below which an index has failed.
const failedBelow = 50

// ReplicationStatus says how far the copies of an index are.
type ReplicationStatus struct {
	Index string `json:"index"`
	// TotalShards counts copies: primaries and replicas. ReplicatedShards are those
	// that serve.
	TotalShards         int       `json:"total_shards"`
	ReplicatedShards    int       `json:"replicated_shards"`
	UnreplicatedShards  int       `json:"unreplicated_shards"`
	ReplicationProgress float64   `json:"replication_progress"` // 0 to 100
	LastCheckTime       time.Time `json:"last_check_time"`
	Status              string    `json:"status"`
}

// ReplicaHealth is the health of one copy.
type ReplicaHealth struct {
	Index   string `json:"index"`
	Shard   int    `json:"shard"`
	Primary bool   `json:"primary"`
	State   string `json:"state"`
	Node    string `json:"node"`
	// SyncDelay is how many operations the copy is behind its primary; -1 unknown.
	SyncDelay int64  `json:"sync_delay"`
	DocsCount int64  `json:"docs_count"` // -1 unknown
	StoreSize string `json:"store_size"` // "12.3mb"; "" unknown
	// LastSyncTime is when the copy was last seen with nothing missing, RFC 3339; ""
	// never.
	LastSyncTime string `json:"last_sync_time"`
}

// indexCopies are the copies of one index, a part of the sorted list of all.
type indexCopies []ShardInfo

// byIndex cuts a list sorted by index into one part per index.
func byIndex(shards []ShardInfo) []indexCopies {
	var out []indexCopies
	for len(shards) > 0 {
		n := 1
		for n < len(shards) && shards[n].Index == shards[0].Index {
			n++
		}
		out = append(out, shards[:n])
		shards = shards[n:]
	}
	return out
}

// status judges an index. The worst that applies counts.
func (c indexCopies) status(at time.Time) ReplicationStatus {
	s := ReplicationStatus{Index: c[0].Index, TotalShards: len(c), LastCheckTime: at.UTC(), Status: StatusHealthy}
	var moving, unassigned, primaryMissing bool
	for _, copy := range c {
		if copy.Active() {
			s.ReplicatedShards++
		} else if copy.Primary {
			primaryMissing = true
		}
		moving = moving || copy.State == StateInitializing || copy.State == StateRelocating
		unassigned = unassigned || copy.State == StateUnassigned
	}
	s.UnreplicatedShards = s.TotalShards - s.ReplicatedShards
	s.ReplicationProgress = 100 * float64(s.ReplicatedShards) / float64(s.TotalShards)
	switch {
	case primaryMissing || s.ReplicationProgress < failedBelow:
		s.Status = StatusFailed
	case unassigned:
		s.Status = StatusDegraded
	case moving:
		s.Status = StatusSyncing
	}
	return s
}

// unassigned lists the shard numbers of the copies that no node has, one per copy.
func (c indexCopies) unassigned() []int {
	var out []int
	for _, copy := range c {
		if copy.State == StateUnassigned {
			out = append(out, copy.Shard)
		}
	}
	return out
}

// healths judges every copy. Sequence numbers must have been asked for.
func (c indexCopies) healths() []ReplicaHealth {
	out := make([]ReplicaHealth, 0, len(c))
	primaryMax := int64(unknownSeqNo)
	for i, copy := range c {
		if i == 0 || c[i-1].Shard != copy.Shard {
			primaryMax = unknownSeqNo
			if copy.Primary && copy.Active() {
				primaryMax = copy.MaxSeqNo
			}
		}
		h := ReplicaHealth{
			Index: copy.Index, Shard: copy.Shard, Primary: copy.Primary, State: copy.State, Node: copy.Node,
			SyncDelay: unknown, DocsCount: copy.Docs, StoreSize: formatBytes(copy.StoreBytes),
		}
		switch {
		case copy.Primary && copy.Active():
			h.SyncDelay = 0
		case copy.Active() && copy.LocalCheckpoint != unknownSeqNo && primaryMax != unknownSeqNo:
			// The columns are read copy by copy: a replica may be seen later than its primary.
			h.SyncDelay = max(0, primaryMax-copy.LocalCheckpoint)
		}
		out = append(out, h)
	}
	return out
}
