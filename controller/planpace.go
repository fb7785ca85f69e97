package controller

import (
	"strconv"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/internal/units"
)

// pace is how fast Elasticsearch moves shards.
type pace struct {
	bytesPerSecond int64 // from and to a node; 0: without a limit
	rebalances     int   // at once in the cluster; 0: without a limit
}

// paceOf reads the pace from the settings as they will be after some changes. What can't be
// read counts as Elasticsearch's default.
func paceOf(now SettingsInForce, changes []SettingChange) pace {
	value := func(key string) string {
		for _, c := range changes {
			if c.Key == key {
				return c.To
			}
		}
		return now.Effective(key)
	}
	p := pace{bytesPerSecond: 40 << 20, rebalances: 2}
	text := value("indices.recovery.max_bytes_per_sec")
	if size, err := units.ParseSize(text); err == nil {
		p.bytesPerSecond = int64(size)
	} else if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		p.bytesPerSecond = max(n, 0) // "0" and "-1": no limit
	}
	if n, err := strconv.Atoi(value("cluster.routing.allocation.cluster_concurrent_rebalance")); err == nil {
		p.rebalances = max(n, 0)
	}
	return p
}

// time estimates how long moves take; -1: that can't be told. Only those that
// Elasticsearch chooses when it rebalances are limited in number.
func (p pace) time(moves []policy.ShardMove, rebalance bool) time.Duration {
	concurrent := len(moves)
	if rebalance && p.rebalances > 0 {
		concurrent = p.rebalances
	}
	if len(moves) > 0 && p.bytesPerSecond == 0 {
		return unknown
	}
	return policy.MoveTime(moves, p.bytesPerSecond, concurrent)
}
