package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
)

func TestARealRunIsToldBesideItsPrediction(t *testing.T) {
	ran := func(green float64) *reports.Report {
		r := &reports.Report{Verdict: scenarios.Pass}
		r.Scores.Recovery.TimeToGreenS = &green
		return r
	}
	var out strings.Builder
	require.NoError(t, writePrediction(&out, ran(14), ran(16)))
	assert.Contains(t, out.String(), "the same file and seed simulated: pass, for real: pass")
	assert.Regexp(t, `time to green +14\.00 s +16\.00 s +-2\.00 s \(-12 % of the real one\)`, out.String())
	assert.NotContains(t, out.String(), "moves", "what agrees is left out")
}
