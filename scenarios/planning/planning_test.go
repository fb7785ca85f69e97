package planning_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/importer"
	"github.com/shardquake/shardquake/scenarios/planning"
)

const (
	zones = "testdata/zone-not-lost.yaml"
	aware = `cluster.settings."cluster.routing.allocation.awareness.attributes"=zone`
)

func config(t *testing.T, file string) planning.Config {
	t.Helper()
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	return planning.Config{
		File: file, Vocabulary: catalog.Vocabulary(), Seeds: 2,
		Runner: func() *scenarios.Runner {
			return &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}
		},
	}
}

func plan(t *testing.T, c planning.Config) *planning.Result {
	t.Helper()
	r, err := planning.Run(t.Context(), c)
	require.NoError(t, err)
	return r
}

func loss(t *testing.T, s planning.Side, name string) planning.Measured {
	t.Helper()
	for _, l := range s.Losses {
		if l.String() == name {
			return l
		}
	}
	require.Fail(t, "there is no such loss", name)
	return planning.Measured{}
}

func objective(t *testing.T, s planning.Side, name string) planning.Judged {
	t.Helper()
	for _, o := range s.Objectives {
		if o.Name == name {
			return o
		}
	}
	require.Fail(t, "there is no such objective", name)
	return planning.Judged{}
}

func TestAZoneThatCantBeLostIsToldWithTheWorstCaseAndAChangeThatMendsIt(t *testing.T) {
	c := config(t, zones)
	c.Changes = []string{aware}
	r := plan(t, c)
	require.Len(t, r.Sides, 2)
	before, after := r.Sides[0], r.Sides[1]
	assert.Equal(t, scenarios.Fail, before.Verdict)
	zone := objective(t, before, "survive zone")
	assert.Equal(t, scenarios.Fail, zone.Verdict)
	assert.Equal(t, scenarios.Pass, objective(t, before, "survive node").Verdict)
	lost := loss(t, before, zone.Loss)
	assert.Equal(t, []string{"logs"}, lost.Red)
	assert.Nil(t, lost.YellowP95.Value, "it never is yellow again")
	assert.Contains(t, lost.Failed, "survive zone")
	require.NotEmpty(t, lost.Held)
	assert.Equal(t, scenarios.Pass, r.Verdict, "with the change: %s", r.Headline)
	assert.Contains(t, r.Headline, "it can lose what it must; the worst case is")
	mended := loss(t, after, zone.Loss)
	assert.Empty(t, mended.Red)
	require.NotNil(t, mended.GreenP95.Value)
	assert.Greater(t, *mended.GreenP95.Value, 10.0, "copies wait before they are made anew")
	assert.Greater(t, *mended.Bytes.Value, 50e6, "copies of a zone")
	assert.Greater(t, *mended.PeakDisk.Value, *loss(t, after, "nothing").PeakDisk.Value)
	assert.Equal(t, "derived", mended.GreenP95.Tag)
}

func TestAPlanNamesTheDeciderThatHoldsCopies(t *testing.T) {
	c := config(t, zones)
	c.Set = []string{aware, `cluster.settings."cluster.routing.allocation.awareness.force.zone.values"='a,b,c'`, "cluster.indices[0].replicas=2"}
	r := plan(t, c)
	assert.Equal(t, scenarios.Pass, objective(t, r.Sides[0], "survive zone").Verdict)
	assert.Equal(t, scenarios.Fail, objective(t, r.Sides[0], "green within 5m").Verdict)
	lost := loss(t, r.Sides[0], "zone a")
	require.NotEmpty(t, lost.Held)
	assert.Equal(t, "awareness", lost.Held[0].Decider)
	assert.Greater(t, *lost.Unassigned.Value, 0.0)
	assert.Contains(t, r.Headline, "it can't lose zone")
}

