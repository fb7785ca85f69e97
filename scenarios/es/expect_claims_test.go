package es

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func TestGreenCountsFromTheLastFaultThatHealedOrStruck(t *testing.T) {
	s := tell("n1", "n2").health(-1, "green").fault(10, 20, lost).health(11, "yellow").fault(30, 0, lost).health(45, "green")
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{green-when-healed: 15s}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{green-when-healed: 14s}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s.health(60, "yellow").health(61, "green"), "{green-when-healed: 15s}"), "for good")
	never := tell("n1").health(-1, "green").fault(50, 0, lost).health(51, "red")
	assert.Equal(t, scenarios.Fail, verdict(t, never, "{green-when-healed: 30s}"))
	assert.Equal(t, scenarios.Unknown, verdict(t, never, "{green-when-healed: 2m}"), "the run was shorter")
	none := judge(t, tell("n1").health(-1, "green"), "{green-when-healed: 15s}")[0]
	assert.True(t, none.Idle)
}

func TestRedWithoutAMasterCountsOnlyWhereItIsNotLeftOut(t *testing.T) {
	s := tell("n1").health(-1, "green").unassigned(10, 0, false).health(20, "green")
	last := &s.h.Observations[1]
	h := last.Sight.(observed.Health)
	h.Status = "red"
	last.Sight = h
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{no-red-longer-than: 9s}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{no-red-longer-than: 0s, with-master: true}"))
}

func (s story) recovery(id, to string, start, stop float64, bytes int64) story {
	s.h.Observations = append(s.h.Observations, observed.Observation{At: at(start), Sight: observed.Recovery{ID: id, From: "n9", To: to, Start: at(start), Stop: at(stop), Bytes: bytes}})
	return s
}

func TestRecoveriesCountWhileTheyGoOn(t *testing.T) {
	s := tell("n1").recovery("a", "n1", 10, 20, 5).recovery("b", "n1", 15, 30, 5).recovery("c", "n1", 25, 40, 5).recovery("d", "n2", 16, 40, 5)
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{recoveries-at-once: 2}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{recoveries-at-once: 1}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{bytes-copied-at-most: 20b}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{bytes-copied-at-most: 19b}"))
	assert.Equal(t, "b", judge(t, s, "{bytes-copied-at-most: 19b}")[0].Unit, "which figures are told as sizes by")
	assert.True(t, judge(t, tell("n1"), "{recoveries-at-once: 1}")[0].Idle)
}

func TestAMoveThatUndoesAnotherIsThrash(t *testing.T) {
	s := tell("n1", "n2").shard(-1, 0, "n1").shard(10, 0, "n1>n2").shard(20, 0, "n2").shard(30, 0, "n2>n1").shard(40, 0, "n1")
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{thrash-at-most: 1}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{thrash-at-most: 0}"))
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{thrash-at-most: 0}"))
}

func TestCopiesAgreeByTheirDocumentsAndOperations(t *testing.T) {
	of := func(copies ...copyFigures) story {
		s := tell("n1", "n2")
		s.h.Own = &sight{copies: copies}
		return s
	}
	a := copyFigures{Index: "logs", Shard: "0", State: "STARTED", Node: "n1", Docs: "7", MaxSeq: "9"}
	b, fewer, behind, coming := a, a, a, a
	b.Node, fewer.Docs, behind.MaxSeq, coming.State, coming.Docs = "n2", "6", "8", "INITIALIZING", "1"
	assert.Equal(t, scenarios.Pass, verdict(t, of(a, b, coming), "{copies-agree: end}"))
	assert.Equal(t, scenarios.Fail, verdict(t, of(a, fewer), "{copies-agree: end}"))
	assert.Equal(t, scenarios.Fail, verdict(t, of(a, behind), "{copies-agree: end}"))
	assert.True(t, judge(t, of(a), "{copies-agree: end}")[0].Idle, "nothing to compare")
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{copies-agree: end}"))
	mute := tell("n1")
	mute.h.Own = &sight{err: errors.New("no node answered")}
	assert.Equal(t, scenarios.Unknown, verdict(t, mute, "{copies-agree: end}"))
}

func TestSettingsAreKeptWhenTheyAreAtTheEndWhatTheyWere(t *testing.T) {
	of := func(before, after map[string]string) story {
		s := tell("n1")
		s.h.Own = &sight{before: before, after: after}
		return s
	}
	was := map[string]string{"indices.recovery.max_bytes_per_sec": "40mb"}
	assert.Equal(t, scenarios.Pass, verdict(t, of(was, was), "{settings-kept: indices.recovery.}"))
	assert.Equal(t, scenarios.Fail, verdict(t, of(was, map[string]string{}), "{settings-kept: indices.recovery.}"))
	assert.Equal(t, scenarios.Pass, verdict(t, of(was, map[string]string{}), "{settings-kept: cluster.}"))
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{settings-kept: cluster.}"))
}

