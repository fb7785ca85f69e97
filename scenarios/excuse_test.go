package scenarios

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/scenarios/observed"
)

func TestWhatTookTooLongOnAMachineThatStoodStillIsUndecided(t *testing.T) {
	late := WithinLimit("green", 40*time.Second, 30*time.Second, 0, "green 40s after the fault")
	late.excuse(&observed.History{}, false)
	assert.Equal(t, Fail, late.Verdict)
	late.excuse(&observed.History{Stalled: 2 * time.Second}, false)
	assert.Equal(t, Unknown, late.Verdict)
	assert.Contains(t, late.Reason, "the machine itself stood still for 2s of the run")
	lost := Outcome{Verdict: Fail, Reason: "a write was lost"}
	lost.excuse(&observed.History{Stalled: time.Minute}, false)
	assert.Equal(t, Fail, lost.Verdict, "that doesn't depend on how fast the machine is")
	well := WithinLimit("green", time.Second, 30*time.Second, 0, "")
	well.excuse(&observed.History{Stalled: time.Minute, Machine: observed.Machine{Died: []string{"node n1 died"}}}, false)
	assert.Equal(t, Pass, well.Verdict)
}

func TestWhatABusyMachineMayExplainIsUndecidedAndWhatADeathOutsideThePlanMayToo(t *testing.T) {
	busy := &observed.History{Machine: observed.Machine{Told: []string{"a", "b"}, Strained: []string{"tasks waited 90 % of the time"}}}
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
	lost.excuse(&observed.History{Machine: observed.Machine{Died: []string{"node n1 died"}}}, false)
	assert.Equal(t, Unknown, lost.Verdict)
	assert.Contains(t, lost.Reason, "outside the plan node n1 died")
	assert.Equal(t, []string{"outside the plan x", "the machine: a; b"}, observed.Machine{Told: []string{"a", "b"}, Died: []string{"x"}}.Notes())
}
