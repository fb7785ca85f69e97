package gameday

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/gameday"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// ended is a history at whose end some nodes are in the cluster.
func ended(nodes ...string) *observed.History {
	members := func(at time.Duration, of []string) observed.Observation {
		return observed.Observation{At: at, Sight: observed.Members{Master: of[0], Nodes: of}}
	}
	all := []string{"es-1", "es-2", "es-3"}
	return &observed.History{Nodes: all, Observations: []observed.Observation{members(0, all), members(time.Minute, nodes)}}
}

func TestANodeThatNeverComesBackIsToldWithWhatToDo(t *testing.T) {
	conclude := func(h *observed.History) []string {
		r := &Record{Prediction: &gameday.Prediction{}}
		r.Conclude(&reports.Report{Verdict: scenarios.Fail}, h)
		return r.Actions
	}
	h := ended("es-1", "es-3")
	h.Faults = []*chaos.Record{{Kind: "node-loss", Victims: []string{"es-2"}, Injected: true, HealedAt: 30 * time.Second}}
	assert.Equal(t, []string{"node es-2 has not come back, though nothing is in force on it: read its log and start it by hand; until then it counts as down"}, conclude(h))
	h.Faults[0].HealedAt = -1 // lost for good, by the plan
	assert.NotContains(t, conclude(h)[0], "es-2")
	assert.NotContains(t, conclude(ended("es-1", "es-2", "es-3"))[0], "has not come back")
}