func TestAPlanIsTheSameForAnyNumberOfWorkers(t *testing.T) {
	var texts []string
	for _, workers := range []int{1, 2} {
		c := config(t, zones)
		c.Workers, c.Pairs = workers, true
		text, err := json.Marshal(plan(t, c))
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	assert.Equal(t, texts[0], texts[1])
	assert.Contains(t, texts[0], `"name":"n1 and n4"`)
}

func TestReplayOfALossIsTheSameRun(t *testing.T) {
	r := plan(t, config(t, zones))
	lost := loss(t, r.Sides[0], "zone b")
	words := strings.Split(lost.Replay, "--set ")[1:]
	var set []string
	for _, w := range words {
		set = append(set, strings.Trim(strings.TrimSpace(w), "'"))
	}
	s, err := scenarios.Load(zones, set, catalog.Vocabulary())
	require.NoError(t, err)
	res, err := config(t, zones).Runner().Run(t.Context(), s, scenarios.Options{Seed: 1, Scale: scenarios.AsDescribed})
	require.NoError(t, err)
	assert.Equal(t, lost.Runs[0].TraceHash, fmt.Sprintf("%016x", res.TraceHash))
}

func TestObjectivesThatMakeNoSenseAreRefusedAtTheirPlace(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"survive: [node, zone, master]", "survive: [node, zne]", `zone-not-lost.yaml:13:19: unknown loss "zne"; did you mean "zone"?`},
		{"survive: [node, zone, master]", "survives: [node]", `unknown`},
		{"green-within: 5m", "green-within: 5s", "14:17: no cluster can meet this: index.unassigned.node_left.delayed_timeout makes every index wait 10s"},
		{"green-within: 5m", "green-within: 5m\n  yellow-within: 6m", "15:18: contradicts green-within: 5m"},
		{"green-within: 5m", "green-within: 0s", "14:17: 0s is no time to recover in"},
		{"disk-below: high", "disk-below: hihg", `15:15: unknown watermark "hihg"; did you mean "high"?`},
		{"disk-below: high", "disk-below: 120%", "15:15: "},
		{"disk-below: high", "disk-below: 0%", "15:15: no disk can be that empty"},
		{"disk-below: high", "expect: [{unassigned-at-mots: 0}]", `15:13: unknown expectation "unassigned-at-mots"`},
		{"disk-below: high", "expect: [{unassigned-at-most: -1}]", "a number of copies can't be negative"},
		{"disk-below: high", "expect: [{linearizable: registers}]", "linearizable is for system kv"},
		{"disk-below: high", "expect: [{unassigned-at-most: 0, after: [rack]}]", `unknown loss "rack"`},
		{"zone: [a, b, c]", "zone: [a]", "no cluster can meet this: all nodes have zone a"},
	} {
		text, err := os.ReadFile(zones)
		require.NoError(t, err)
		require.Contains(t, string(text), c.old)
		file := filepath.Join(t.TempDir(), filepath.Base(zones))
		require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), c.old, c.new, 1)), 0o600))
		_, err = planning.Run(t.Context(), config(t, file))
		require.Error(t, err, c.new)
		assert.Contains(t, err.Error(), c.want)
	}
}

func TestLossesThatThereAreNotAreRefusedAndThoseOfAnAttributeAreTriedWithoutAwareness(t *testing.T) {
	c := config(t, zones)
	c.Losses = []string{"zne"}
	_, err := planning.Run(t.Context(), c)
	require.ErrorIs(t, err, planning.ErrConfig)
	assert.ErrorContains(t, err, `--losses: unknown loss "zne"; did you mean "zone"?`)

	c.Losses, c.Seeds, c.Set = []string{"zone"}, 1, []string{"objectives={survive: [node], green-within: 5m}"}
	r := plan(t, c)
	assert.Len(t, r.Sides[0].Losses, 4, "nothing, and each of the three zones")
	assert.Contains(t, r.Notes, "zone is no awareness attribute: the cluster does not keep copies apart by it")
	c.Losses = []string{planning.Pair}
	assert.Len(t, plan(t, c).Sides[0].Losses, 1+15, "nothing, and each pair of six nodes")

	c = config(t, shop)
	c.Losses = []string{planning.Upgrade}
	_, err = planning.Run(t.Context(), c)
	assert.ErrorContains(t, err, "nodes of system kv have one version")
}

func TestAClusterOfOneNodeHasNothingToLose(t *testing.T) {
	c := config(t, zones)
	c.Set = []string{"cluster.nodes.count=1", "cluster.indices=[]"}
	_, err := planning.Run(t.Context(), c)
	assert.ErrorContains(t, err, "no cluster can meet this: there is one node")
}

