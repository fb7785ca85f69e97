package httpapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/controller"
	"github.com/shardquake/shardquake/controller/policy"
	"github.com/shardquake/shardquake/controller/recovery"
)

func TestThePageShowsWhatWasDecidedAndOfTheRestTheLast(t *testing.T) {
	var all []controller.Decision
	add := func(actor, name string, decided ...policy.Action) {
		all = append(all, controller.Decision{Seq: len(all) + 1, Actor: actor, Policy: name, Decided: decided})
	}
	add("operator", "", policy.Rebalance)
	for range 40 {
		add("shard-controller", "variance")
		add("shadow", "threshold", policy.Rebalance)
	}
	// A shadow's word is recorded before that of the policy which decided first.
	all[79], all[80] = all[80], all[79]
	var shown []int
	for _, d := range worthSeeing(all) {
		shown = append(shown, d.Seq)
	}
	assert.Equal(t, []int{81, 80, 1}, shown)
	for range 40 {
		add("operator", "", policy.Rebalance)
	}
	assert.Len(t, worthSeeing(all), 20)
}

func TestFaultsOfOneCauseAreOneRowWithTheirCopies(t *testing.T) {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	fault := func(shard int, cause recovery.Cause, later time.Duration) recovery.Fault {
		return recovery.Fault{Index: "logs", Shard: shard, Cause: cause, State: recovery.Waiting, Detected: at.Add(later), Detail: "why"}
	}
	got := byCause([]recovery.Fault{fault(0, recovery.Delayed, 2*time.Second), fault(1, recovery.Watermark, 0), fault(2, recovery.Delayed, time.Second)},
		[]recovery.Finding{{Cause: recovery.FewMasters, Detail: "two", Cure: "three"}})
	assert.Equal(t, []shownFault{
		{Cause: recovery.FewMasters, Detail: "two", Advice: "three"},
		{Cause: recovery.Delayed, State: recovery.Waiting, Detected: at.Add(time.Second), Copies: []string{"logs[0] replica", "logs[2] replica"}, Detail: "why"},
		{Cause: recovery.Watermark, State: recovery.Waiting, Detected: at, Copies: []string{"logs[1] replica"}, Detail: "why"},
	}, got)
}

func TestMovesAreCreditedToWhoeverCausedThem(t *testing.T) {
	now := time.Date(2024, 1, 1, 0, 10, 0, 0, time.UTC)
	going := func(shard int, target string) controller.RecoveryProgress {
		return controller.RecoveryProgress{ShardRecovery: controller.ShardRecovery{Index: "logs", Shard: shard, Target: target}}
	}
	moved := controller.Decision{Seq: 7, At: now.Add(-time.Minute), Actor: "shard-controller", Done: []controller.Step{
		{What: "move logs[1] (3mb) from n1 to n2", Calls: 1}, {What: "move logs[3] (3mb) from n1 to n2", Error: "refused"},
	}}
	rebalanced := controller.Decision{Seq: 8, At: now.Add(-time.Minute), Actor: "operator", Decided: []policy.Action{policy.Rebalance}, Done: []controller.Step{{What: "rebalance", Calls: 1}}}
	lost := []recovery.Fault{{Index: "logs", Shard: 2, Cause: recovery.Assignable}}
	who := func(r controller.RecoveryProgress, decisions ...controller.Decision) string {
		return credited([]controller.RecoveryProgress{r}, decisions, lost, now)[0].Origin
	}
	assert.Equal(t, "decision #7 of shard-controller", who(going(1, "n2"), moved, rebalanced))
	assert.Equal(t, "Elasticsearch or somebody else", who(going(1, "n3"), moved), "to another node")
	assert.Equal(t, "Elasticsearch or somebody else", who(going(3, "n2"), moved), "that was refused")
	assert.Equal(t, "a copy was lost: assignable", who(going(2, "n2"), moved, rebalanced))
	assert.Equal(t, "decision #8 of operator (rebalance)", who(going(4, "n2"), moved, rebalanced))
	rebalanced.Effect = &controller.Effect{}
	assert.Equal(t, "Elasticsearch or somebody else", who(going(4, "n2"), rebalanced), "its effect is known: it is over")
}
