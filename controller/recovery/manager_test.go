package recovery_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"os"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/recovery"
)

const maxRetries = `"can_allocate":"no","unassigned_info":{"reason":"ALLOCATION_FAILED","failed_allocation_attempts":5,"details":"no space left"},
	"node_allocation_decisions":[{"node_name":"n2","node_decision":"no","deciders":[{"decider":"max_retry","decision":"NO","explanation":"too many"}]}]`

const noValidCopy = `"can_allocate":"no_valid_shard_copy","unassigned_info":{"reason":"NODE_LEFT"},
	"node_allocation_decisions":[{"node_name":"n2","node_decision":"no","store":{"in_sync":false,"allocation_id":"abc"}},{"node_name":"n3","node_decision":"no","store":{"found":false}}]`

const disabled = `"can_allocate":"no","node_allocation_decisions":[{"node_name":"n2","node_decision":"no","deciders":[
	{"decider":"enable","decision":"NO","explanation":"replica allocations are forbidden due to cluster setting [cluster.routing.allocation.enable=none]"}]}]`

func TestTriesGetRarerAndEndWithAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.states[1], fake.explain = "UNASSIGNED", maxRetries
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, MaxTries: 3, BackoffBase: time.Minute})
		time.Sleep(time.Hour)
		require.Len(t, fake.sent(), 3, "retried as often as allowed, and no more")
		first, second := fake.when(1).Sub(fake.when(0)), fake.when(2).Sub(fake.when(1))
		assert.GreaterOrEqual(t, first, 30*time.Second)
		assert.LessOrEqual(t, first, 70*time.Second)
		assert.GreaterOrEqual(t, second, time.Minute)
		faults := m.Faults()
		require.Len(t, faults, 1)
		assert.Equal(t, recovery.GivenUp, faults[0].State)
		assert.Equal(t, recovery.MaxRetries, faults[0].Cause)
		assert.Contains(t, faults[0].Advice, "3 tries of retry-failed have not helped")
		require.Len(t, faults[0].Attempts, 3)
		assert.Equal(t, "no effect", faults[0].Attempts[0].Outcome)
	})
}

func TestARetryThatHelpsIsVerifiedAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.states[1], fake.explain = "UNASSIGNED", maxRetries
		fake.onReroute = func(f *fakeCluster, query, _ string) {
			assert.Contains(t, query, "retry_failed=true")
			f.states[1] = "INITIALIZING"
		}
		file := recovery.FileStore{Path: filepath.Join(t.TempDir(), "history.json")}
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Store: file})
		time.Sleep(15 * time.Second)
		require.Len(t, m.Faults(), 1)
		assert.Equal(t, recovery.Recovering, m.Faults()[0].State)
		fake.set(func() { fake.states[1] = "STARTED" })
		time.Sleep(10 * time.Second)
		assert.Empty(t, m.Faults())
		require.Len(t, m.Past(), 1)
		assert.Equal(t, "recovered", m.Past()[0].Attempts[0].Outcome)
		assert.Equal(t, 20*time.Second, m.Stats().MTTR)

		again := manage(t, newFake(), recovery.Config{Interval: 10 * time.Second, Store: file})
		time.Sleep(time.Second)
		assert.Equal(t, m.Past()[0].ID, again.Past()[0].ID, "the history survives the manager")
		assert.Equal(t, 20*time.Second, again.Stats().MTTR)
		assert.Equal(t, 1, again.Stats().Count)
	})
}

func TestDataIsGivenUpOnlyOnAPersonsWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.states, fake.explain = [2]string{"UNASSIGNED", "STARTED"}, noValidCopy
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: 5 * time.Minute})
		time.Sleep(time.Hour)
		assert.Empty(t, fake.sent(), "without an approval nothing is done")
		require.Len(t, m.Faults(), 1)
		assert.Equal(t, recovery.Approving, m.Faults()[0].State)
		assert.Contains(t, m.Faults()[0].Advice, "every write acknowledged after it fell behind is lost")

		require.NoError(t, m.Approve("allocate-stale-primary:other"))
		time.Sleep(time.Minute)
		assert.Empty(t, fake.sent(), "an approval for another index is none for this")
		require.NoError(t, m.Approve("allocate-stale-primary:logs"))
		time.Sleep(15 * time.Second)
		require.Len(t, fake.sent(), 1)
		assert.Contains(t, fake.sent()[0], `"allocate_stale_primary":{"index":"logs","shard":0,"node":"n2","accept_data_loss":true}`)
		assert.Error(t, m.Approve("retry-failed"), "what needs no approval can't be approved")
	})
}

func TestAnApprovedLossStillWaitsForTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.states, fake.explain = [2]string{"UNASSIGNED", "STARTED"}, noValidCopy
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, Patience: 5 * time.Minute, Approve: []recovery.Approval{"allocate-stale-primary"}})
		time.Sleep(4 * time.Minute)
		assert.Empty(t, fake.sent())
		fake.set(func() { fake.states[0] = "STARTED" }) // the node is back
		time.Sleep(time.Hour)
		assert.Empty(t, fake.sent())
		assert.Equal(t, 1, m.Stats().Count)
	})
}

func TestARecoveryIsToldInTheWordsOfTheDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.persistent["cluster.routing.allocation.enable"] = "none"
		fake.trigger, fake.patience = controller.TriggerAct, time.Minute
		fake.states[1], fake.explain = "UNASSIGNED", disabled
		var mu sync.Mutex
		var told []string
		manageLogged(t, fake, recovery.Config{Interval: 10 * time.Second}, func(line string) {
			mu.Lock()
			defer mu.Unlock()
			if _, text, _ := strings.Cut(line, "[RECOVERY] "); strings.Contains(text, "index: ") || strings.HasPrefix(text, "Found") {
				told = append(told, text)
			}
		})
		time.Sleep(2 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		assert.Equal(t, []string{"Triggering recovery for index: logs", "Found 1 unassigned shards: [0]", "Allocation enabled for index: logs"}, told[:3])
		assert.NotContains(t, told[3:], told[0], "once for a fault")
	})
}

func TestAllocationIsSwitchedOnButNotAgainstAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.persistent["cluster.routing.allocation.enable"] = "none"
		fake.trigger, fake.patience = controller.TriggerAct, 5*time.Minute
		fake.states[1], fake.explain = "UNASSIGNED", disabled
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, BackoffBase: 10 * time.Second})
		time.Sleep(4 * time.Minute)
		assert.Empty(t, fake.put(), "somebody may be restarting nodes")
		assert.Equal(t, recovery.Waiting, m.Faults()[0].State)
		assert.Equal(t, `somebody may be at work: cluster.routing.allocation.enable is "none"; left alone until 00:05:00 at least`, m.Faults()[0].Advice)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, []string{`{"persistent":{"cluster.routing.allocation.enable":"all"}}`}, fake.put())
		fake.set(func() { fake.persistent["cluster.routing.allocation.enable"] = "none" }) // a person insists
		time.Sleep(time.Hour)
		assert.Len(t, fake.put(), 1, "it is not switched on a second time")
		assert.Equal(t, recovery.GivenUp, m.Faults()[0].State)
	})
}

func TestAFloodBlockIsLiftedOnceAndOnlyWhenTheFloodIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.blocks, fake.diskUsed = "true", 960
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, StaleAfter: time.Minute})
		time.Sleep(10 * time.Minute)
		assert.Empty(t, fake.put(), "the disk is at flood stage")
		assert.Equal(t, recovery.Watermark, m.Faults()[0].Cause)
		fake.set(func() { fake.diskUsed = 930 })
		time.Sleep(50 * time.Second)
		assert.Empty(t, fake.put(), "Elasticsearch may lift it by itself")
		time.Sleep(30 * time.Second)
		assert.Equal(t, []string{`{"index.blocks.read_only_allow_delete":null}`}, fake.put())
		time.Sleep(time.Minute)
		assert.Empty(t, m.Faults())
		fake.set(func() { fake.blocks = "true" }) // a person sets it
		time.Sleep(time.Hour)
		assert.Len(t, fake.put(), 1, "a block that comes back without a flood is somebody's")
	})
}

func TestADamagedHistoryIsReportedAndBegunAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "history.json")
		require.NoError(t, os.WriteFile(path, []byte("{half"), 0o600))
		m := manage(t, newFake(), recovery.Config{Store: recovery.FileStore{Path: path}})
		time.Sleep(time.Second)
		assert.Empty(t, m.Past())
		assert.Zero(t, m.Stats().Count)
		kept, err := os.ReadFile(path + ".unreadable")
		require.NoError(t, err)
		assert.Equal(t, "{half", string(kept), "a person can still look at it")
	})
}

func TestAHistoryThatCouldNotBeSavedIsFoundOutAtOnce(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, recovery.FileStore{Path: filepath.Join(dir, "history.json")}.Check())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	require.ErrorContains(t, recovery.FileStore{Path: filepath.Join(dir, "no", "history.json")}.Check(), "no such file")
	require.ErrorContains(t, recovery.FileStore{Path: dir}.Check(), "not a regular file")
}

const delayed = `"can_allocate":"allocation_delayed","remaining_delay_in_millis":59500,"unassigned_info":{"reason":"NODE_LEFT"}`

func TestOnlyFaultsLeftToAPersonCountAsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		m := manage(t, fake, recovery.Config{Interval: 10 * time.Second, MaxTries: 1})
		for _, why := range []string{delayed, maxRetries} {
			fake.set(func() { fake.states[1], fake.explain = "UNASSIGNED", why })
			time.Sleep(20 * time.Minute)
			if why == delayed {
				require.Len(t, m.Faults(), 1)
				assert.Empty(t, m.Faults()[0].Advice, "nobody is needed")
			}
			fake.set(func() { fake.states[1] = "STARTED" })
			time.Sleep(time.Minute)
		}
		counts := map[recovery.Cause]int{}
		for _, c := range m.Stats().Causes {
			counts[c.Cause] = c.GivenUps
		}
		assert.Equal(t, map[recovery.Cause]int{recovery.Delayed: 0, recovery.MaxRetries: 1}, counts)
	})
}

func TestTheMedianOfTwoTimesLiesBetweenThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		m := manage(t, fake, recovery.Config{Interval: time.Second})
		fake.set(func() { fake.explain = delayed })
		for _, d := range []time.Duration{10 * time.Second, 30 * time.Second} {
			fake.set(func() { fake.states[1] = "UNASSIGNED" })
			time.Sleep(d)
			fake.set(func() { fake.states[1] = "STARTED" })
			time.Sleep(time.Minute)
		}
		assert.Equal(t, m.Stats().MTTR, m.Stats().Median)
	})
}

func TestTheIntervalCanChangeWhileAManagerRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		m := manage(t, fake, recovery.Config{Interval: time.Hour})
		time.Sleep(time.Minute)
		require.NoError(t, m.SetInterval(time.Second))
		require.Error(t, m.SetInterval(0))
		time.Sleep(time.Hour)
		fake.set(func() { fake.states[1], fake.explain = "UNASSIGNED", delayed })
		time.Sleep(5 * time.Second)
		assert.Len(t, m.Faults(), 1)
	})
}

func TestTheHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFake()
		fake.explain = maxRetries
		m := manage(t, fake, recovery.Config{Interval: time.Second, Keep: 2})
		for range 5 {
			fake.set(func() { fake.states[1] = "UNASSIGNED" })
			time.Sleep(40 * time.Second)
			fake.set(func() { fake.states[1] = "STARTED" })
			time.Sleep(40 * time.Second)
		}
		assert.Len(t, m.Past(), 2)
		assert.Equal(t, 5, m.Stats().Count, "the totals go on")
	})
}

func TestConfigurationsThatMakeNoSense(t *testing.T) {
	for name, cfg := range map[string]recovery.Config{
		"negative interval": {Interval: -1}, "negative tries": {MaxTries: -1}, "unknown approval": {Approve: []recovery.Approval{"delete-everything"}},
	} {
		_, err := recovery.New(cfg)
		assert.Error(t, err, name)
	}
}
