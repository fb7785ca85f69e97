package es

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
)

func varying(t *testing.T, entries ...string) *scenarios.Loaded {
	t.Helper()
	s, err := scenarios.Parse("sample.yaml", []byte(sample+"vary:\n  "+strings.Join(entries, "\n  ")+"\n"), testVocabulary)
	require.NoError(t, err)
	return s
}

func drawn(t *testing.T, s *scenarios.Loaded, seed uint64) *scenarios.Loaded {
	t.Helper()
	out, err := s.Drawn(seed)
	require.NoError(t, err)
	return out
}

func TestEachSeedDrawsAndDrawsTheSameAgain(t *testing.T) {
	s := varying(t, "faults[0].at: 2s..50s", "cluster.indices[0].size: 1mb..100mb", "workload[0].writes: 5/s..50/s", "faults[0].node-loss.node: [n1, n2, n3]", "cluster.indices[0].shards: 3..6")
	times, shards, nodes := map[string]bool{}, map[int]bool{}, map[string]bool{}
	for seed := range uint64(40) {
		a, b := drawn(t, s, seed+1), drawn(t, s, seed+1)
		require.Equal(t, a.Draws, b.Draws)
		at, size, writes := a.Faults[0].At, a.Cluster.Indices[0].Size, a.Workload[0].Writes
		assert.True(t, at.D().Seconds() >= 2 && at.D().Seconds() <= 50, at)
		assert.True(t, size >= 1<<20 && size <= 100<<20, size)
		assert.True(t, writes >= 5 && writes <= 50, writes)
		assert.EqualValues(t, max(1, int64(size)/1024), a.Cluster.Indices[0].Docs, "defaults are those of the drawn values")
		times[at.String()], shards[a.Cluster.Indices[0].Shards] = true, true
		nodes[a.Draws[3].Value] = true
		assert.Equal(t, s.Expect[0].Line, a.Expect[0].Line)
	}
	assert.Greater(t, len(times), 35)
	assert.Len(t, shards, 4, "both ends may be drawn")
	assert.Len(t, nodes, 3)
	assert.Equal(t, "5s", s.Faults[0].At.String(), "the file's own value stands where nothing is drawn")
	assert.Nil(t, s.Draws)
}

func TestOneMoreThingThatVariesShiftsNoOther(t *testing.T) {
	one := varying(t, "faults[0].at: 2s..50s")
	two := varying(t, "cluster.indices[0].size: 1mb..100mb", "faults[0].at: 2s..50s")
	for seed := uint64(1); seed < 10; seed++ {
		assert.Equal(t, drawn(t, one, seed).Draws[0], drawn(t, two, seed).Draws[1])
	}
}

func TestDrawnValuesComeBeforeWhatIsChangedBesideTheFile(t *testing.T) {
	s := varying(t, "controller.interval: 10s..90s").WithPolicy("none")
	a := drawn(t, s, 3)
	assert.Equal(t, "none", a.Controller.Policy)
	assert.Equal(t, a.Draws[0].Value, a.Controller.Interval.String())
	assert.Empty(t, a.Expect)
}

// The sample has 15 lines, so that vary: is line 16 and its first entry line 17.
func TestWhatCantVaryIsToldAtItsPlace(t *testing.T) {
	for entry, want := range map[string]string{
		"faults[0].at: 8s..2s":                "sample.yaml:17:17: faults[0].at: the range 8s..2s is inverted",
		"faults[0].at: 8s..8s":                "sample.yaml:17:17: faults[0].at: the range 8s..8s is empty",
		"faults[0].at: 2s..8mb":               "2s..8mb is not a range; expected two times, sizes",
		"faults[0].at: 2s..9":                 "2s..9 is not a range",
		"faults[0].at: 2s":                    `sample.yaml:17:17: faults[0].at: "2s" leaves nothing to draw from; expected a range such as 2m..8m`,
		"faults[0].at: []":                    "the list is empty",
		"faults[0].at: {a: b}":                "expected a range such as 2m..8m",
		"faults[0].at: [[2s]]":                "is not a single value",
		"faults[0].at: 2s..2m":                "sample.yaml:17:17: faults[0].at can't be 2m: the fault strikes at 2m, but the run ends at 1m",
		"faults[3].at: 2s..8s":                "sample.yaml:17:17: faults[3].at can't be 2s",
		"fualts[0].at: 2s..8s":                `sample.yaml:17:17: fualts[0].at can't be 2s`,
		"faults[0].att: 2s..8s":               `did you mean "at"?`,
		"faults[0].node-loss.node: [n1, n7]":  `sample.yaml:17:29: faults[0].node-loss.node can't be n7: there is no node "n7"`,
		"cluster.nodes.count: 3..9000":        "cluster.nodes.count can't be 9000: 9000 nodes; expected 1 to 5000",
		"cluster.indices[0].shards: 1.5..4.5": `"1.5" is not a whole number`,
		"seed: 1..9":                          "sample.yaml:17:9: seed: seed is the same for every seed and can't vary",
		"faults[0]..at: 2s..8s":               "sample.yaml:17:3: ",
	} {
		_, err := scenarios.Parse("sample.yaml", []byte(sample+"vary:\n  "+entry+"\n"), testVocabulary)
		assert.ErrorContains(t, err, want, entry)
	}
	_, err := scenarios.Parse("sample.yaml", []byte(sample+"vary: 3\n"), testVocabulary)
	assert.ErrorContains(t, err, "sample.yaml:16:7: expected paths with ranges or lists")
}

func TestACombinationThatIsRefusedIsToldWithItsValues(t *testing.T) {
	s := varying(t, "faults[0].at: 2s..40s", "duration: 50s..1m")
	assert.Len(t, drawn(t, s, 1).Draws, 2)

	_, err := scenarios.Parse("sample.yaml", []byte(sample+"vary:\n  cluster.indices[0].size: 10mb..1400mb\n  cluster.nodes.disk: [1gb, 900mb]\n"), testVocabulary)
	require.ErrorContains(t, err, "sample.yaml:17:3: with cluster.indices[0].size=1400mb, cluster.nodes.disk=900mb: ")
	require.ErrorIs(t, err, scenarios.ErrScenario)

	s = varying(t, "faults[0].at: 2s..50s", "duration: [1m, 8s, 1m]")
	refused := 0
	for seed := uint64(1); seed <= 30; seed++ {
		if _, err := s.Drawn(seed); err != nil {
			refused++
			assert.ErrorContains(t, err, "duration=8s: the fault strikes at")
			assert.ErrorIs(t, err, scenarios.ErrScenario)
		}
	}
	assert.True(t, refused > 0 && refused < 20, refused)
}

func TestWhatVariesIsHeldByAListOfOne(t *testing.T) {
	text := []byte(sample + "vary:\n  faults[0].at: 2s..50s\n")
	_, err := scenarios.ParseSet("sample.yaml", text, []string{"faults[0].at=9s"}, testVocabulary)
	require.ErrorContains(t, err, `the file varies faults[0].at; for one value say --set 'vary."faults[0].at"=[9s]'`)
	s, err := scenarios.ParseSet("sample.yaml", text, []string{`vary."faults[0].at"=[9s]`}, testVocabulary)
	require.NoError(t, err)
	assert.Equal(t, "9s", drawn(t, s, 4).Faults[0].At.String())
}
