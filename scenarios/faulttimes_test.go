package scenarios

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

func TestWhatTookTooLongOnAMachineThatStoodStillIsUndecided(t *testing.T) {
	late := WithinLimit("green", 40*time.Second, 30*time.Second, 0, "green 40s after the fault")
	late.excuse(&History{}, false)
	assert.Equal(t, Fail, late.Verdict)
	late.excuse(&History{Stalled: 2 * time.Second}, false)
	assert.Equal(t, Unknown, late.Verdict)
	assert.Contains(t, late.Reason, "the machine itself stood still for 2s of the run")
	lost := Outcome{Verdict: Fail, Reason: "a write was lost"}
	lost.excuse(&History{Stalled: time.Minute}, false)
	assert.Equal(t, Fail, lost.Verdict, "that doesn't depend on how fast the machine is")
	well := WithinLimit("green", time.Second, 30*time.Second, 0, "")
	well.excuse(&History{Stalled: time.Minute, Machine: Machine{Died: []string{"node n1 died"}}}, false)
	assert.Equal(t, Pass, well.Verdict)
}

func TestWhatABusyMachineMayExplainIsUndecidedAndWhatADeathOutsideThePlanMayToo(t *testing.T) {
	busy := &History{Machine: Machine{Told: []string{"a", "b"}, Strained: []string{"tasks waited 90 % of the time"}}}
	late := WithinLimit("green", 40*time.Second, 30*time.Second, 0, "green 40s after the fault")
	late.excuse(busy, false)
	assert.Equal(t, Unknown, late.Verdict)
	assert.Contains(t, late.Reason, "; but tasks waited 90 % of the time")
	share := Outcome{Verdict: Fail, Unit: "%"}
	share.excuse(busy, false)
	assert.Equal(t, Fail, share.Verdict)
	share.excuse(busy, true)
	assert.Equal(t, Unknown, share.Verdict, "the expectation says that it hangs on time")
	lost := Outcome{Verdict: Fail, Reason: "a write was lost"}
	lost.excuse(busy, false)
	assert.Equal(t, Fail, lost.Verdict)
	lost.excuse(&History{Machine: Machine{Died: []string{"node n1 died"}}}, false)
	assert.Equal(t, Unknown, lost.Verdict)
	assert.Contains(t, lost.Reason, "outside the plan node n1 died")
	assert.Equal(t, []string{"outside the plan x", "the machine: a; b"}, Machine{Told: []string{"a", "b"}, Died: []string{"x"}}.notes())
}
