package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports/score"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// ran is a report of a run with these figures.
func ran(scenario, policy string, cv float64, moves, thrash int, green *float64) *Report {
	r := &Report{Scenario: scenario}
	r.Control.Policy = policy
	r.Scores.Balance.Shards = &BalanceOverTime{Final: score.Balance{CV: cv}, AverageCV: cv}
	r.Scores.Movement = &Movement{Moves: moves, Thrash: thrash, Bytes: int64(moves) << 20, IdealMoves: 1, IdealBytes: 1 << 20}
	r.Scores.Recovery.TimeToGreenS = green
	return r
}

func TestPoliciesAreLinedUpByScenarioWithMeansOverSeedsAndTotals(t *testing.T) {
	c := ComparePolicies([]*Report{
		ran("one", "threshold", 0.4, 6, 2, ptr(10.0)), ran("one", "threshold", 0.2, 8, 0, nil),
		ran("one", "variance", 0.1, 1, 0, ptr(9.0)), ran("one", "variance", 0.1, 1, 0, ptr(11.0)),
		ran("two", "threshold", 0, 3, 0, nil), ran("two", "variance", 0, 2, 0, nil),
	})
	require.Len(t, c.Rows, 4)
	assert.Equal(t, PolicyRow{
		Scenario: "one", Policy: "threshold", FinalCV: 0.3, AverageCV: 0.3, Moves: 7, Thrash: 1, Bytes: 7 << 20,
		IdealMoves: 1, IdealBytes: 1 << 20, RecoveryS: ptr(10.0),
	}, c.Rows[0])
	assert.Equal(t, 2, c.Seeds)
	total := c.Total("threshold")
	require.NotNil(t, total)
	assert.InDelta(t, 10, total.Moves, 1e-9, "seven and three")
	assert.InDelta(t, 0.15, total.FinalCV, 1e-9, "a mean")
	assert.Nil(t, c.Total("disk"))
}

func TestLatenciesAreThoseOfTheFirstAndTheLastTenth(t *testing.T) {
	load := func(at time.Duration, ms float64) observed.Observation {
		return observed.Observation{At: at, Sight: observed.Loads{{Node: "n1", MeanMs: ms, P99Ms: 10 * ms}}}
	}
	h := &observed.History{Nodes: []string{"n1", "n2"}, End: 100 * time.Second, Observations: []observed.Observation{
		load(-5*time.Second, 4), load(5*time.Second, 2), load(30*time.Second, 50), load(90*time.Second, 1),
	}}
	got := latenciesOf(h)
	require.Len(t, got, 2)
	assert.Equal(t, NodeLatency{Node: "n1", BeforeMs: ptr(3.0), AfterMs: ptr(1.0), BeforeP99: ptr(30.0), AfterP99: ptr(10.0)}, got[0])
	assert.Equal(t, NodeLatency{Node: "n2"}, got[1])
	assert.Nil(t, latenciesOf(&observed.History{Nodes: []string{"n1"}, End: time.Second}))

	a, b := ran("one", "disk", 0, 0, 0, nil), ran("one", "disk", 0, 0, 0, nil)
	a.Scores.Nodes, b.Scores.Nodes = got, []NodeLatency{{Node: "n1", BeforeMs: ptr(5.0)}, {Node: "n2"}}
	row := ComparePolicies([]*Report{a, b}).Rows[0]
	assert.Equal(t, "n1 4→1 (30→10), n2 –→–", row.latencies(), "means of the seeds in which it was observed")
}

func TestAComparisonIsPrintedInEveryForm(t *testing.T) {
	c := ComparePolicies([]*Report{ran("one", "threshold", 0.4, 6, 2, ptr(10.0)), ran("two", "threshold", 0.2, 4, 0, nil)})
	var text bytes.Buffer
	require.NoError(t, PoliciesText(&text, c))
	assert.Regexp(t, `(?m)^one +threshold +0\.400 +0\.400 +6 +1 +2 +6mb +1mb +10\.00 s`, text.String())
	assert.Regexp(t, `(?m)^all +threshold +0\.300`, text.String())

	md := string(PoliciesMarkdown(c))
	assert.Contains(t, md, "| two | threshold | 0.200 | 0.200 | 4 | 1 | 0 | 4mb | 1mb | – | 0 | – |")
	assert.Contains(t, md, "one seed")

	page, err := PoliciesHTML(c)
	require.NoError(t, err)
	assert.Equal(t, 4, strings.Count(string(page), "<tr"), "a head, two rows and a total; nobody is ahead where there is one")
}
