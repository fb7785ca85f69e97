package es

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// story is a history told in short sentences; times are in seconds since t=0.
type story struct{ h *observed.History }

func tell(nodes ...string) story {
	return story{&observed.History{Nodes: nodes, End: 100 * time.Second, Settled: 102 * time.Second, Closed: 110 * time.Second}}
}

func at(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (s story) health(t float64, status string) story {
	s.h.Observations = append(s.h.Observations, observed.Observation{At: at(t), Sight: observed.Health{Status: status, Master: true}})
	return s
}

func (s story) members(t float64, master string, nodes ...string) story {
	s.h.Observations = append(s.h.Observations, observed.Observation{At: at(t), Sight: observed.Members{Master: master, Nodes: nodes}})
	return s
}

// shard places the copies of logs[n]: "n1" started, "n1>n2" relocating, "-" unassigned.
func (s story) shard(t float64, n int, copies ...string) story {
	var all observed.Copies
	for i, text := range copies {
		c := observed.Copy{Index: "logs", Shard: n, Primary: i == 0, State: "STARTED", Node: text, ID: fmt.Sprintf("a%d%d", n, i), Bytes: 10}
		if text == "-" {
			c.State, c.Node = "UNASSIGNED", ""
		} else if len(text) > 2 {
			c.State, c.Node, c.To = "RELOCATING", text[:2], text[3:]
		}
		all = append(all, c)
	}
	s.h.Observations = append(s.h.Observations, observed.Observation{At: at(t), Sight: all})
	return s
}

func (s story) fault(from, to float64, kind chaos.Fault) story {
	rec := &chaos.Record{Kind: kind.Kind(), Params: kind, Due: at(from), At: at(from), HealedAt: -1, Injected: true, Bites: []chaos.Evidence{{Shown: true}}}
	if to > 0 {
		rec.HealedAt = at(to)
	}
	s.h.Faults = append(s.h.Faults, rec)
	return s
}

// judge reads an expectation as a file has it, for the sample scenario, and judges.
func judge(t *testing.T, s story, text string) []scenarios.Outcome {
	t.Helper()
	sc, err := scenarios.Parse("sample.yaml", []byte(sample), testVocabulary)
	require.NoError(t, err)
	sc.Duration *= 100
	e, err := testVocabulary.ReadExpectation([]byte(text))
	require.NoError(t, err)
	for _, f := range s.h.Faults {
		sc.Faults = append(sc.Faults, chaos.Entry{Fault: f.Params})
	}
	if c, ok := e.Expectation.(scenarios.Completer); ok {
		c.Complete(sc.Scenario)
	}
	require.Empty(t, e.Check(sc.Scenario))
	return e.Judge(s.h)
}

func verdict(t *testing.T, s story, text string) scenarios.Verdict {
	t.Helper()
	return scenarios.Worst(judge(t, s, text))
}

var lost = &chaos.NodeLoss{Node: "n2"}

func TestRecoveredCountsFromTheFaultToTheLastTimeItWasNotGreen(t *testing.T) {
	s := tell("n1", "n2").health(-1, "green").fault(10, 0, lost).health(10.5, "red").health(12, "yellow").health(15, "green").health(16, "yellow").health(20, "green")
	out := judge(t, s, "{recovered: green, within: 10s, of: node-loss}")
	require.Len(t, out, 1)
	assert.Equal(t, scenarios.Pass, out[0].Verdict)
	assert.InDelta(t, 10, *out[0].Observed, 1e-9, "green for good at 20 s")
	assert.InDelta(t, 0, *out[0].Margin, 1e-9)
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{recovered: green, within: 9s, of: node-loss}"))
	out = judge(t, s, "{recovered: yellow, within: 2s, of: node-loss}")
	assert.InDelta(t, 2, *out[0].Observed, 1e-9, "not red any more at 12 s")
}

func TestAClusterThatNeverRecoversFails(t *testing.T) {
	s := tell("n1", "n2").health(-1, "green").fault(10, 0, lost).health(11, "yellow")
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{recovered: green, within: 1m, of: node-loss}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{recovered: yellow, within: 1m, of: node-loss}"))
}

func TestARunThatEndsBeforeTheLimitLeavesTheVerdictUnknown(t *testing.T) {
	s := tell("n1", "n2").health(-1, "green").fault(90, 0, lost).health(91, "yellow")
	assert.Equal(t, scenarios.Unknown, verdict(t, s, "{recovered: green, within: 1m, of: node-loss}"))
}

func TestAFaultThatWasNotShownToBiteLeavesTheVerdictUnknown(t *testing.T) {
	s := tell("n1", "n2").health(-1, "green").fault(10, 0, lost)
	s.h.Faults[0].Bites[0].Shown = false
	assert.Equal(t, scenarios.Unknown, verdict(t, s, "{recovered: green, within: 1m, of: node-loss}"))
	s.h.Faults[0].Injected = false
	assert.Equal(t, scenarios.Unknown, verdict(t, s, "{recovered: green, within: 1m, of: node-loss}"))
	s.h.Faults = nil
	assert.Equal(t, scenarios.Unknown, verdict(t, s, "{recovered: green, within: 1m, of: node-loss}"))
}

func TestTheWatchForAFaultEndsWithTheNextOne(t *testing.T) {
	s := tell("n1", "n2").health(-1, "green").fault(10, 0, lost).health(11, "yellow").health(14, "green").fault(30, 0, lost).health(31, "yellow").health(50, "green")
	out := judge(t, s, "{recovered: green, within: 30s, of: node-loss}")
	require.Len(t, out, 2)
	assert.InDelta(t, 4, *out[0].Observed, 1e-9)
	assert.InDelta(t, 20, *out[1].Observed, 1e-9)
	assert.Equal(t, "green after node-loss #2", out[1].Name)
}

func TestDetectedIsTheFirstChangeOfMembersOrMaster(t *testing.T) {
	s := tell("n1", "n2").members(-1, "n1", "n1", "n2").fault(10, 0, lost).members(13, "n1", "n1")
	out := judge(t, s, "{detected: node-loss, within: 5s}")
	assert.InDelta(t, 3, *out[0].Observed, 1e-9)
	assert.Equal(t, scenarios.Pass, out[0].Verdict)
	unseen := tell("n1", "n2").members(-1, "n1", "n1", "n2").fault(10, 0, lost)
	assert.Equal(t, scenarios.Fail, verdict(t, unseen, "{detected: node-loss, within: 5s}"))
}

func TestNoRedLongerThanLooksAtEveryStretch(t *testing.T) {
	s := tell("n1").health(-1, "green").health(5, "red").health(6, "green").health(20, "red").health(23, "yellow")
	out := judge(t, s, "{no-red-longer-than: 3s}")
	assert.Equal(t, scenarios.Pass, out[0].Verdict)
	assert.InDelta(t, 3, *out[0].Observed, 1e-9)
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{no-red-longer-than: 2s}"))
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{no-red-longer-than: 2s}"), "health was never seen")
}

func TestBalanceCountsMembersOnly(t *testing.T) {
	s := tell("n1", "n2", "n3").members(-1, "n1", "n1", "n2", "n3").shard(-1, 0, "n1", "n2").shard(-1, 1, "n1", "n3").
		members(50, "n1", "n1", "n3").shard(50, 0, "n1", "n3")
	out := judge(t, s, `{balance: shards, variance: "< 1", at: 10s}`)
	assert.InDelta(t, 2.0/9, *out[0].Observed, 1e-8, "2/1/1")
	out = judge(t, s, `{balance: shards, cv: "= 0", at: end}`)
	assert.Equal(t, scenarios.Pass, out[0].Verdict, "2/2, and n2 is no member")
	out = judge(t, s, `{balance: shards, cv: "= 0", at: always}`)
	assert.Equal(t, scenarios.Fail, out[0].Verdict)
	assert.Equal(t, scenarios.Unknown, verdict(t, s, `{balance: cpu, cv: "< 1"}`), "never observed")
}

func TestMovesAreCountedOnceAndOnlyFromTheStartOn(t *testing.T) {
	s := tell("n1", "n2").shard(-2, 0, "n1>n2").shard(1, 0, "n1>n2").shard(2, 0, "n2").shard(3, 1, "n1>n2").shard(4, 1, "n1>n2").shard(5, 1, "n2").shard(6, 1, "n2>n1")
	moves := s.h.Moves()
	require.Len(t, moves, 2)
	assert.Equal(t, observed.Move{At: at(3), Index: "logs", Shard: 1, Primary: true, From: "n1", To: "n2", Bytes: 10}, moves[0])
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{moves-at-most: 2}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{moves-at-most: 1}"))
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), "{moves-at-most: 1}"))
}

