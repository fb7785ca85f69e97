package scenarios

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/plans"
	"github.com/shardquake/shardquake/internal/units"
)

func TestAClaimWithAQuietBeginningIsAskedOfPlansThatBeginLater(t *testing.T) {
	at := func(d time.Duration) chaos.Entry {
		return chaos.Entry{At: units.Duration(d), Fault: &chaos.NodeLoss{Node: "n1"}}
	}
	quiet := Claim{QuietUntil: units.Duration(40 * time.Second)}
	asks := func(c Claim, entries ...chaos.Entry) bool {
		return c.Asks(chaos.Plan{Entries: entries}, plans.Budget{}, chaos.Topology{Nodes: []string{"n1"}})
	}
	assert.True(t, asks(quiet, at(40*time.Second), at(time.Minute)))
	assert.False(t, asks(quiet, at(time.Minute), at(39*time.Second)))
	assert.False(t, asks(quiet, chaos.Entry{Trigger: &chaos.Trigger{}, Fault: &chaos.NodeLoss{Node: "n1"}}), "nobody knows when that strikes")
	assert.True(t, asks(Claim{}, at(0)))
}
