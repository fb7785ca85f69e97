package datemath_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/datemath"
)

// sunday is one late in the evening, so that days, weeks and zones round apart.
var sunday = time.Date(2026, 3, 1, 23, 30, 45, 0, time.UTC)

func TestWhatStandsInBracesIsAMoment(t *testing.T) {
	for expression, want := range map[string]string{
		"logs":                               "logs",
		"<logs>":                             "logs",
		"<logs-{now}>":                       "logs-2026.03.01",
		"<logs-{now/M}>":                     "logs-2026.03.01",
		"<logs-{now-1d/d}>":                  "logs-2026.02.28",
		"<logs-{now/M-1M{yyyy.MM}}>":         "logs-2026.02",
		"<logs-{now/d{yyyy-MM-dd|+02:00}}>":  "logs-2026-03-02",
		"<{now/y{yyyy}}-{now/h{HH.mm}}-end>": "2026-23.00-end",
		`<a\{b\}>`:                           "",
	} {
		got, err := datemath.Name(expression, sunday)
		if want == "" {
			assert.Error(t, err, expression)
			continue
		}
		require.NoError(t, err, expression)
		assert.Equal(t, want, got, expression)
	}
}

func TestAWeekBeginsOnMonday(t *testing.T) {
	got, err := datemath.Add(sunday, "/w")
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, 2, 23, 0, 0, 0, 0, time.UTC), got)
}

func TestStepsAreTakenInOrder(t *testing.T) {
	rounded, err := datemath.Add(sunday, "/d+1h")
	require.NoError(t, err)
	moved, err := datemath.Add(sunday, "+1h/d")
	require.NoError(t, err)
	assert.Equal(t, time.Date(2026, 3, 1, 1, 0, 0, 0, time.UTC), rounded)
	assert.Equal(t, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), moved, "it was past midnight before it was rounded")
}

func TestWhatIsNoDateMathIsRefusedWithTheReason(t *testing.T) {
	for expression, want := range map[string]string{
		"<logs-{now/d>":              "date math placeholder is open ended",
		"<logs-{now*1d}>":            "operator not supported for date math",
		"<logs-{now+1}>":             "operator not supported for date math",
		"<logs-{now+1x}>":            "unit [x] not supported for date math",
		"<l-{now{yyyy|Asia/Tokyo}}>": "time zones by name, such as [Asia/Tokyo]",
	} {
		_, err := datemath.Name(expression, sunday)
		assert.ErrorContains(t, err, want, expression)
	}
}
