package losses

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/planning"
)

func TestTheAxisOfGrowthTellsItsValuesApart(t *testing.T) {
	value := func(v float64) *float64 { return &v }
	first := 0
	g := &planning.Growth{
		Days: []planning.Day{
			{Day: 0, Disk: []planning.KindFigure{{Kind: planning.Nothing, Value: value(0.6)}}},
			{Day: 70, Disk: []planning.KindFigure{{Kind: planning.Nothing, Value: value(1.8)}}},
		},
		Breaks: []planning.Break{{Objective: "survive node", After: "node", Day: &first}, {Objective: "green within 5m", After: "node", Day: &first}},
	}
	drawn := string(growthChart(g))
	assert.Contains(t, drawn, "0.6 %")
	assert.Contains(t, drawn, "1.8 %")
	at := regexp.MustCompile(`<text x="([\d.]+)" y="[\d.]+">[12]<`).FindAllStringSubmatch(drawn, -1)
	require.Len(t, at, 2)
	assert.NotEqual(t, at[0][1], at[1][1], "the numbers of marks at one place stand side by side")
}
