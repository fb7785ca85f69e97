package fidelity_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/reports/fidelity"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// runs are runs of one phase in which one quantity has these values.
func runs(name string, unit fidelity.Unit, values ...float64) []fidelity.Run {
	var out []fidelity.Run
	for _, v := range values {
		out = append(out, fidelity.Run{Label: "run", Phases: []fidelity.Phase{{
			Name: "kill", Quantities: []fidelity.Quantity{{Name: name, Unit: unit, Value: v}},
		}}})
	}
	return out
}

func compared(t *testing.T, name string, unit fidelity.Unit, sim, real []float64) fidelity.Row {
	t.Helper()
	table, err := fidelity.Compare("some", runs(name, unit, sim...), runs(name, unit, real...))
	require.NoError(t, err)
	row := table.Row("kill", name)
	require.NotNil(t, row)
	return *row
}

func TestATimeIsWithinFifteenPercentOrThreeTenthsOfASecond(t *testing.T) {
	short := compared(t, fidelity.NodeRemoved, fidelity.Seconds, []float64{0.45}, []float64{0.2, 0.2, 0.2})
	assert.Equal(t, fidelity.Within, short.Verdict, "0.25 s off, less than 0.3 s")
	assert.InDelta(t, 0.25, short.Error, 1e-9)
	long := compared(t, fidelity.Green, fidelity.Seconds, []float64{11.4}, []float64{10, 10, 10})
	assert.Equal(t, fidelity.Within, long.Verdict, "14 % off")
	assert.InDelta(t, 0.14, long.Relative, 1e-9)
	off := compared(t, fidelity.Green, fidelity.Seconds, []float64{11.6}, []float64{10, 10, 10})
	assert.Equal(t, fidelity.Outside, off.Verdict)
	assert.True(t, off.Failed())
}

func TestATimeThatVariesIsComparedWithItsRangeAndFailsNothing(t *testing.T) {
	in := compared(t, fidelity.NodeJoined, fidelity.Seconds, []float64{5}, []float64{4, 8, 9})
	assert.False(t, in.Determined)
	assert.Equal(t, fidelity.InRange, in.Verdict)
	out := compared(t, fidelity.NodeJoined, fidelity.Seconds, []float64{2}, []float64{4, 8, 9})
	assert.Equal(t, fidelity.Outside, out.Verdict)
	assert.False(t, out.Failed())
}

func TestCountsAreEqualInEveryRun(t *testing.T) {
	assert.Equal(t, fidelity.Within, compared(t, fidelity.Relocations, fidelity.Count, []float64{4, 4}, []float64{4, 4}).Verdict)
	one := compared(t, fidelity.Relocations, fidelity.Count, []float64{4, 4, 5}, []float64{4, 4})
	assert.Equal(t, fidelity.Outside, one.Verdict, "the median is right, one run is not")
	assert.True(t, one.Failed())
}

func TestBytesAreWithinFivePercent(t *testing.T) {
	assert.Equal(t, fidelity.Within, compared(t, fidelity.BytesCopied, fidelity.Bytes, []float64{1040}, []float64{1000, 1001}).Verdict)
	assert.True(t, compared(t, fidelity.BytesCopied, fidelity.Bytes, []float64{1060}, []float64{1000, 1001}).Failed())
}

func TestWhatNeverHappenedForRealMustNotBeSimulated(t *testing.T) {
	sim := runs(fidelity.Red, fidelity.Seconds, 1, 1, 1)
	real := runs(fidelity.Green, fidelity.Seconds, 3, 3, 3)
	table, err := fidelity.Compare("some", sim, real)
	require.NoError(t, err)
	assert.True(t, table.Row("kill", fidelity.Red).Failed())
	assert.True(t, table.Row("kill", fidelity.Green).Failed(), "and what always happened must be")
	assert.True(t, table.Failed())
}

func TestNeighboursInTheOrderOfMovesMaySwapAndOthersMayNot(t *testing.T) {
	moves := func(all ...string) fidelity.Run {
		return fidelity.Run{Phases: []fidelity.Phase{{Name: "rebalance", Moves: all}}}
	}
	real := []fidelity.Run{moves("a", "b", "c"), moves("b", "a", "c")}
	same, err := fidelity.Compare("some", []fidelity.Run{moves("a", "c", "b")}, real)
	require.NoError(t, err)
	require.Len(t, same.Orders, 1)
	assert.True(t, same.Orders[0].Determined)
	assert.False(t, same.Failed())
	other, err := fidelity.Compare("some", []fidelity.Run{moves("c", "b", "a")}, real)
	require.NoError(t, err)
	assert.True(t, other.Failed())
}

func TestPhasesThatOnlyTheScenarioHasComeFirstAndAreLeftOut(t *testing.T) {
	sim := []fidelity.Run{{Phases: []fidelity.Phase{{Name: "link"}, runs(fidelity.Green, fidelity.Seconds, 2)[0].Phases[0]}}}
	table, err := fidelity.Compare("some", sim, runs(fidelity.Green, fidelity.Seconds, 2))
	require.NoError(t, err)
	assert.Equal(t, fidelity.Within, table.Row("kill", fidelity.Green).Verdict)
	_, err = fidelity.Compare("some", runs(fidelity.Green, fidelity.Seconds, 2), sim)
	assert.ErrorContains(t, err, "phases")
}