func TestAnInterruptedPlanKeepsWhatIsDoneAndDecidesNothingElse(t *testing.T) {
	c := config(t, zones)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Workers = 1
	c.Progress = func(_ string, done, _ int) {
		if done == 3 {
			cancel()
		}
	}
	r, err := planning.Run(ctx, c)
	require.ErrorIs(t, err, planning.ErrInterrupted)
	assert.Equal(t, 3, r.Done)
	assert.Len(t, loss(t, r.Sides[0], "node n1").Runs, 1)
	assert.Empty(t, loss(t, r.Sides[0], "zone c").Runs)
	assert.Equal(t, scenarios.Unknown, r.Verdict)
	assert.Contains(t, objective(t, r.Sides[0], "survive zone").Reason, "6 of 6 runs were not made")
}

func TestAnImportedClusterIsPlannedFromWhereItIs(t *testing.T) {
	bundle := "../importer/testdata/zones.zip"
	cl, err := importer.Import(t.Context(), importer.Options{Sources: []string{bundle}})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, cl.Save(filepath.Join(dir, "mine.cluster.json.gz")))
	file := filepath.Join(dir, "mine.yaml")
	require.NoError(t, os.WriteFile(file, importer.Draft(cl, "mine", "mine.cluster.json.gz"), 0o600))
	c := config(t, file)
	c.Seeds = 1
	r := plan(t, c)
	side := r.Sides[0]
	assert.Equal(t, cl.Nodes[0].Name, side.Losses[1].Name)
	assert.Equal(t, "green", side.Losses[0].Began)
	require.NotEmpty(t, r.Assumptions)
	assert.True(t, r.Assumptions[0].Hangs, "what the verdict hangs on comes first")
	assert.Equal(t, "assumed", side.Losses[1].GreenP95.Tag, "nobody told what the network can do")
	assert.NotEqual(t, "measured", side.Losses[1].PeakDisk.Tag, "a simulated number is never that")
	var zonal bool
	for _, l := range side.Losses {
		zonal = zonal || l.Kind == "zone"
		assert.Empty(t, l.Runs[0].Unknown)
	}
	assert.True(t, zonal, "the cluster is aware of zones")
}

func TestWhatVariesBySeedVariesInAPlan(t *testing.T) {
	c := config(t, zones)
	c.Set = []string{`vary={"cluster.indices[0].size": "100mb..900mb"}`}
	varied := loss(t, plan(t, c).Sides[0], "node n1")
	assert.Empty(t, varied.Runs[0].Unknown, "the loss struck")
	bytes := func(seeds int) float64 {
		c.Seeds = seeds
		return *loss(t, plan(t, c).Sides[0], "node n1").Bytes.Value
	}
	c.Set = nil
	plain := bytes(2)
	c.Set = []string{`vary={"cluster.indices[0].size": "100mb..200mb"}`}
	assert.Less(t, bytes(2), plain, "every seed drew a smaller index")
}

func TestARollingRestartTakesNodeAfterNodeAndWaitsForGreen(t *testing.T) {
	c := config(t, zones)
	c.Seeds, c.Losses = 1, []string{planning.Restart, planning.Upgrade}
	c.Set = []string{"objectives.survive=[restart, upgrade]", "objectives.downtime=90s"}
	r := plan(t, c)
	restart := loss(t, r.Sides[0], "restart")
	assert.Equal(t, scenarios.Pass, restart.Verdict, r.Headline)
	assert.Len(t, restart.Nodes, 6)
	require.NotNil(t, restart.Took.Value)
	assert.Greater(t, *restart.Took.Value, 6*(90+30.0), "each node is away for its downtime, and allocation waits for it")
	assert.Greater(t, *restart.GreenP95.Value, 30.0, "since a node is back")
	assert.Empty(t, restart.Red)
	assert.Equal(t, scenarios.Pass, loss(t, r.Sides[0], "upgrade").Verdict)
	c.Set = append(c.Set, "cluster.indices[0].replicas=0")
	alone := plan(t, c)
	assert.Equal(t, scenarios.Fail, objective(t, alone.Sides[0], "survive restart").Verdict, "what has one copy is away with its node")
	assert.Contains(t, loss(t, alone.Sides[0], "restart").RedOnce, "logs")
}

