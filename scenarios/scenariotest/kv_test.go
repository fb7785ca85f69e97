package scenariotest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/scenarios/scenariotest"
)

func TestAKeyValueScenarioRepeatsExactly(t *testing.T) {
	a := scenariotest.Run(t, "kv-bank-transfers")
	b := scenariotest.Run(t, "kv-bank-transfers")
	other := scenariotest.Run(t, "kv-bank-transfers", scenariotest.Seed(2))
	assert.Equal(t, a.TraceHash, b.TraceHash)
	assert.Equal(t, a.Outcomes, b.Outcomes)
	assert.Equal(t, a.History.Own, b.History.Own)
	assert.NotEqual(t, a.TraceHash, other.TraceHash)
}

func TestAReportOfAKeyValueRunShowsItsShardsOverTime(t *testing.T) {
	res := scenariotest.Run(t, "kv-node-lost")
	dir := t.TempDir()
	rep, err := reports.Write(dir, res)
	require.NoError(t, err)
	require.NotNil(t, rep.Scores.Balance.Shards)
	assert.Equal(t, "kv", rep.System)
	assert.Greater(t, rep.Scores.Clients.Ops, int64(1000))
	require.NotNil(t, rep.Faults[0].DetectedAfterS)
	frames := observed.FromStart(res.History.Spread(observed.QuantityShards))
	total := 0.0
	for _, v := range frames[0].Values {
		total += v
	}
	assert.Equal(t, 15.0, total, "five shards with three copies each at t=0")
	trace, err := os.ReadFile(filepath.Join(dir, "trace.jsonl"))
	require.NoError(t, err)
	assert.Contains(t, string(trace), `"kind":"ranges"`)
	assert.Contains(t, string(trace), `"kind":"acting"`)
	assert.NotContains(t, string(trace), `"data":null`)
}

func TestWhatABackendLacksIsRefusedBeforeTheStart(t *testing.T) {
	s, err := scenarios.Load("kv-node-lost", []string{"faults=[{at: 5s, link: {between: [n1], and: [n2], bandwidth: 1mb/s, per-connection: true}}]", "expect=[{copies-converge: end}]"}, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("sim")
	require.NoError(t, err)
	_, err = (&scenarios.Runner{Backend: backend}).Run(t.Context(), s, scenarios.Options{})
	require.ErrorIs(t, err, scenarios.ErrUnavailable)

	// A plan that is replayed isn't checked with a file.
	elastic, err := scenarios.Load("api-refuses", nil, catalog.Vocabulary())
	require.NoError(t, err)
	s, err = scenarios.Load("kv-node-lost", nil, catalog.Vocabulary())
	require.NoError(t, err)
	s.Faults = elastic.Faults
	_, err = (&scenarios.Runner{Backend: backend}).Run(t.Context(), s, scenarios.Options{})
	require.ErrorIs(t, err, scenarios.ErrUnavailable)
}

func TestTheLibraryOfKeyValueScenariosSaysWhatMustHold(t *testing.T) {
	n := 0
	for _, name := range scenarios.Library() {
		if !strings.HasPrefix(name, "kv-") {
			continue
		}
		n++
		s, err := scenarios.Load(name, nil, catalog.Vocabulary())
		require.NoError(t, err, name)
		assert.Equal(t, "kv", s.System, name)
		kinds := map[string]bool{}
		for _, e := range s.Expect {
			kinds[e.Kind()] = true
		}
		assert.True(t, kinds["linearizable"] || kinds["serializable"], name)
		assert.True(t, kinds["lost-acked-writes"] && kinds["copies-converge"] && kinds["ranges-tile"], name)
	}
	assert.GreaterOrEqual(t, n, 11)
}