func TestTheTableIsWrittenAsTextMarkdownJSONAndPlot(t *testing.T) {
	table, err := fidelity.Compare("some", runs(fidelity.Green, fidelity.Seconds, 4.2, 4.4), runs(fidelity.Green, fidelity.Seconds, 4, 4.1, 4.2))
	require.NoError(t, err)
	table.RealFrom = "a test"
	var text bytes.Buffer
	require.NoError(t, table.Text(&text))
	assert.Contains(t, text.String(), "4.30 s (4.20 s…4.40 s) n=2")
	assert.Contains(t, string(table.Markdown()), "| kill | green | 4.30 s")
	data, err := table.JSON()
	require.NoError(t, err)
	var back struct {
		Schema string
		Rows   []fidelity.Row
		Failed bool
	}
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, "shardquake.fidelity/1", back.Schema)
	assert.Equal(t, table.Rows, back.Rows)
	svg, err := table.SVG()
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(svg), "<svg "))
	assert.Contains(t, string(svg), "kill: green")
}

func TestFaultsAreSpreadOverTheTimersPhases(t *testing.T) {
	faults := []chaos.Entry{
		{At: units.Duration(time.Second), Fault: &chaos.Partition{Between: []chaos.Selector{"n1"}, And: []chaos.Selector{"rest"}, For: units.Duration(20 * time.Second)}},
		{At: units.Duration(2 * time.Second), Fault: &chaos.NodeJoin{Node: "n4"}},
	}
	seen := make(map[units.Duration]bool)
	for i := range 5 {
		s := &scenarios.Loaded{Scenario: &scenarios.Scenario{
			Faults: faults, Duration: units.Duration(time.Minute), Workload: []scenarios.LoadSection{{From: units.Duration(3 * time.Second)}, {}},
		}}
		moved, err := fidelity.Moved(s, i, 5)
		require.NoError(t, err)
		first := moved.Faults[0]
		seen[first.At] = true
		assert.Equal(t, units.Duration(time.Second), moved.Faults[1].At-first.At, "faults keep their distance")
		assert.GreaterOrEqual(t, first.Fault.Lasts(), 20*time.Second)
		assert.Less(t, first.Fault.Lasts(), 21*time.Second)
		assert.Equal(t, []chaos.Selector{"rest"}, first.Fault.(*chaos.Partition).And)
		assert.Equal(t, first.At.D()-time.Second+first.Fault.Lasts()-20*time.Second, moved.Duration.D()-time.Minute, "the run is as much longer")
		assert.Equal(t, 2*time.Second, (moved.Workload[0].From - first.At).D(), "load that begins with a fault moves with it")
		assert.Zero(t, moved.Workload[1].From)
	}
	assert.Len(t, seen, 5)
	assert.Equal(t, 20*time.Second, faults[0].Fault.Lasts(), "the scenario's own plan stays as it is")
}

func TestTimesCountFromWhenTheFaultWasInForce(t *testing.T) {
	at := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	members := func(t float64, nodes ...string) observed.Observation {
		return observed.Observation{At: at(t), Sight: observed.Members{Master: "n1", Nodes: nodes}}
	}
	health := func(t float64, status string, unassigned int) observed.Observation {
		return observed.Observation{At: at(t), Sight: observed.Health{Status: status, Master: true, Unassigned: unassigned}}
	}
	res := &scenarios.Result{History: &observed.History{
		End: at(60), Closed: at(60),
		Faults: []*chaos.Record{{Kind: "node-loss", Params: &chaos.NodeLoss{Node: "n3"}, Victims: []string{"n3"}, Injected: true, At: at(10), InForce: at(10.2), HealedAt: -1}},
		Observations: []observed.Observation{
			members(0, "n1", "n2", "n3"), health(0, "green", 0),
			members(10.5, "n1", "n2"), health(10.5, "yellow", 4), health(15.2, "green", 0),
		},
	}}
	run := fidelity.Quantities(res, "seed 1")
	require.Len(t, run.Phases, 1)
	assert.Equal(t, "node-loss", run.Phases[0].Name)
	for name, want := range map[string]float64{fidelity.NodeRemoved: 0.3, fidelity.PrimariesActive: 0.3, fidelity.Green: 5, fidelity.Balanced: 5} {
		got, ok := run.Phases[0].Value(name)
		require.Truef(t, ok, name)
		assert.InDelta(t, want, got, 1e-9, name)
	}
	_, ok := run.Phases[0].Value(fidelity.Red)
	assert.False(t, ok)
}

func TestPhasesWithoutACounterpartAreToldAndNotCompared(t *testing.T) {
	phase := func(name string) fidelity.Phase {
		p := runs(fidelity.Green, fidelity.Seconds, 2)[0].Phases[0]
		p.Name = name
		return p
	}
	compare := func(sim, real []fidelity.Phase) *fidelity.Table {
		table, err := fidelity.Compare("x", []fidelity.Run{{Phases: sim}}, []fidelity.Run{{Phases: real}})
		require.NoError(t, err)
		return table
	}
	table := compare([]fidelity.Phase{phase("settings"), phase("node-loss"), phase("node-loss healed")}, []fidelity.Phase{phase("node-loss"), phase("node-loss healed")})
	assert.Equal(t, []string{"phase settings of the simulated runs has no counterpart and is not compared"}, table.Notes)
	assert.NotNil(t, table.Row("node-loss", fidelity.Green))

	table = compare([]fidelity.Phase{phase("partition"), phase("node-loss #2")}, []fidelity.Phase{phase("node-loss"), phase("node-loss")})
	assert.Equal(t, []string{
		"phase partition of the simulated runs and phase node-loss of the real ones are of different kinds and are not compared",
		"phase node-loss of the real runs is compared with phase node-loss #2 of the simulated ones",
	}, table.Notes)
	assert.Len(t, table.Rows, 1)

	table = compare([]fidelity.Phase{phase("node-loss")}, []fidelity.Phase{phase("crash")})
	assert.Equal(t, []string{"phase crash of the real runs is compared with phase node-loss of the simulated ones"}, table.Notes, "a recording has names of its own")
	assert.NotNil(t, table.Row("crash", fidelity.Green))
}
