package recovery_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller/recovery"
)

const corruptCopy = `"can_allocate":"no_valid_shard_copy","unassigned_info":{"reason":"ALLOCATION_FAILED","failed_allocation_attempts":1},
	"node_allocation_decisions":[{"node_name":"n1","node_decision":"no","store":{"in_sync":true,"allocation_id":"abc",
		"store_exception":{"type":"corrupt_index_exception","reason":"failed engine (reason: [recovery]) (resource=preexisting_corruption)"}}}]`

// Three snapshots: the newest is not complete, the oldest is old.
const threeSnapshots = `[
	{"snapshot":"new","uuid":"u3","state":"PARTIAL","indices":["logs"],"start_time_in_millis":946684740000,"end_time_in_millis":946684741000,
		"failures":[{"index":"logs","shard_id":0,"reason":"checksum failed"}],"shards":{"total":1,"failed":1,"successful":0}},
	{"snapshot":"good","uuid":"u2","state":"SUCCESS","indices":["logs"],"start_time_in_millis":946684500000,"end_time_in_millis":946684501000,"failures":[],"shards":{"total":1,"failed":0,"successful":1}},
	{"snapshot":"old","uuid":"u1","state":"SUCCESS","indices":["logs"],"start_time_in_millis":946684000000,"end_time_in_millis":946684001000,"failures":[],"shards":{"total":1,"failed":0,"successful":1}}]`

// red is a cluster whose only copy of a shard is corrupt, with the snapshots.
func red() *fakeCluster {
	fake := newFake()
	fake.states = [2]string{"UNASSIGNED", "UNASSIGNED"}
	fake.explain, fake.snapshots = corruptCopy, threeSnapshots
	return fake
}

func (f *fakeCluster) restored() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.restores
}

// primaryFault is the open fault of the primary.
func primaryFault(t *testing.T, m *recovery.Manager) recovery.Fault {
	t.Helper()
	for _, f := range m.Faults() {
		if f.Primary {
			return f
		}
	}
	require.Fail(t, "the primary has no open fault")
	return recovery.Fault{}
}

func TestWithoutApprovalASnapshotIsOfferedWithWhatItLosesAndNothingIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := red()
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: time.Minute})
		time.Sleep(time.Hour)
		f := primaryFault(t, m)
		assert.Equal(t, recovery.Corrupt, f.Cause)
		assert.Equal(t, recovery.Approving, f.State)
		assert.Contains(t, f.Advice, `approval "restore-snapshot:logs"`)
		assert.Contains(t, f.Advice, "backup:good, begun at 1999-12-31T23:55:00Z", "the newest that is whole")
		assert.Contains(t, f.Advice, "is lost for good (5m0s until the fault was detected")
		assert.Contains(t, f.Advice, `or else bring back a node that held shard logs[0]; with the approval "allocate-empty-primary:logs"`)
		assert.Empty(t, fake.restored())
		fake.set(func() { assert.False(t, fake.deleted) })
	})
}

func TestOnApprovalTheIndexIsDeletedAndRestoredAndTheResultVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := red()
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: time.Minute, Approve: []recovery.Approval{"restore-snapshot:logs"}})
		time.Sleep(50 * time.Second)
		require.Empty(t, fake.restored(), "a node with a better copy is waited for")
		time.Sleep(30 * time.Second)
		require.Len(t, fake.restored(), 1)
		assert.Contains(t, fake.restored()[0], `/_snapshot/backup/good/_restore {"include_global_state":false,"indices":["logs"]}`)
		puts := fake.put()
		require.Len(t, puts, 2)
		assert.Contains(t, puts[0], `"action.auto_create_index":"-logs,+*"`, "a write must not create the index meanwhile")
		assert.Contains(t, puts[1], `"action.auto_create_index":null`, "and is as before")
		assert.Equal(t, recovery.Recovering, primaryFault(t, m).State)
		fake.set(func() { fake.states = [2]string{"STARTED", "STARTED"} })
		time.Sleep(20 * time.Second)
		assert.Empty(t, m.Faults())
		past := m.Past()
		require.NotEmpty(t, past)
		var attempts []recovery.Attempt
		for _, f := range past {
			if f.Primary {
				attempts = f.Attempts
			}
		}
		require.Len(t, attempts, 1)
		assert.Equal(t, recovery.RestoreSnapshot, attempts[0].Action)
		assert.Equal(t, "recovered", attempts[0].Outcome)
	})
}

func TestAnApprovalOfAnotherIndexOrActionRestoresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := red()
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: time.Minute, Approve: []recovery.Approval{"restore-snapshot:other", "allocate-stale-primary"}})
		time.Sleep(30 * time.Minute)
		assert.Empty(t, fake.restored())
		for _, r := range fake.sent() {
			assert.NotContains(t, r, "allocate")
		}
		assert.Equal(t, recovery.Approving, primaryFault(t, m).State)
	})
}

func TestARestoreThatFailsAfterTheDeletionIsSentAgainAlsoByTheNextController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := red()
		fake.restoreFails = 1 << 30
		store := &recovery.MemoryStore{}
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: time.Minute, Store: store, Approve: []recovery.Approval{"restore-snapshot"}})
		time.Sleep(3 * time.Minute)
		var deleted bool
		var tries int
		fake.set(func() { deleted, tries = fake.deleted, 1<<30-fake.restoreFails })
		require.True(t, deleted)
		assert.Greater(t, tries, 2, "tried again")
		assert.NotEmpty(t, m.Faults(), "the fault is not over because the index is gone")
		data, err := store.Load()
		require.NoError(t, err)
		assert.Contains(t, string(data), `"restores":[{"index":"logs","repository":"backup","snapshot":"good"`)

		next := &recovery.MemoryStore{}
		require.NoError(t, next.Save(data))
		other := red()
		other.set(func() { other.deleted = true })
		manage(t, other, recovery.Config{Interval: 10 * time.Second, Store: next})
		time.Sleep(30 * time.Second)
		assert.Len(t, other.restored(), 1, "the next one needs no approval for what was begun")
	})
}

func TestWithoutASnapshotOnlyAnEmptyPrimaryIsOffered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := red()
		fake.snapshots = ""
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: time.Minute, Approve: []recovery.Approval{"restore-snapshot"}})
		time.Sleep(10 * time.Minute)
		f := primaryFault(t, m)
		assert.Contains(t, f.Advice, "there is no snapshot of the whole index")
		assert.Contains(t, f.Advice, "allocate-empty-primary")
		assert.NotContains(t, f.Advice, "restore-snapshot")
		assert.Empty(t, fake.restored())
	})
}
