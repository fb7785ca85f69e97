package recovery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller/recovery"
)

func TestAnIndexWithoutReplicasIsLeftAloneUnlessSomebodyWantsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.alone = true
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second})
		time.Sleep(time.Hour)
		assert.Empty(t, m.Faults())
		assert.Empty(t, fake.put())
	})
}

func TestOnApprovalAnIndexWithoutReplicasGetsOneAndItIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.alone = true
		fake.states[1] = "INITIALIZING"
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Approve: []recovery.Approval{"raise-replicas:logs"}})
		time.Sleep(25 * time.Second)
		require.Len(t, m.Faults(), 1)
		assert.Equal(t, recovery.Unprotected, m.Faults()[0].Cause)
		assert.Equal(t, recovery.Recovering, m.Faults()[0].State)
		assert.Equal(t, []string{`{"index.number_of_replicas":"1"}`}, fake.put(), "once")
		fake.set(func() { fake.states[1] = "STARTED" })
		time.Sleep(15 * time.Second)
		assert.Empty(t, m.Faults())
		require.Len(t, m.Past(), 1)
		assert.Equal(t, recovery.Resolved, m.Past()[0].State)
		assert.Equal(t, "recovered", m.Past()[0].Attempts[0].Outcome)
	})
}

// fullDisks is a cluster in which no disk has room for the replica of the index.
func fullDisks() *fakeCluster {
	fake := newFake()
	fake.states[1], fake.replicas = "UNASSIGNED", 2
	fake.explain = `"can_allocate":"no","unassigned_info":{"reason":"NODE_LEFT"},"node_allocation_decisions":[
		{"node_name":"n2","node_decision":"no","deciders":[{"decider":"disk_threshold","decision":"NO","explanation":"above the low watermark"}]}]`
	return fake
}

func TestFullDisksAreForAPersonWhoIsToldWhatCouldBeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := fullDisks()
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second})
		time.Sleep(time.Hour)
		require.Len(t, m.Faults(), 1)
		assert.Equal(t, recovery.GivenUp, m.Faults()[0].State)
		assert.Contains(t, m.Faults()[0].Advice, `with the approval "free-disk:INDEX" one replica`)
		assert.Empty(t, fake.put())
	})
}

func TestAReplicaIsGivenUpForRoomOnlyOfTheIndexThatWasNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for named, want := range map[string]int{"other": 0, "logs": 1} {
			fake := fullDisks()
			fake.twice = true // one of its replicas has a place
			m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: time.Minute, Approve: []recovery.Approval{recovery.Approval("free-disk:" + named)}})
			time.Sleep(50 * time.Second)
			require.Empty(t, fake.put(), "disks are given the time to be freed otherwise")
			time.Sleep(40 * time.Second)
			require.Len(t, fake.put(), want, named)
			if want == 1 {
				assert.Equal(t, `{"index.number_of_replicas":"1"}`, fake.put()[0])
			}
			time.Sleep(time.Hour)
			assert.Len(t, fake.put(), want, "one, not one after the other")
			assert.NotEmpty(t, m.Faults())
		}
	})
}

func TestFreeingDisksNeedsTheNameOfAnIndex(t *testing.T) {
	assert.ErrorContains(t, recovery.Approval("free-disk").Check(), "free-disk:INDEX")
	assert.NoError(t, recovery.Approval("free-disk:old").Check())
	assert.NoError(t, recovery.Approval("raise-replicas").Check())
}
