package observed

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/chaos"
)

func TestAStatusThatHasHeldForLongIsRegained(t *testing.T) {
	h := &History{Closed: 5 * time.Minute, Faults: []*chaos.Record{{Injected: true, At: 20 * time.Second}}}
	for _, x := range []struct {
		at     time.Duration
		status string
	}{{0, "green"}, {20, "red"}, {35, "yellow"}, {36, "red"}, {37, "yellow"}, {55, "green"}, {60, "yellow"}, {61, "green"}, {124, "yellow"}, {125, "green"}, {200, "red"}, {201, "green"}} {
		h.Observations = append(h.Observations, Observation{At: x.at * time.Second, Sight: Health{Status: x.status}})
	}
	strict := h.FaultTimes(0, 20*time.Second)
	assert.Equal(t, 201*time.Second, strict.Green)
	assert.Equal(t, 201*time.Second, strict.Yellow)
	h.Holds = 30 * time.Second
	held := h.FaultTimes(0, 20*time.Second)
	assert.Equal(t, 61*time.Second, held.Green, "not at 55 s, which didn't hold")
	assert.Equal(t, 37*time.Second, held.Yellow)
	assert.Equal(t, 16*time.Second, held.Red)
	h.Holds = 2 * time.Minute
	assert.Equal(t, strict.Green, h.FaultTimes(0, 20*time.Second).Green, "nothing held so long")
}

func TestARedThatComesAfterALongYellowDoesNotUndoIt(t *testing.T) {
	h := &History{Closed: 3 * time.Minute, Holds: 30 * time.Second, Faults: []*chaos.Record{{Injected: true, At: 20 * time.Second}}}
	for _, x := range []struct {
		at     time.Duration
		status string
	}{{0, "green"}, {20, "red"}, {35, "yellow"}, {80, "red"}, {81, "yellow"}, {90, "green"}} {
		h.Observations = append(h.Observations, Observation{At: x.at * time.Second, Sight: Health{Status: x.status}})
	}
	times := h.FaultTimes(0, 20*time.Second)
	assert.Equal(t, 35*time.Second, times.Yellow)
	assert.Equal(t, 90*time.Second, times.Green)
	assert.Equal(t, 16*time.Second, times.Red)
}
