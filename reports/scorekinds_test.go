package reports_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/reports"
)

func TestEveryScoreHasANameOfItsOwnAndIsFoundWhereItWasObserved(t *testing.T) {
	full, empty := fullReport(), &reports.Report{}
	seen := map[string]bool{}
	for _, s := range reports.ScoreKinds() {
		assert.NotEmpty(t, s.Name)
		assert.False(t, seen[s.Name], "%s stands twice in the table", s.Name)
		seen[s.Name] = true
		assert.False(t, s.Minimum.Relative == 0 && s.Minimum.Absolute == 0, "%s: every difference would count", s.Name)
		assert.NotPanics(t, func() { s.Of(empty) }, s.Name)
		assert.NotNil(t, s.Of(full), "%s is not found in a report that has everything", s.Name)
	}
	assert.Len(t, reports.ScoreNames(), len(seen))
}

// fullReport has a value for every score.
func fullReport() *reports.Report {
	second, bytes := 1.0, int64(1)
	r := &reports.Report{}
	r.Scores.Recovery.TimeToDetectS, r.Scores.Recovery.TimeToYellowS, r.Scores.Recovery.TimeToGreenS = &second, &second, &second
	r.Scores.Recovery.BytesMoved = &bytes
	r.Scores.Movement = &reports.Movement{Moves: 1}
	r.Scores.Balance.Shards = &reports.BalanceOverTime{}
	r.Scores.Clients.P99Ms = &second
	r.Scores.Clients.Tracers.Attempted = 1
	return r
}
