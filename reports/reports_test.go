package reports

import (
	"bytes"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/version"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with testdata/NAME; go test ./reports -update blesses what is there.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))
}

func build(t *testing.T) *Report {
	t.Helper()
	rep, err := Build(fixture())
	require.NoError(t, err)
	return rep
}

func TestARunIsScored(t *testing.T) {
	rep := build(t)
	f := rep.Faults[0]
	assert.InDelta(t, 0.3, *f.DetectedAfterS, 1e-9)
	assert.InDelta(t, 0.3, *f.YellowAfterS, 1e-9, "never red: from the moment it was noticed")
	assert.InDelta(t, 14, *f.GreenAfterS, 1e-9)
	assert.Nil(t, f.HealedAtS)
	assert.True(t, f.Shown)
	rec := rep.Scores.Recovery
	assert.EqualValues(t, 20<<20, *rec.BytesMoved)
	assert.Equal(t, 2, rec.Files)
	assert.InDelta(t, 13.7, rec.YellowS, 1e-9)
	assert.Zero(t, rec.RedS)
	shards := rep.Scores.Balance.Shards
	assert.InDelta(t, 2.0/9, shards.Initial.Variance, 1e-8, "3/2/3 over three nodes")
	assert.InDelta(t, 0.25, shards.Final.Variance, 1e-9, "3/4 over two members; n2 is gone")
	assert.EqualValues(t, 4209, rep.Scores.Clients.Ops)
	assert.InDelta(t, 1.5, *rep.Scores.Clients.P50Ms, 1e-9)
	assert.Equal(t, &Movement{Moves: 1, Bytes: 10 << 20}, rep.Scores.Movement)
	assert.Equal(t, 1, rep.Control.Actions)
	assert.Equal(t, 2, rep.Control.Decisions)
}

func TestMovesThatCancelOutAreRedundantAndMovesOnwardAreThrash(t *testing.T) {
	h := &observed.History{}
	move := func(s float64, shard int, from, to string) {
		h.Observations = append(h.Observations,
			observed.Observation{At: sec(s), Sight: observed.Copies{{Index: "i", Shard: shard, State: "RELOCATING", Node: from, To: to, ID: "x", Bytes: 1}}},
			observed.Observation{At: sec(s + 0.5), Sight: observed.Copies{{Index: "i", Shard: shard, State: "STARTED", Node: to, ID: "y", Bytes: 1}}})
	}
	move(1, 0, "n1", "n2")
	move(2, 0, "n2", "n1") // back again
	move(3, 1, "n1", "n2")
	move(4, 1, "n2", "n3") // one move would have done
	move(5, 2, "n1", "n3")
	assert.Equal(t, Movement{Moves: 5, Bytes: 5, RedundantMoves: 3, Thrash: 2}, movementOf(h))
}

func TestTheSummaryAnswersFirstWhetherItHeld(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Summary(&out, build(t), SummaryOptions{Dir: "shardquake-out/told-by-hand/1"}))
	golden(t, "summary.txt", out.Bytes())
	for _, line := range strings.Split(out.String(), "\n") {
		assert.LessOrEqual(t, len([]rune(line)), 120, line)
	}
}

// A backend that tells where copies are, but neither their sizes nor what was sent to make
// them, gets no zeros for it.
func TestWhatWasNotObservedIsNoZero(t *testing.T) {
	res := fixture()
	res.Scenario.System = "kv"
	for _, o := range res.History.Observations {
		copies, _ := o.Sight.(observed.Copies)
		for i := range copies {
			copies[i].Bytes = -1
		}
	}
	rep, err := Build(res)
	require.NoError(t, err)
	assert.NotNil(t, rep.Scores.Balance.Shards)
	assert.Nil(t, rep.Scores.Balance.Bytes)
	assert.Nil(t, rep.Scores.Movement)
	assert.Nil(t, rep.Scores.Recovery.BytesMoved)
	assert.Nil(t, rep.Scores.Recovery.PerFault[0].BytesMoved)
	var out strings.Builder
	require.NoError(t, Summary(&out, rep, SummaryOptions{}))
	page, err := HTML(rep, res, "shardquake replay DIR")
	require.NoError(t, err)
	for _, text := range []string{out.String(), string(Markdown(rep, "")), string(page)} {
		assert.NotContains(t, text, "0b")
		assert.NotContains(t, text, "thrash)")
	}
	for _, q := range quantitiesOf([]*Report{rep}) {
		assert.NotContains(t, []string{"bytes copied", "moves", "thrash"}, q.Name)
	}
	assert.NotContains(t, out.String(), "report  ", "nothing was written, so there is nothing to look at")
}

func TestAFolderThatNothingCanBeWrittenToIsToldBeforehand(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Writable(filepath.Join(dir, "new", "deeper")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, entries, "asking leaves nothing behind")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	assert.ErrorContains(t, Writable(filepath.Join(dir, "file", "run")), "output folder")
}