func TestADrainThatHasNoRoomLeavesCopiesOnTheNode(t *testing.T) {
	c := config(t, zones)
	c.Seeds, c.Losses = 1, []string{planning.Drain}
	c.Set = []string{"objectives.survive=[drain]", "cluster.nodes.count=3", "cluster.indices[1].replicas=1"}
	r := plan(t, c)
	assert.Equal(t, scenarios.Pass, loss(t, r.Sides[0], "drain n1").Verdict, r.Headline)
	c.Set[2] = "cluster.indices[1].replicas=2"
	r = plan(t, c)
	full := loss(t, r.Sides[0], "drain n1")
	assert.Equal(t, scenarios.Fail, full.Verdict)
	assert.Equal(t, 1, full.Left, "three copies of users need three nodes")
	assert.Nil(t, full.Took.Value)
	assert.Empty(t, full.RedOnce, "a drain that does not end harms nobody")
}

func TestProcessorsAreHeldToAnObjective(t *testing.T) {
	c := config(t, zones)
	c.Seeds, c.Losses = 1, []string{planning.Node}
	c.Set = []string{"objectives.cpu-below=5%", "objectives.survive=[node]", "workload=[{index: logs, writes: 2000/s, reads: 500/s}]"}
	r := plan(t, c)
	got := objective(t, r.Sides[0], "processors below 5%")
	assert.Equal(t, scenarios.Fail, got.Verdict, got.Reason)
	assert.Greater(t, *loss(t, r.Sides[0], "node n1").PeakCPU.Value, 5.0)
	c.Set[0] = "objectives.cpu-below=100%"
	assert.Equal(t, scenarios.Pass, objective(t, plan(t, c).Sides[0], "processors below 100%").Verdict)
}

func TestAPlanMakesOnlyTheRunsThatAChangeTouches(t *testing.T) {
	c := config(t, zones)
	c.Seeds, c.Losses, c.Cache = 1, []string{planning.Node, "zone"}, t.TempDir()
	first := plan(t, c)
	assert.Zero(t, first.Reused)
	again := plan(t, c)
	assert.Equal(t, first.Done, again.Reused)
	asText := func(r *planning.Result) string {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		return string(text)
	}
	assert.Equal(t, asText(first), asText(again), "what is kept is what was run")
	c.Seeds = 2
	more := plan(t, c)
	assert.Equal(t, first.Done, more.Reused, "the first seed is there")
	c.Seeds, c.Changes = 1, []string{aware}
	changed := plan(t, c)
	assert.Equal(t, first.Done, changed.Reused, "the cluster as it is")
	assert.Equal(t, 2*first.Done+1, changed.Done, "with the change itself")
	c.Changes, c.Set = nil, []string{"objectives.green-within=6m"}
	assert.Less(t, plan(t, c).Reused, first.Done, "another limit is another run")
}

func TestDamagedRunsThatWereKeptAreMadeAgain(t *testing.T) {
	c := config(t, zones)
	c.Seeds, c.Losses, c.Cache = 1, []string{"zone"}, t.TempDir()
	first := plan(t, c)
	files, err := filepath.Glob(filepath.Join(c.Cache, "*", "*.json"))
	require.NoError(t, err)
	require.Len(t, files, first.Done)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], text[:len(text)/2], 0o600))
	text, err = os.ReadFile(files[1])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[1], []byte(strings.Replace(string(text), `"began":"green"`, `"began":"red"`, 1)), 0o600))
	r := plan(t, c)
	assert.Equal(t, first.Done-2, r.Reused)
	assert.Equal(t, "green", r.Sides[0].Losses[0].Began)
	assert.Contains(t, strings.Join(r.Notes, "; "), "2 runs that were kept in")
	assert.Equal(t, first.Done, plan(t, c).Reused)
}

func TestAnInterruptedPlanIsTakenUpWhereItEnded(t *testing.T) {
	c := config(t, zones)
	c.Workers, c.Seeds, c.Losses, c.Cache = 1, 1, []string{planning.Node}, t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Progress = func(_ string, done, _ int) {
		if done == 3 {
			cancel()
		}
	}
	_, err := planning.Run(ctx, c)
	require.ErrorIs(t, err, planning.ErrInterrupted)
	c.Progress = nil
	assert.Equal(t, 3, plan(t, c).Reused)
}
