package scenariotest_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

// A run that doesn't end green says why on its first screen and wherever else its verdict
// is read, also without a controller.
func TestARunThatStaysYellowSaysWhyAndWhatToDo(t *testing.T) {
	s, err := scenarios.Load("testdata/operators/no-third-node.yaml", nil, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	res, err := (&scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Explain: catalog.Explain}).Run(t.Context(), s, scenarios.Options{})
	require.NoError(t, err)
	require.Equal(t, scenarios.Fail, res.Verdict)
	require.Len(t, res.History.Ailments, 1)
	assert.Equal(t, []string{"logs[0] replica", "logs[1] replica"}, res.History.Ailments[0].Copies)
	const why = "logs[0] replica, logs[1] replica: too-few-nodes, decider same_shard (n1, n2: has room, but holds a copy of this shard); cure: add a node, or lower number_of_replicas"
	dir := t.TempDir()
	report, err := reports.Write(dir, res)
	require.NoError(t, err)
	assert.Equal(t, res.History.Ailments, report.Ailments)
	for _, name := range []string{"summary.md", "junit.xml", "report.html", "report.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Contains(t, plain(t, name, text), why, name)
	}
}

// plain is the text of a file without the escapes of its format.
func plain(t *testing.T, name string, text []byte) string {
	t.Helper()
	switch filepath.Ext(name) {
	case ".json":
		var v any
		require.NoError(t, json.Unmarshal(text, &v))
	case ".xml":
		require.NoError(t, xml.Unmarshal(text, new(struct{})))
	}
	return string(bytes.ReplaceAll(text, []byte("&#34;"), []byte(`"`)))
}

func TestEachNodeSaysItsOwnReasonAndOnlyTheCauseIsTakenAway(t *testing.T) {
	res := scenariotest.Run(t, "testdata/operators/two-filters.yaml")
	cause := lines(res, "[RECOVERY] logs[0] replica: filter")
	require.Len(t, cause, 1)
	assert.Contains(t, cause[0].Text, `n1: node matches cluster setting [cluster.routing.allocation.exclude] filters [_name:"n1 OR n9"]`)
	assert.Contains(t, cause[0].Text, `n3: node matches index setting [index.routing.allocation.exclude.] filters [_name:"n3"]; and holds a copy of this shard`)
	assert.Contains(t, cause[0].Text, "n2: has room, but holds a copy of this shard")
	for _, d := range res.History.Decisions {
		if d.Acted {
			assert.Equal(t, `clear-filter (1 calls), cluster.routing.allocation.exclude._name: "n1,n9" → "n9"`, d.Done, "another node goes on being drained")
		}
	}
}

func TestAWordForOneIndexUndoesNoDrain(t *testing.T) {
	res := scenariotest.Run(t, "testdata/operators/two-filters.yaml", scenariotest.Set(`controller.approve=["clear-filter:logs"]`),
		scenariotest.Set("expect=[{decided: clear-filter, times: \"= 0\"}]"))
	asked := lines(res, "needs a person (filter)")
	require.Len(t, asked, 1)
	assert.Contains(t, asked[0].Text, `with the approval "clear-filter" these and no others are taken away: cluster.routing.allocation.exclude._name, which keeps it from n1; a filter of the cluster is one for every index`)
}

func TestTwoMasterEligibleNodesAreAFindingAndSoIsTheirLoss(t *testing.T) {
	res := scenariotest.Run(t, "testdata/operators/two-masters.yaml")
	few := lines(res, "[ALERT] few-masters")
	require.Len(t, few, 1, "said once")
	assert.Contains(t, few[0].Text, "2 master-eligible nodes (n1, n2) survive no loss")
	assert.Contains(t, few[0].Text, "cure: make three nodes master-eligible")
	assert.Less(t, few[0].At.Seconds(), 20.0, "before one is lost")
	lost := lines(res, "[ALERT] no-master")
	require.NotEmpty(t, lost)
	assert.Contains(t, lost[0].Text, "the nodes that answer find no master")
	assert.Greater(t, lost[0].At.Seconds(), 20.0)
	assert.Empty(t, lines(res, "NaN"))
	for _, o := range res.History.Observations {
		if h, ok := o.Sight.(observed.Health); ok && !h.Master {
			assert.Equal(t, "red", h.Status, "without a master nothing is known to be well")
		}
	}
}

func TestADrainThatIsStuckSaysWhatHoldsItUp(t *testing.T) {
	res := scenariotest.Run(t, "testdata/operators/stuck-drain.yaml")
	stuck := lines(res, "[ALERT] ")
	require.Len(t, stuck, 1)
	assert.Contains(t, stuck[0].Text, "logs[0] replica, logs[1] primary: ")
	assert.Contains(t, stuck[0].Text, "drain-stuck, decider same_shard (n1 is to be emptied (cluster.routing.allocation.exclude._name), and none of its copies has left for 10m0s: "+
		`it may not stay on n1 (node matches cluster setting [cluster.routing.allocation.exclude] filters [_name:"n1"]), and no other node takes it: n2, n3: has room, but holds a copy of this shard)`)
	assert.Contains(t, stuck[0].Text, "cure: add a node, or lower number_of_replicas")
}
