package planning_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/scenarios/importer"
	"github.com/shardquake/shardquake/scenarios/planning"
)

const march = "testdata/march.yaml"

func breaks(t *testing.T, r *planning.Result, objective, after string) planning.Break {
	t.Helper()
	require.NotNil(t, r.Growth)
	for _, b := range r.Growth.Breaks {
		if b.Objective == objective && b.After == after {
			return b
		}
	}
	require.Fail(t, "no such objective is followed", "%s after %s: %v", objective, after, r.Growth.Breaks)
	return planning.Break{}
}

func TestTheDayOnWhichAnObjectiveBreaksIsConfirmedByTheDayBefore(t *testing.T) {
	c := config(t, march)
	c.Losses = []string{planning.Node}
	r := plan(t, c)
	b := breaks(t, r, "green within 2h", "node")
	require.NotNil(t, b.Day)
	assert.True(t, b.Confirmed)
	assert.Equal(t, scenarios.Pass, b.Before.Verdict)
	assert.Equal(t, scenarios.Fail, b.Then.Verdict)
	assert.Equal(t, time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC).AddDate(0, 0, *b.Day).Format(time.DateOnly), b.Date)
	assert.Contains(t, b.Limit, "throttle: indices.recovery.max_bytes_per_sec")
	assert.Equal(t, scenarios.Pass, r.Verdict, "nobody asked for how long")
	assert.Contains(t, r.Headline, "first broken "+b.Date)
	days := r.Growth.Days
	assert.Equal(t, 0, days[0].Day)
	assert.Greater(t, days[len(days)-1].Bytes, days[0].Bytes)
	c.Set = []string{"growth.holds=26w"}
	held := plan(t, c)
	assert.Equal(t, scenarios.Fail, held.Verdict)
	assert.Equal(t, scenarios.Fail, objective(t, held.Sides[0], "green within 2h for 182 days, after node").Verdict)
	assert.Equal(t, scenarios.Pass, objective(t, held.Sides[0], "survive node for 182 days, after node").Verdict)
}

func TestWhatIsKeptForLessTimeFits(t *testing.T) {
	c := config(t, march)
	c.Losses, c.Seeds = []string{planning.Node}, 1
	c.Set = []string{`growth={streams: [{indices: "logs-*", adds: 4gb/day, keeps: 150d}], until: 26w}`}
	whole := plan(t, c)
	require.NotNil(t, breaks(t, whole, "green within 2h", "node").Day)
	c.Set = []string{`growth={streams: [{indices: "logs-*", adds: 4gb/day, keeps: 50d}], until: 26w}`}
	r := plan(t, c)
	assert.Nil(t, breaks(t, r, "green within 2h", "node").Day)
	last := r.Growth.Days[len(r.Growth.Days)-1].Bytes
	assert.InDelta(t, float64(r.Growth.Days[0].Bytes), float64(last), float64(8<<30), "as much goes as comes")
}

func TestADiskFillsUpByARateAndTheDiskIsWhatBinds(t *testing.T) {
	c := config(t, zones)
	c.Losses, c.Seeds = []string{planning.Node}, 1
	c.Set = []string{aware, "objectives.survive=[node]", "objectives.disk-below=60%", "growth={rate: 20%/week, until: 26w}"}
	r := plan(t, c)
	healthy, lost := breaks(t, r, "disks below 60%", "nothing"), breaks(t, r, "disks below 60%", "node")
	require.NotNil(t, healthy.Day)
	require.NotNil(t, lost.Day)
	assert.Less(t, *lost.Day, *healthy.Day, "there is less room without a node")
	assert.Equal(t, "disk", lost.Limit)
	assert.Empty(t, lost.Date, "nobody told the day")
}

func TestGrowthThatMakesNoSenseIsRefusedAtItsPlace(t *testing.T) {
	text, err := os.ReadFile(march)
	require.NoError(t, err)
	for _, c := range []struct{ old, new, want string }{
		{"rate: 1%/week", "rate: -1%/week", "growth can't be negative"},
		{"adds: 4gb/day", "adds: -4gb/day", "growth can't be negative"},
		{"rate: 1%/week", "rate: 1%", `expected a percentage in a day, week or year, such as 3%/week`},
		{"rate: 1%/week", "rate: 1%/month", `expected a percentage in a day, week or year`},
		{`"logs-*"`, `"lgs-*"`, `unknown index "lgs-*"`},
		{"keeps: 150d", "keeps: soon", `"soon" is not a span of days`},
		{"from: 2026-11-30", "from: 30.11.2026", `"30.11.2026" is no day`},
		{"from: 2026-11-30", "until: 4w, holds: 8w", `could never be decided`},
	} {
		require.Contains(t, string(text), c.old)
		file := filepath.Join(t.TempDir(), "march.yaml")
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), c.old, c.new, 1)), 0o600))
		_, err := planning.Run(t.Context(), config(t, file))
		require.Error(t, err, c.new)
		assert.Contains(t, err.Error(), c.want)
		assert.Contains(t, err.Error(), "march.yaml:8:")
	}
}

func TestTwoImportsTellByWhatAClusterGrows(t *testing.T) {
	now, err := importer.Import(t.Context(), importer.Options{Sources: []string{"../importer/testdata/zones.zip"}})
	require.NoError(t, err)
	dir := t.TempDir()
	save := func(cl *clusterfile.Cluster, name string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, cl.Save(path))
		return path
	}
	save(now, "now.cluster.json.gz")
	then := *now
	then.At = clusterfile.Seen(now.At.V - (7 * 24 * time.Hour).Milliseconds())
	then.Indices = nil
	for _, ix := range now.Indices {
		shards := ix.Shards
		ix.Shards = nil
		for _, s := range shards {
			copies := s.Copies
			s.Copies = nil
			for _, cp := range copies {
				cp.Bytes = clusterfile.Seen(cp.Bytes.Or(0) / 2)
				s.Copies = append(s.Copies, cp)
			}
			ix.Shards = append(ix.Shards, s)
		}
		then.Indices = append(then.Indices, ix)
	}
	file := filepath.Join(dir, "mine.yaml")
	require.NoError(t, os.WriteFile(file, importer.Draft(now, "mine", "now.cluster.json.gz"), 0o600))
	c := config(t, file)
	c.Seeds, c.Losses, c.Earlier = 1, []string{planning.Node}, save(&then, "then.cluster.json.gz")
	c.Set = []string{"objectives={survive: [node], disk-below: high}"}
	r := plan(t, c)
	require.NotNil(t, r.Growth)
	assert.Contains(t, r.Growth.How[0], "derived from two imports 168h0m0s apart")
	first, week := r.Growth.Days[0], r.Growth.Days[1]
	require.Equal(t, 7, week.Day)
	assert.InEpsilon(t, 1.5, float64(week.Bytes)/float64(first.Bytes), 0.01, "in a week it grows by what it grew in the last")
	assert.NotEmpty(t, r.Growth.From, "the day of the import")
	c.Earlier = filepath.Join(dir, "now.cluster.json.gz")
	_, err = planning.Run(t.Context(), c)
	assert.ErrorContains(t, err, "an hour older at least")
}
