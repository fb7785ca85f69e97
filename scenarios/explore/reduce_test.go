package explore_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/explore"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// failure is one that is made up: it needs faults of these kinds, and of the cluster at
// least so much.
type failure struct {
	kinds      []string
	nodes      int
	index      string
	shards     int
	reads      float64
	controller bool
}

// shows reports whether a scenario has all that it needs.
func (p failure) shows(s *scenarios.Scenario) bool {
	for _, k := range p.kinds {
		if !slices.ContainsFunc(s.Faults, func(e chaos.Entry) bool { return e.Fault.Kind() == k }) {
			return false
		}
	}
	at := slices.IndexFunc(s.Cluster.Indices, func(ix scenarios.IndexSection) bool { return ix.Name == p.index })
	reads := 0.0
	for _, w := range s.Workload {
		if w.Index == p.index {
			reads += float64(w.Reads)
		}
	}
	return s.Cluster.Nodes.Count >= p.nodes && at >= 0 && s.Cluster.Indices[at].Shards >= p.shards && reads >= p.reads && (s.Controller != nil || !p.controller)
}

// play answers a run by whether it shows.
func (p failure) play(_ context.Context, l *scenarios.Loaded, _ uint64) (*scenarios.Result, error) {
	res := &scenarios.Result{Scenario: l.Scenario, History: &observed.History{}}
	for _, e := range l.Expect {
		o := scenarios.Outcome{Name: e.Kind(), Verdict: scenarios.Pass, Line: e.Line, Reason: "it is said"}
		if p.shows(l.Scenario) {
			o.Verdict = scenarios.Fail
		}
		res.Outcomes = append(res.Outcomes, o)
	}
	return res, nil
}

// wide is a search in a cluster with much of everything.
func wide(t *testing.T) explore.Config {
	t.Helper()
	l, err := scenarios.Load("testdata/wide.yaml", nil, catalog.Vocabulary())
	require.NoError(t, err)
	return explore.Config{Scenario: l, Vocabulary: catalog.Vocabulary(), Seed: 1, Plans: 200, First: true, Workers: 2, Tries: 100}
}

// Of failures that need up to three faults and anything of the cluster: nine in ten are made
// as small as they can be within a hundred runs, and of none more faults are left than it
// needs.
func TestPlantedFailuresAreMadeSmallWithinAHundredRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 1))
	within, all := 0, 0
	var runs []int
	for all < 30 {
		kinds := []string{"node-loss", "disk-slow", "link", "create-index", "drain", "partition"}
		rng.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
		p := failure{
			kinds: kinds[:1+rng.IntN(3)], nodes: 1 + rng.IntN(7), index: []string{"logs", "users", "orders"}[rng.IntN(3)],
			shards: 1 + rng.IntN(3), controller: rng.IntN(2) == 0,
		}
		if p.index != "orders" { // of which nobody reads
			p.reads = float64(rng.IntN(21))
		}
		cfg := wide(t)
		cfg.Seed, cfg.Play = uint64(all+1), p.play
		r := search(t, cfg)
		require.NotEmpty(t, r.Found, "%+v", p)
		f := r.Found[0]
		all++
		require.LessOrEqual(t, f.Tries, 100)
		runs = append(runs, f.Tries)
		if f.Minimal && f.Smallest {
			within++
		}
		assert.LessOrEqual(t, len(f.Plan.Entries), len(p.kinds), "%+v: %v", p, f.Plan)
	}
	slices.Sort(runs)
	t.Logf("%d of %d were as small as can be within 100 runs; half of them within %d, nine in ten within %d", within, all, runs[all/2], runs[all*9/10])
	assert.GreaterOrEqual(t, within, all*9/10)
}

func TestWhatAFailureDoesNotNeedIsTakenAway(t *testing.T) {
	p := failure{kinds: []string{"create-index"}, nodes: 4, index: "users", shards: 2, reads: 12}
	cfg := wide(t)
	cfg.Play = p.play
	r := search(t, cfg)
	require.Len(t, r.Found, 1)
	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	l, err := scenarios.Load(filepath.Join(dir, r.Found[0].File), nil, catalog.Vocabulary())
	require.NoError(t, err)
	assert.True(t, p.shows(l.Scenario), "it shows the failure")
	assert.Nil(t, l.Controller)
	assert.Len(t, l.Faults, 1)
	require.Len(t, l.Cluster.Indices, 1)
	assert.Equal(t, "users", l.Cluster.Indices[0].Name)
	assert.Less(t, l.Cluster.Indices[0].Shards, 4)
	assert.Equal(t, 1, *l.Cluster.Indices[0].Replicas, "a copy to fall back on stays")
	assert.Less(t, l.Cluster.Nodes.Count, 7)
	require.Len(t, l.Workload, 1)
	assert.InDelta(t, 12.5, float64(l.Workload[0].Reads), 0.6)
	assert.Less(t, float64(l.Workload[0].Writes), 2.0)
	assert.Contains(t, r.Found[0].Smaller, "no controller")
	assert.Contains(t, r.Found[0].Smaller, "indices 3 → 1")
	var text strings.Builder
	require.NoError(t, explore.Summary(&text, r, dir))
	assert.Contains(t, text.String(), "around them no controller")
}

