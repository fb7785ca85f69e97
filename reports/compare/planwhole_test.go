package compare

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/planning"
)

// planned is a plan that looks so many days ahead, and on which of them it breaks; 0: on none.
func planned(until, day int) *planning.Result {
	b := planning.Break{Objective: "green within 6h", After: "node"}
	if day > 0 {
		b.Day = &day
	}
	return &planning.Result{Scenario: "shop", System: "elasticsearch", Growth: &planning.Growth{Until: until, Breaks: []planning.Break{b}}}
}

// sized is a plan whose tier needs so many nodes; 0: no fleet suffices.
func sized(nodes int, price float64) *planning.Result {
	t := planning.Sized{Tier: "hot", Verdict: planning.Right}
	if nodes > 0 {
		t.Winner, t.Fewest = &planning.Fleet{Nodes: nodes, Price: &price}, &nodes
	}
	return &planning.Result{Scenario: "shop", System: "elasticsearch", Size: &planning.Size{Tiers: []planning.Sized{t}}}
}

func wholes(t *testing.T, base, contender *planning.Result) Scenario {
	t.Helper()
	return only(t, judged(t, RecordsOfPlan(base, Origin{}), RecordsOfPlan(contender, Origin{}), 1))
}

func TestADayOnWhichGrowthBreaksAnObjectiveIsComparedWithoutASample(t *testing.T) {
	for name, c := range map[string]struct {
		base, contender *planning.Result
		want            Verdict
	}{
		"sooner":                            {planned(365, 120), planned(365, 119), Worse},
		"later":                             {planned(365, 120), planned(365, 300), Better},
		"the same day":                      {planned(365, 120), planned(365, 120), Same},
		"no longer at all":                  {planned(365, 120), planned(365, 0), Better},
		"now at all":                        {planned(365, 0), planned(365, 120), Worse},
		"never on either side":              {planned(365, 0), planned(365, 0), Same},
		"beyond what the base looks at":     {planned(90, 0), planned(365, 120), Undecided},
		"within what the base looks at":     {planned(180, 0), planned(365, 120), Worse},
		"beyond what the contender sees":    {planned(365, 120), planned(90, 0), Undecided},
		"within what the contender sees":    {planned(365, 60), planned(90, 0), Better},
		"the same though one looks further": {planned(365, 60), planned(90, 60), Same},
	} {
		s := wholes(t, c.base, c.contender)
		assert.Equal(t, c.want, s.Verdict, name)
		assert.Equal(t, "shop, growth, green within 6h after node", s.Name)
		assert.True(t, s.Exact)
	}
}

func TestASmallerOrCheaperFleetIsBetter(t *testing.T) {
	for name, c := range map[string]struct {
		base, contender *planning.Result
		want            Verdict
	}{
		"one node more":         {sized(3, 30), sized(4, 30), Worse},
		"cheaper":               {sized(3, 30), sized(3, 29.5), Better},
		"as it was":             {sized(3, 30), sized(3, 30), Same},
		"no fleet suffices now": {sized(3, 30), sized(0, 0), Worse},
		"one does now":          {sized(0, 0), sized(3, 30), Better},
	} {
		s := wholes(t, c.base, c.contender)
		assert.Equal(t, c.want, s.Verdict, name)
		assert.Equal(t, "shop, size of hot", s.Name)
	}
}

func TestADayThatIsNotKnownIsLeftOutAndSaid(t *testing.T) {
	unknown := planned(365, 0)
	unknown.Growth.Breaks[0].Reason = "day 90 could not be decided"
	known := planned(365, 120)
	known.Size, unknown.Size = sized(3, 30).Size, sized(3, 30).Size
	r := judged(t, RecordsOfPlan(known, Origin{}), RecordsOfPlan(unknown, Origin{}), 1)
	assert.Equal(t, Same, r.Verdict)
	assert.Contains(t, r.Notes, "shop, growth, green within 6h after node, new: day 90 could not be decided")
}

func TestWhatIsNoSampleTakesNothingFromTheErrorOfTheRest(t *testing.T) {
	slower := func(by float64) []Record {
		return runs(16, func(seed uint64) float64 { return 30 + float64(seed) + by + float64(seed)/100*by })
	}
	alone := judged(t, slower(0), slower(5), 1)
	with := judged(t, append(slower(0), RecordsOfPlan(planned(365, 120), Origin{})...), append(slower(5), RecordsOfPlan(planned(365, 100), Origin{})...), 1)
	require.Len(t, with.Contenders[0].Scenarios, 2)
	assert.Equal(t, alone.Contenders[0].Scenarios[0].Rows[0].Adjusted, with.Contenders[0].Scenarios[0].Rows[0].Adjusted)
	var text bytes.Buffer
	require.NoError(t, with.Text(&text))
	assert.Contains(t, text.String(), "one result of each side, no sample")
	assert.Contains(t, text.String(), "120 → 100")
}

func TestWholesOfAPlanBelongToItsLastSide(t *testing.T) {
	p := planned(365, 120)
	p.Sides = []planning.Side{{Label: "as it is"}, {Label: "changed"}}
	records := RecordsOfPlan(p, Origin{})
	require.Len(t, records, 1)
	assert.Equal(t, "changed", records[0].Label)
	assert.Equal(t, scenarios.Fail, records[0].Verdict)
}

func TestRecordsWithTolerancesAreReadAgainAsTheyWere(t *testing.T) {
	records := RecordsOfPlan(planned(365, 120), Origin{Tolerance: map[string]units.Tolerance{"moves": {Absolute: 2}}})
	run := ran(1, 30)
	run.Tolerance = map[string]units.Tolerance{"moves": {Absolute: 2}}
	run.Expectations = []Expectation{{Name: "green", Verdict: scenarios.Pass, Better: lower, Tolerance: &units.Tolerance{Relative: 0.05}}}
	records = append(records, run)
	var text bytes.Buffer
	require.NoError(t, WriteRecords(&text, records))
	read, bad, err := ReadRecords(&text)
	require.NoError(t, err)
	assert.Empty(t, bad)
	assert.Equal(t, records, read)
}
