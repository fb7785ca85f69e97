package reports

import (
	"strings"

	"github.com/shardquake/shardquake/scenarios"
)

// drawnText tells what a seed drew; "" where nothing varies.
func drawnText(draws []scenarios.Draw) string {
	var out []string
	for _, d := range draws {
		out = append(out, d.Path+" "+d.Value)
	}
	return strings.Join(out, ", ")
}

// withDraws adds to the notes what the seed drew.
func withDraws(notes []string, draws []scenarios.Draw) []string {
	if len(draws) == 0 {
		return notes
	}
	return append([]string{"drawn by this seed: " + drawnText(draws)}, notes...)
}