func TestLostWritesAreJudgedOnlyWhenEnoughWasSeen(t *testing.T) {
	s := tell("n1").fault(10, 20, lost)
	const text = "{lost-acked-writes: 0}"
	s.h.Tracers = observed.TracerSummary{Acked: 100, Checked: 100, AckedInFault: 10}
	assert.Equal(t, scenarios.Pass, verdict(t, s, text))
	s.h.Tracers.Lost = 1
	assert.Equal(t, scenarios.Fail, verdict(t, s, text))
	s.h.Tracers = observed.TracerSummary{Acked: 100, Checked: 90, AckedInFault: 10}
	assert.Equal(t, scenarios.Unknown, verdict(t, s, text), "ten were not looked for")
	s.h.Tracers = observed.TracerSummary{Acked: 5, Checked: 5, AckedInFault: 5}
	assert.Equal(t, scenarios.Unknown, verdict(t, s, text), "too few")
	s.h.Tracers = observed.TracerSummary{Acked: 100, Checked: 100}
	assert.Equal(t, scenarios.Unknown, verdict(t, s, text), "none during the fault")
}

func TestControllerActionsAreCountedByPolicy(t *testing.T) {
	s := tell("n1")
	for i := range 6 {
		s.h.Decided(observed.Decision{Seq: 2 * i, At: at(float64(10 * i)), Policy: "variance", Acted: i == 1})
		s.h.Decided(observed.Decision{Seq: 2*i + 1, At: at(float64(10 * i)), Policy: "threshold", Acted: true, Shadow: true})
	}
	s.h.Decided(observed.Decision{Seq: 2, At: at(10), Policy: "variance", Acted: true, Effect: "known later"})
	assert.Len(t, s.h.Decisions, 12, "a record that comes again replaces the first")
	assert.Equal(t, scenarios.Pass, verdict(t, s, `{controller-actions: "= 1"}`))
	assert.Equal(t, scenarios.Fail, verdict(t, s, `{controller-actions: "= 0", policy: variance}`))
	assert.Equal(t, scenarios.Pass, verdict(t, s, `{controller-actions: "= 0", policy: variance, from: 11s}`))
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1"), `{controller-actions: "= 0"}`), "never asked")
}