func TestTheFilesOfARunAreAsBlessed(t *testing.T) {
	rep := build(t)
	rep.Version = version.Build{Version: "v0.1.0", Revision: "f02d0065cb3f"}
	text, err := marshal(rep)
	require.NoError(t, err)
	golden(t, "report.json", text)
	golden(t, "summary.md", Markdown(rep, "shardquake replay DIR"))
	junit, err := JUnit([]*Report{rep})
	require.NoError(t, err)
	golden(t, "junit.xml", junit)
	require.NoError(t, xml.Unmarshal(junit, new(junitSuites)))
	trace, err := Trace(fixture())
	require.NoError(t, err)
	golden(t, "trace.jsonl", trace)
}

func TestTheSameRunWritesTheSameBytes(t *testing.T) {
	a, b := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "a")
	for _, dir := range []string{a, b} {
		_, err := Write(dir, fixture())
		require.NoError(t, err)
	}
	entries, err := os.ReadDir(a)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(entries), 9)
	for _, e := range entries {
		one, err := os.ReadFile(filepath.Join(a, e.Name()))
		require.NoError(t, err)
		two, err := os.ReadFile(filepath.Join(b, e.Name()))
		require.NoError(t, err)
		one, two = bytes.ReplaceAll(one, []byte(a), nil), bytes.ReplaceAll(two, []byte(b), nil)
		assert.True(t, bytes.Equal(one, two), e.Name())
	}
}

func TestThePageWorksOfflineAndCarriesTheRun(t *testing.T) {
	res := fixture()
	page, err := HTML(build(t), res, "shardquake replay DIR")
	require.NoError(t, err)
	text := string(page)
	for _, want := range []string{"told-by-hand", "green after node-loss", "kill n2", `"counts":[`, `"shards":[`, "shardquake replay DIR"} {
		assert.Contains(t, text, want)
	}
	withoutNames := strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
	assert.NotContains(t, withoutNames, "http://", "nothing is fetched")
	assert.NotContains(t, withoutNames, "https://")
}

func TestOutputIsAllOrNothing(t *testing.T) {
	foreign := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(foreign, "thesis.doc"), nil, 0o600))
	_, err := Write(foreign, fixture())
	assert.ErrorContains(t, err, "holds files that no run has left there")

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Write(filepath.Join(file, "out"), fixture())
	require.Error(t, err)

	dir := filepath.Join(t.TempDir(), "out")
	_, err = Write(dir, fixture())
	require.NoError(t, err)
	res := fixture()
	res.Seed = 2
	_, err = Write(dir, res)
	require.NoError(t, err, "an earlier run is replaced")
	rep, err := ReadReport(dir)
	require.NoError(t, err)
	assert.EqualValues(t, 2, rep.Seed)
	plan, text, err := ReadPlan(dir)
	require.NoError(t, err)
	assert.Equal(t, fixture().Plan, plan.Plan)
	assert.Equal(t, fixture().Text, text)
	left, err := os.ReadDir(filepath.Dir(dir))
	require.NoError(t, err)
	assert.Len(t, left, 1, "nothing temporary stays")
}

func TestASweepNamesTheWorstSeed(t *testing.T) {
	var all []*Report
	for seed, green := range []float64{14, 59, 20} {
		rep := build(t)
		rep.Seed, rep.Verdict = uint64(seed+1), scenarios.Pass
		rep.Expectations = rep.Expectations[:1]
		limit, margin := 60.0, 60-green
		rep.Expectations[0].Observed, rep.Expectations[0].Limit, rep.Expectations[0].Margin = &green, &limit, &margin
		all = append(all, rep)
	}
	s := SweepOf(all)
	assert.EqualValues(t, 2, s.Worst)
	assert.Equal(t, 3, s.Passed)
	assert.Equal(t, "green after node-loss", s.Quantities[0].Name)
	assert.InDelta(t, 20, s.Quantities[0].Median, 1e-9)
	all[2].Verdict = scenarios.Fail
	assert.EqualValues(t, 3, SweepOf(all).Worst, "a failure is worse than a small margin")
}

func TestARunIsComparedWithItsBaseline(t *testing.T) {
	base, now := build(t), build(t)
	diffs, err := Compare(base, now)
	require.NoError(t, err)
	assert.Empty(t, diffs)
	slower := 70.0
	now.Expectations[0].Observed, now.Expectations[0].Verdict = &slower, scenarios.Fail
	diffs, err = Compare(base, now)
	require.NoError(t, err)
	require.Len(t, diffs, 1)
	assert.True(t, diffs[0].Worse)
	now.Scenario = "another"
	_, err = Compare(base, now)
	assert.Error(t, err)
}

func TestVirtualTimeIsNotWallTime(t *testing.T) {
	a, b := fixture(), fixture()
	b.Wall = time.Hour
	one, err := Build(a)
	require.NoError(t, err)
	two, err := Build(b)
	require.NoError(t, err)
	two.WallS = one.WallS
	assert.Equal(t, one, two, "only wall_s may differ between two runs")
}
