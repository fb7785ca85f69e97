package scenariotest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// lines are the controller's log lines that contain a text.
func lines(res *scenarios.Result, text string) []scenarios.LogLine {
	var out []scenarios.LogLine
	for _, l := range res.LogLines {
		if strings.Contains(l.Text, text) {
			out = append(out, l)
		}
	}
	return out
}

func TestAChangeIsMadeOnceWhenItsMasterDiesOverIt(t *testing.T) {
	for name, opts := range map[string][]scenariotest.Option{
		// The seed is one of an election, which there is none of where a cluster starts formed.
		"the node that was asked is the master": {scenariotest.Seed(1), scenariotest.Set("cluster.start=cold"), scenariotest.Set("faults[1].at=1300ms")},
		"it is another":                         nil,
	} {
		t.Run(name, func(t *testing.T) {
			res := scenariotest.Run(t, "master-lost-in-mid-call", opts...)
			begun, done := lines(res, "Triggering shard rebalancing"), lines(res, "Shard rebalancing triggered successfully")
			require.Len(t, begun, 1)
			require.Len(t, done, 1)
			killed := res.History.Faults[1].At
			assert.Less(t, begun[0].At, killed, "the call was under way")
			assert.Greater(t, done[0].At, killed, "and came to its end under another master")
		})
	}
}

func TestClockJumpsShowInTheRecordsAndNowhereElse(t *testing.T) {
	res := scenariotest.Run(t, "clock-jumps")
	var days []string
	for _, l := range lines(res, "controller: ") {
		if day := strings.Fields(l.Text)[1]; len(days) == 0 || days[len(days)-1] != day {
			days = append(days, day)
		}
	}
	assert.Equal(t, []string{"2024/01/01", "2024/01/02", "2023/12/31"}, days, "the wall clock as the lines show it")
	var last observed.Decision
	for _, d := range res.History.Decisions {
		if d.Controller == "controller" && d.Actor == "shard-controller" {
			if last.Seq > 0 {
				assert.InDelta(t, 10, (d.At - last.At).Seconds(), 0.5, "a round every ten seconds")
			}
			last = d
		}
	}
	assert.Greater(t, last.At.Seconds(), 100.0)
}

func TestAControllerWaitsAsLongAsItIsTold(t *testing.T) {
	res := scenariotest.Run(t, "api-refuses")
	acted := 0
	for _, d := range res.History.Decisions {
		if d.Acted {
			acted++
			assert.Greater(t, d.At.Seconds(), 35.0, "while every call is refused nothing can be done")
		}
	}
	assert.Equal(t, 1, acted)
}