func TestSteadyStateAtTheEnd(t *testing.T) {
	s := tell("n1")
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{steady-state: green, at: end, within: 5s}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{steady-state: green, at: end, within: 1s}"))
	s.h.Settled = -1
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{steady-state: green, at: end, within: 5s}"))
}

var cut = &chaos.Partition{Between: []chaos.Selector{"n1"}, And: []chaos.Selector{"n2"}}

func TestATimeCutShortByTheNextFaultDecidesNothing(t *testing.T) {
	stillYellow := tell("n1", "n2").health(-1, "green").fault(10, 0, lost).health(10.5, "yellow").fault(20, 0, cut).health(40, "green")
	out := judge(t, stillYellow, "{recovered: green, within: 30s, of: node-loss}")
	assert.Equal(t, scenarios.Unknown, out[0].Verdict)
	assert.Contains(t, out[0].Reason, "the next fault struck (partition), 10s later, before the limit of 30s")
	assert.Equal(t, scenarios.Fail, verdict(t, stillYellow, "{recovered: green, within: 5s, of: node-loss}"))

	notYetNoticed := tell("n1", "n2").health(-1, "green").fault(10, 0, cut).fault(12, 0, lost).health(15, "green")
	out = judge(t, notYetNoticed, "{recovered: green, within: 30s, of: partition}")
	assert.Equal(t, scenarios.Unknown, out[0].Verdict, "two seconds of green are no evidence for thirty")
	assert.Equal(t, scenarios.Pass, verdict(t, notYetNoticed, "{recovered: green, within: 2s, of: partition}"))
}

func TestFaultsOfOneMomentAreOneBlow(t *testing.T) {
	s := tell("n1", "n2", "n3").health(-1, "green").fault(10, 0, lost).fault(10, 0, cut)
	s.h.Faults[1].At = at(10.4) // on containers one comes after the other
	s = s.health(11, "red").health(15, "green")
	for _, of := range []string{"node-loss", "partition"} {
		out := judge(t, s, "{recovered: green, within: 30s, of: "+of+"}")
		assert.Equal(t, scenarios.Pass, out[0].Verdict, of)
		assert.InDelta(t, 15-s.h.Faults[0].At.Seconds(), *out[0].Observed, 0.5, of)
	}
}

func TestGreenThatNobodySawIsUnknown(t *testing.T) {
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1", "n2").fault(10, 0, lost), "{recovered: green, within: 5s}"))
}

func TestANodeReplacedByAnotherIsAChangeOfMembership(t *testing.T) {
	s := tell("n1", "n2", "n3").members(-1, "n1", "n1", "n2").fault(10, 0, lost).members(12, "n1", "n1", "n3")
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{detected: node-loss, within: 5s}"))
	first := tell("n1", "n2").fault(10, 0, lost).members(12, "n1", "n1", "n2")
	assert.Equal(t, scenarios.Fail, verdict(t, first, "{detected: node-loss, within: 5s}"), "the first sight of the members is no change")
}

func TestEvennessOfNothingOrOfOneMemberIsUnknown(t *testing.T) {
	const even = "{balance: shards, cv: '< 0.1'}"
	held := func() story { return tell("n1", "n2").members(-1, "n1", "n1", "n2").shard(-1, 0, "n1", "n2") }
	assert.Equal(t, scenarios.Pass, verdict(t, held(), even))
	assert.Equal(t, scenarios.Unknown, verdict(t, held().members(50, "n1", "n1"), even), "one member is left")
	assert.Equal(t, scenarios.Unknown, verdict(t, held().shard(50, 0, "-", "-"), even), "no copy is left")
	assert.Equal(t, scenarios.Unknown, verdict(t, held(), "{balance: shards, cv: '< 0.1', at: 120s}"), "the run was over by then")
}

func TestARestartedControllerDoesNotReplaceItsOldRecords(t *testing.T) {
	h := &observed.History{}
	for seq := 1; seq <= 200; seq++ {
		h.Decided(observed.Decision{Seq: seq, Controller: "controller", Decided: "first"})
	}
	h.Decided(observed.Decision{Seq: 199, Controller: "controller", Decided: "effect known"})
	h.Decided(observed.Decision{Seq: 1, Controller: "controller-2", Decided: "another's"})
	require.Len(t, h.Decisions, 201)
	assert.Equal(t, "effect known", h.Decisions[198].Decided)
	assert.Equal(t, "first", h.Decisions[0].Decided)
}