// A smaller cluster that breaks the claim without the plan, or of which the plan takes a larger
// part than the budget allows, shows nothing.
func TestWhatBreaksASmallerClusterWithoutThePlanIsNotWhatWasFound(t *testing.T) {
	cfg := wide(t)
	cfg.Play = func(_ context.Context, l *scenarios.Loaded, _ uint64) (*scenarios.Result, error) {
		res := &scenarios.Result{Scenario: l.Scenario, History: &observed.History{}}
		fails := len(l.Faults) > 0 || len(l.Cluster.Indices) < 3 || l.Controller == nil
		for _, e := range l.Expect {
			o := scenarios.Outcome{Name: e.Kind(), Verdict: scenarios.Pass, Line: e.Line}
			if fails {
				o.Verdict = scenarios.Fail
			}
			res.Outcomes = append(res.Outcomes, o)
		}
		return res, nil
	}
	r := search(t, cfg)
	require.NotEmpty(t, r.Found)
	assert.NotContains(t, r.Found[0].Smaller, "no controller")
	assert.NotContains(t, strings.Join(r.Found[0].Smaller, ", "), "indices")
	assert.NotEmpty(t, r.Found[0].Smaller, "load and data are")
}

func TestOfALostNodeAsManyStayAsTheBudgetIsAPartOf(t *testing.T) {
	cfg := wide(t) // two of seven may be down
	cfg.Play = failure{kinds: []string{"node-loss"}, index: "users"}.play
	r := search(t, cfg)
	require.NotEmpty(t, r.Found)
	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	l, err := scenarios.Load(filepath.Join(dir, r.Found[0].File), nil, catalog.Vocabulary())
	require.NoError(t, err)
	assert.GreaterOrEqual(t, l.Cluster.Nodes.Count, 4, "a cluster of three that loses one loses a larger part")
	assert.Less(t, l.Cluster.Nodes.Count, 7)
}

// A fault that names a node which only the large cluster has is aimed at one that stays.
func TestNodesThatAFaultNamesGoWhereTheFailureDoesNotNeedThem(t *testing.T) {
	byName := func(e chaos.Entry) bool {
		f, is := e.Fault.(*chaos.NodeLoss)
		return is && strings.HasPrefix(string(f.Node), "n") && !strings.Contains(string(f.Node), "(")
	}
	cfg := wide(t)
	cfg.Play = func(_ context.Context, l *scenarios.Loaded, _ uint64) (*scenarios.Result, error) {
		res := &scenarios.Result{Scenario: l.Scenario, History: &observed.History{}}
		high := slices.ContainsFunc(l.Faults, byName) && (l.Name == "wide-breaks-no-red-longer-than" || slices.ContainsFunc(l.Faults, func(e chaos.Entry) bool {
			return byName(e) && e.Fault.(*chaos.NodeLoss).Node >= "n6" // so that the first that is found names one of the last
		}))
		for _, e := range l.Expect {
			o := scenarios.Outcome{Name: e.Kind(), Verdict: scenarios.Pass, Line: e.Line}
			if high {
				o.Verdict = scenarios.Fail
			}
			res.Outcomes = append(res.Outcomes, o)
		}
		return res, nil
	}
	r := search(t, cfg)
	require.Len(t, r.Found, 1)
	f := r.Found[0]
	require.True(t, slices.ContainsFunc(f.First.Entries, byName))
	require.Len(t, f.Plan.Entries, 1)
	assert.Contains(t, strings.Join(f.Smaller, ", "), "nodes 7 → 4")
	assert.Less(t, f.Plan.Entries[0].Fault.(*chaos.NodeLoss).Node, chaos.Selector("n5"))
	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	_, err := scenarios.Load(filepath.Join(dir, f.File), nil, catalog.Vocabulary())
	require.NoError(t, err)
}

func TestATestStandsNextToWhatWasFound(t *testing.T) {
	cfg := wide(t)
	cfg.Play = failure{kinds: []string{"disk-slow"}, index: "users"}.play
	r := search(t, cfg)
	dir := t.TempDir()
	require.NoError(t, explore.Write(dir, "", r))
	text, err := os.ReadFile(filepath.Join(dir, r.Found[0].GoTest))
	require.NoError(t, err)
	assert.Contains(t, string(text), "func TestWideBreaksNoRedLongerThan(t *testing.T) {\n\tscenariotest.Run(t, \"wide-breaks-no-red-longer-than.yaml\")")
	assert.Contains(t, string(text), "package found\n")
}
