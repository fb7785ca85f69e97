package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/controller/policy"
)

func TestAPlansTimeFollowsTheLimitsThatWillBeInForce(t *testing.T) {
	const rate = "indices.recovery.max_bytes_per_sec"
	var moves []policy.ShardMove // six, each between two other nodes
	for _, n := range []string{"1", "2", "3", "4", "5", "6"} {
		moves = append(moves, policy.ShardMove{Index: "logs", From: "from" + n, To: "to" + n, Bytes: 400 << 20})
	}
	for _, c := range []struct {
		name      string
		inForce   map[string]string
		changes   []SettingChange
		rebalance bool
		want      time.Duration
	}{
		{"Elasticsearch's defaults, two at once", nil, nil, true, 30 * time.Second},
		{"moves that were asked for all go at once", nil, nil, false, 10 * time.Second},
		{"a change that the plan makes", nil, []SettingChange{{Key: rate, From: "40mb", To: "50mb"}}, true, 24 * time.Second},
		{"a limit that somebody has set", map[string]string{rate: "20mb"}, nil, true, time.Minute},
		{"six at once", map[string]string{"cluster.routing.allocation.cluster_concurrent_rebalance": "6"}, nil, true, 10 * time.Second},
		{"any number at once", map[string]string{"cluster.routing.allocation.cluster_concurrent_rebalance": "-1"}, nil, true, 10 * time.Second},
		{"without a limit nothing can be told", map[string]string{rate: "-1"}, nil, true, -1},
	} {
		now := SettingsInForce{Persistent: c.inForce}
		assert.Equal(t, c.want, paceOf(now, c.changes).time(moves, c.rebalance), c.name)
		assert.Zero(t, paceOf(now, c.changes).time(nil, c.rebalance), "%s: nothing to move", c.name)
	}
	assert.Contains(t, Plan{Moves: []PlannedMove{{}}, Time: -1}.Text(), "time not known, for recoveries have no limit")
}
