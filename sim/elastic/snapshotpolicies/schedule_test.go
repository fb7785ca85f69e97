package snapshotpolicies_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/snapshotpolicies"
)

func TestASchedulesNextTimeIsTheFirstThatMatches(t *testing.T) {
	thursday := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for text, next := range map[string]string{
		"0 30 1 * * ?":         "2026-01-02T01:30:00Z",
		"0 0 13 * * ?":         "2026-01-01T13:00:00Z",
		"0 0 12 * * ?":         "2026-01-02T12:00:00Z",
		"0 0/15 * * * ?":       "2026-01-01T12:15:00Z",
		"0 0 2 ? * MON-FRI":    "2026-01-02T02:00:00Z",
		"0 0 2 ? * SAT,SUN":    "2026-01-03T02:00:00Z",
		"0 0 2 ? * 1":          "2026-01-04T02:00:00Z",
		"0 0 2 L * ?":          "2026-01-31T02:00:00Z",
		"0 0 2 ? * 6L":         "2026-01-30T02:00:00Z",
		"0 0 2 29 FEB ? *":     "2028-02-29T02:00:00Z",
		"0 0 0 1 1 ? 2030":     "2030-01-01T00:00:00Z",
		"*/20 * * * * ?":       "2026-01-01T12:00:20Z",
		"0 0 3 ? * FRI-MON":    "2026-01-02T03:00:00Z",
		"10,50 59 11,23 * * ?": "2026-01-01T23:59:10Z",
	} {
		s, err := snapshotpolicies.ParseSchedule(text)
		require.NoError(t, err, text)
		assert.Equal(t, next, s.Next(thursday, thursday).Format(time.RFC3339), text)
	}
}

func TestAScheduleOfAnIntervalCountsFromWhenItWasMade(t *testing.T) {
	made := time.Date(2026, 1, 1, 12, 10, 0, 0, time.UTC)
	s, err := snapshotpolicies.ParseSchedule("30m")
	require.NoError(t, err)
	assert.Equal(t, "2026-01-01T12:40:00Z", s.Next(made, made).Format(time.RFC3339))
	assert.Equal(t, "2026-01-01T13:40:00Z", s.Next(made.Add(time.Hour), made).Format(time.RFC3339))
	assert.Equal(t, "2026-01-01T13:10:00Z", s.Next(made.Add(59*time.Minute), made).Format(time.RFC3339))
}

func TestAScheduleThatNeverComesHasNoNextTime(t *testing.T) {
	s, err := snapshotpolicies.ParseSchedule("0 0 0 1 1 ? 1999")
	require.NoError(t, err)
	assert.Zero(t, s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}))
	s, err = snapshotpolicies.ParseSchedule("0 0 0 30 2 ?")
	require.NoError(t, err)
	assert.Zero(t, s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}))
}

func TestWhatIsNoScheduleIsRefused(t *testing.T) {
	for _, text := range []string{"", "nightly", "0s", "* * * * *", "0 0 25 * * ?", "0 0 2 ? * ?", "0 0/0 2 * * ?", "0 0 2 ? * XL", "0 0 2 * * ? 2026 1"} {
		_, err := snapshotpolicies.ParseSchedule(text)
		assert.ErrorContains(t, err, "invalid schedule ["+text+"]", text)
	}
}
