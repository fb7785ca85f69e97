package controller_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
)

// fixed is a policy that gives the same verdict at its first round, and then rests.
type fixed struct {
	verdict policy.Verdict
	asked   int
}

func (f *fixed) Name() string        { return "fixed" }
func (f *fixed) Needs() policy.Needs { return policy.Needs{} }
func (f *fixed) Decide(policy.Observation) policy.Verdict {
	if f.asked++; f.asked > 1 {
		return policy.Verdict{Reason: "done already"}
	}
	return f.verdict
}

func TestMovesAreTriedBeforeTheyAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 2, 0, 0)...)
		fake.refuse = map[string]string{"n3": "the node is above the low watermark"}
		r := run(t, fake, func(c *controller.Config) {
			c.Policy = &fixed{verdict: policy.Verdict{Actions: []policy.Action{policy.Move}, Moves: []policy.ShardMove{
				{Index: "logs", Shard: 0, From: "n1", To: "n2", Bytes: 1 << 20}, {Index: "logs", Shard: 1, From: "n1", To: "n3"},
			}}}
		})
		time.Sleep(10 * second)
		require.NoError(t, r.end())
		assert.Equal(t, []string{
			`dry {"commands":[{"move":{"index":"logs","shard":0,"from_node":"n1","to_node":"n2"}}]}`,
			`{"commands":[{"move":{"index":"logs","shard":0,"from_node":"n1","to_node":"n2"}}]}`,
			`dry {"commands":[{"move":{"index":"logs","shard":1,"from_node":"n1","to_node":"n3"}}]}`,
		}, fake.reroutes)
		require.Len(t, r.acted(), 1)
		d := r.acted()[0]
		require.Len(t, d.Done, 2)
		assert.Equal(t, "move logs[0] (1mb) from n1 to n2", d.Done[0].What)
		assert.Equal(t, "the cluster's deciders refuse it: disk_threshold: the node is above the low watermark", d.Done[1].Error)
		require.NotNil(t, d.Effect)
		assert.Equal(t, 1, d.Effect.Moved)
		assert.Len(t, r.log.with("Moving shard logs[0] from n1 to n2"), 1)
	})
}

func TestAMoveThatNeverArrivedIsRepeatedAfterALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(2, started("logs", 2, 0)...)
		lost := 0
		fake.drop = func(r *http.Request) bool {
			if r.URL.Path == "/_cluster/reroute" && r.URL.Query().Get("dry_run") == "" && lost == 0 {
				lost++
				return true
			}
			return false
		}
		r := run(t, fake, func(c *controller.Config) {
			c.Policy = &fixed{verdict: policy.Verdict{Actions: []policy.Action{policy.Move}, Moves: []policy.ShardMove{{Index: "logs", Shard: 0, From: "n1", To: "n2"}}}}
		})
		time.Sleep(20 * second)
		require.NoError(t, r.end())
		assert.Len(t, fake.reroutes, 2, "the dry run, and the repetition of what had been lost")
		assert.Empty(t, r.Decisions()[0].Done[0].Error)
		assert.Contains(t, r.Decisions()[0].Done[0].What, "again after a look showed it not done")
	})
}

// losingPuts loses the first changes of settings on their way.
func losingPuts(fake *fakeCluster, first int) {
	fake.drop = func(r *http.Request) bool {
		if r.Method != http.MethodPut || first == 0 {
			return false
		}
		first--
		return true
	}
}

func TestSettingsThatNeverArrivedAreSentAgainAfterALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
		fake.persistent["cluster.routing.rebalance.enable"] = "none"
		losingPuts(fake, 2)
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "variance" })
		time.Sleep(20 * second)
		require.NoError(t, r.end())
		require.Len(t, r.acted(), 1)
		assert.Len(t, fake.sent(), 1, "two were lost on their way")
		assert.Equal(t, "all", fake.persistent["cluster.routing.rebalance.enable"])
	})
}

func TestSettingsWhoseAnswerWasLostAreNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, fail := range []func(fake *fakeCluster){
			func(fake *fakeCluster) { fake.dropPut = true },
			func(fake *fakeCluster) {
				fake.onSettings = func(f *fakeCluster) { // published, and the master lost over it
					f.answerPut = `{"error":{"type":"failed_to_commit_cluster_state_exception","reason":"node is no longer master"},"status":503}`
				}
			},
		} {
			fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
			fail(fake)
			r := run(t, fake, func(c *controller.Config) { c.PolicyName = "variance" })
			time.Sleep(20 * second)
			require.NoError(t, r.end())
			require.Len(t, r.acted(), 1)
			assert.Empty(t, r.acted()[0].Done[0].Error)
			assert.Len(t, fake.sent(), 1, "a look showed them in force")
		}
	})
}

func TestAPolicyWhoseActionFailedNeedNotWaitForItsCoolDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
		refusals := 0
		fake.fail = func(r *http.Request) (int, string) {
			if r.Method == http.MethodPut && refusals < 6 {
				refusals++
				return http.StatusTooManyRequests, ""
			}
			return 0, ""
		}
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "variance" })
		time.Sleep(70 * second)
		require.NoError(t, r.end())
		require.Len(t, r.acted(), 1)
		assert.Less(t, r.acted()[0].Monotonic, 40*second, "at the round after, not five minutes later")
	})
}

func TestSettingsThatSomebodyChangedMeanwhileAreNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(3, started("logs", 12, 4, 2)...)
		fake.dropPut = true
		fake.onSettings = func(f *fakeCluster) { f.persistent["indices.recovery.max_bytes_per_sec"] = "7mb" }
		r := run(t, fake, func(c *controller.Config) { c.PolicyName = "variance" })
		time.Sleep(20 * second)
		require.NoError(t, r.end())
		assert.Len(t, fake.sent(), 1)
		assert.Contains(t, r.Decisions()[0].Done[0].Error, "somebody else has changed the settings meanwhile")
		assert.Equal(t, "7mb", fake.persistent["indices.recovery.max_bytes_per_sec"])
	})
}

func TestAMoveWhoseAnswerWasLostIsNotRepeatedWhenALookShowsItDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeCluster(2, started("logs", 2, 0)...)
		fake.dropReroute = true
		r := run(t, fake, func(c *controller.Config) {
			c.Policy = &fixed{verdict: policy.Verdict{Actions: []policy.Action{policy.Move}, Moves: []policy.ShardMove{{Index: "logs", Shard: 0, From: "n1", To: "n2"}}}}
		})
		time.Sleep(20 * second)
		require.NoError(t, r.end())
		assert.Len(t, fake.reroutes, 2, "the dry run and one attempt")
		assert.Empty(t, r.Decisions()[0].Done[0].Error)
		assert.Contains(t, r.Decisions()[0].Done[0].What, "a look showed it done")
	})
}
