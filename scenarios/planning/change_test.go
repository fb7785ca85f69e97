package planning_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/importer"
	"github.com/shardquake/shardquake/scenarios/planning"
)

func changed(t *testing.T, file string, change ...string) *planning.Result {
	t.Helper()
	c := config(t, file)
	c.Seeds, c.Losses, c.Changes = 1, []string{planning.Master}, change
	c.Set = []string{"objectives={survive: [master], disk-below: high}"}
	return plan(t, c)
}

func TestAChangeIsToldWithTheMovesAndBytesThatItCostsItself(t *testing.T) {
	r := changed(t, zones, "replicas=logs:2")
	require.NotNil(t, r.Transition.Cost)
	assert.Equal(t, []string{"set index.number_of_replicas=2 of logs"}, r.Transition.Steps)
	assert.InDelta(t, float64(600<<20), *r.Transition.Cost.Bytes.Value, 1<<20, "one more copy of everything")
	assert.Zero(t, *r.Transition.Cost.Moves.Value)
	assert.Greater(t, *r.Transition.Cost.Took.Value, 0.0)
	assert.True(t, r.Transition.Cost.Safe, r.Transition.Cost.Reason)
	before, after := loss(t, r.Sides[0], "nothing"), loss(t, r.Sides[1], "nothing")
	assert.Greater(t, *after.PeakDisk.Value, *before.PeakDisk.Value)
}

func TestNodesThatAreAddedTakeCopies(t *testing.T) {
	r := changed(t, zones, "add-nodes=3")
	assert.Len(t, r.Transition.Steps, 3)
	assert.Greater(t, *r.Transition.Cost.Moves.Value, 4.0)
	assert.Less(t, *loss(t, r.Sides[1], "nothing").PeakDisk.Value, *loss(t, r.Sides[0], "nothing").PeakDisk.Value)
}

func TestNodesAreTakenAwayInTheFastestSafeWay(t *testing.T) {
	c := config(t, zones)
	c.Seeds, c.Changes, c.Losses = 1, []string{"remove-nodes=n1,n2"}, []string{planning.Node}
	c.Set = []string{"cluster.indices[0].size=60gb", "cluster.nodes.disk=100gb", "objectives={survive: [node], disk-below: high}"}
	r := plan(t, c)
	require.Len(t, r.Transition.Ways, 6, "two orders at three speeds")
	require.GreaterOrEqual(t, r.Transition.Best, 0)
	best := r.Transition.Ways[r.Transition.Best]
	assert.Equal(t, "160mb/s", best.Speed)
	for _, w := range r.Transition.Ways {
		assert.True(t, w.Safe, w.Reason)
		assert.LessOrEqual(t, *best.Took.Value, *w.Took.Value)
	}
	var left []string
	for _, l := range r.Sides[1].Losses {
		if l.Kind == planning.Node {
			left = append(left, l.Name)
		}
	}
	assert.Equal(t, []string{"n3", "n4", "n5", "n6"}, left)
	c.Set[2] = "objectives={survive: [node], disk-below: 20%}"
	none := plan(t, c)
	assert.Equal(t, -1, none.Transition.Best, "their disks get too full")
	assert.Contains(t, none.Transition.Ways[0].Reason, "disks below 20%")
}

func TestWhatAChangeCostsThatCantBeMadeWhileTheClusterServesIsToldInWords(t *testing.T) {
	r := changed(t, zones, "shards=logs:24")
	assert.Nil(t, r.Transition.Cost)
	require.Len(t, r.Transition.Untold, 1)
	assert.Contains(t, r.Transition.Untold[0], "600mb in primaries")
	r = changed(t, zones, "objectives.disk-below=low")
	assert.Contains(t, r.Transition.Untold[0], "it costs nothing")
	r = changed(t, zones, "controller={policy: threshold}")
	assert.Contains(t, r.Transition.Untold[0], "moves nothing by being there")
}

func TestChangesThatMakeNoSenseAreRefused(t *testing.T) {
	for change, want := range map[string]string{
		"add-nodes=none": "expected a number of nodes", "add-node=2": `did you mean "add-nodes"`, "remove-nodes=n9": `unknown node "n9"`, "replicas=lgs:2": `unknown index "lgs"`,
		"remove-nodes=n1,n2,n3,n4,n5,n6": "nothing would be left", "replicas=logs:many": "no number of replicas", "shards=logs:0": "no number of shards", "retention=logs:30d": "nobody told how old", "nonsense": "expected path=value",
	} {
		c := config(t, zones)
		c.Changes = []string{change}
		_, err := planning.Run(t.Context(), c)
		require.ErrorIs(t, err, planning.ErrConfig, change)
		assert.Contains(t, err.Error(), want)
	}
}

func TestAnImportedClusterIsChangedWhereItIs(t *testing.T) {
	cl, err := importer.Import(t.Context(), importer.Options{Sources: []string{"../importer/testdata/zones.zip"}})
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, cl.Save(filepath.Join(dir, "mine.cluster.json.gz")))
	file := filepath.Join(dir, "mine.yaml")
	require.NoError(t, os.WriteFile(file, importer.Draft(cl, "mine", "mine.cluster.json.gz"), 0o600))
	index := ""
	for _, ix := range cl.Indices {
		if ix.Replicas == 1 {
			index = ix.Name
		}
	}
	require.NotEmpty(t, index)
	r := changed(t, file, "replicas="+index+":2")
	assert.Greater(t, *r.Transition.Cost.Bytes.Value, 0.0)
	after := loss(t, r.Sides[1], "master")
	assert.Equal(t, "yellow", after.Began, "it begins with copies that have no node")
	more := changed(t, file, "add-nodes=1")
	assert.Greater(t, *more.Transition.Cost.Moves.Value, 0.0)
	gone := changed(t, file, "remove-nodes="+cl.Nodes[0].Name)
	assert.Greater(t, *gone.Transition.Cost.Moves.Value, 0.0)
	assert.NotEmpty(t, gone.Transition.Ways)
}