func TestOnlyTheControllerThatTookTheLeadMayAct(t *testing.T) {
	s := tell("n1").decides(1, "controller", "take-lead", true).decides(5, "controller", "rebalance", true).decides(20, "controller-2", "take-over", true)
	of := func(s story) scenarios.Outcome { return (&OneInCharge{When: "always"}).Judge(s.h)[0] }
	assert.Equal(t, scenarios.Pass, of(s).Verdict)
	assert.Equal(t, scenarios.Pass, of(s.decides(25, "controller", "rebalance", false)).Verdict, "it was only decided")
	assert.Equal(t, scenarios.Fail, of(s.decides(26, "controller", "rebalance", true)).Verdict)
	assert.True(t, of(tell("n1")).Idle)
	assert.NotEmpty(t, (&OneInCharge{When: "always"}).Check(&scenarios.Scenario{}), "one controller can't be two")
}

// Of a claim random plans must be able to hold it, to break it, and to tell nothing of it: what
// was not seen is never a pass.
func TestEachClaimHasAHistoryThatHoldsItBreaksItAndTellsNothing(t *testing.T) {
	writes := func(acked, checked, lost int) story {
		s := tell("n1")
		s.h.Tracers = observed.TracerSummary{Attempted: acked, Acked: acked, AckedInFault: acked, Checked: checked, Lost: lost, LostIDs: []string{"w1"}[:min(lost, 1)]}
		return s
	}
	copied := tell("n1").recovery("a", "n1", 10, 20, 5).recovery("b", "n1", 15, 30, 5)
	seen := tell("n1", "n2").members(-1, "n1", "n1", "n2")
	green := tell("n1").health(-1, "green")
	for claim, of := range map[string]struct{ holds, breaks, nothing story }{
		"{bytes-copied-at-most: 9b}":           {tell("n1").recovery("a", "n1", 10, 20, 5), copied, tell("n1")},
		"{recoveries-at-once: 1}":              {tell("n1").recovery("a", "n1", 10, 20, 5), copied, tell("n1").recovery("a", "n1", -9, -5, 5)},
		"{lost-acked-writes: 0}":               {writes(30, 30, 0), writes(30, 30, 1), writes(30, 29, 0)},
		"{detected: node-loss, within: 30s}":   {tell("n1", "n2").members(-1, "n1", "n1", "n2").fault(10, 0, lost).members(20, "n1", "n1"), seen.fault(10, 0, lost), tell("n1", "n2").members(-1, "n1", "n1", "n2").fault(95, 0, lost)},
		"{no-red-longer-than: 5s}":             {green, tell("n1").health(-1, "green").health(10, "red").health(20, "green"), tell("n1")},
		"{unassigned-at-most: 1}":              {tell("n1").unassigned(10, 1, true), tell("n1").unassigned(10, 2, true), tell("n1")},
		"{green-when-healed: 10s}":             {tell("n1").health(-1, "green").fault(10, 20, lost), tell("n1").health(-1, "green").fault(10, 20, lost).health(15, "yellow").health(40, "green"), green},
		"{thrash-at-most: 0}":                  {tell("n1", "n2").shard(-1, 0, "n1"), tell("n1", "n2").shard(-1, 0, "n1").shard(10, 0, "n1>n2").shard(20, 0, "n2").shard(30, 0, "n2>n1"), tell("n1", "n2")},
		"{master-within: 5s}":                  {tell("n1").unassigned(-1, 0, true), tell("n1").unassigned(-1, 0, true).unassigned(10, 0, false).unassigned(20, 0, true), tell("n1")},
		"{moves-at-most: 0}":                   {tell("n1", "n2").shard(-1, 0, "n1"), tell("n1", "n2").shard(-1, 0, "n1").shard(10, 0, "n1>n2"), tell("n1", "n2")},
		"{decided: take-over, times: \"= 0\"}": {tell("n1").decides(5, "controller", "take-lead", true), tell("n1").decides(5, "controller", "take-over", true), tell("n1")},
	} {
		assert.Equal(t, scenarios.Pass, verdict(t, of.holds, claim), claim)
		assert.Equal(t, scenarios.Fail, verdict(t, of.breaks, claim), claim)
		assert.Equal(t, scenarios.Unknown, verdict(t, of.nothing, claim), claim)
	}
}
