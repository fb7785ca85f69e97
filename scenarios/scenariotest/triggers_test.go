package scenariotest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestFaultsStrikeWhenWhatTheyWaitForComes(t *testing.T) {
	res := scenariotest.Run(t, "testdata/triggers.yaml")
	faults := res.History.Faults
	require.Len(t, faults, 5)
	moving, paused, lost, two, slow := faults[0], faults[1], faults[2], faults[3], faults[4]

	assert.Greater(t, paused.At, moving.At, "a copy moves once its node is excluded")
	assert.Less(t, paused.At, 10*time.Second)
	assert.Equal(t, paused.HealedAt+10*time.Second, lost.At)
	assert.Greater(t, lost.HealedAt, lost.At+time.Second, "not green before the copies were made anew")
	assert.Equal(t, lost.HealedAt-lost.At, lost.Params.Lasts(), "the plan has the time it took, for a replay")
	assert.GreaterOrEqual(t, two.At, lost.HealedAt)
	require.Len(t, two.Victims, 2)
	assert.NotEqual(t, two.Victims[0], two.Victims[1])
	assert.Greater(t, slow.At, two.HealedAt, "green again, after it was not")
	for _, e := range res.Plan.Entries {
		assert.Nil(t, e.Trigger)
	}
}

func TestTheSecondFollowerIsAnotherNodeForTheFirstIsDead(t *testing.T) {
	res := scenariotest.Run(t, "testdata/follower-twice.yaml")
	first, second := res.History.Faults[0], res.History.Faults[1]
	assert.True(t, first.Shown() && second.Shown())
	assert.NotEqual(t, first.Victims, second.Victims)
}

func run(t *testing.T, file string, set ...string) *scenarios.Result {
	t.Helper()
	s, err := scenarios.Load(file, set, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	res, err := (&scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor}).Run(t.Context(), s, scenarios.Options{})
	require.NoError(t, err)
	return res
}

func TestAFaultThatDidNotBiteIsNoPass(t *testing.T) {
	res := run(t, "testdata/follower-twice.yaml", "faults=[{at: 1s, node-loss: {node: n2}}, {at: 6s, node-loss: {node: n2}}]")
	assert.Equal(t, scenarios.Unknown, res.Verdict)
	last := res.Outcomes[len(res.Outcomes)-1]
	assert.Equal(t, "fault node-loss", last.Name)
	assert.Contains(t, last.Reason, "the fault at 6s was not shown to be in force")

	res = run(t, "testdata/follower-twice.yaml", "faults=[{at: 1s, node-loss: {node: n2}}, {when: red, node-loss: {node: n3}}]")
	assert.Equal(t, scenarios.Unknown, res.Verdict)
	last = res.Outcomes[len(res.Outcomes)-1]
	assert.Contains(t, last.Reason, "never struck: what it waits for did not come: when red")
	require.Len(t, res.Plan.Entries, 2)
	assert.Equal(t, &chaos.Trigger{When: "red"}, res.Plan.Entries[1].Trigger)
}
