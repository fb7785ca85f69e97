package reports

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// loaded is the run told by hand with loads of its nodes: at the fault at 10 s n2's part
// goes to n1.
func loaded(p99 bool) *scenarios.Result {
	res := fixture()
	tell := func(at float64, loads ...observed.NodeLoad) {
		if !p99 {
			for i := range loads {
				loads[i].P99Ms = 0
			}
		}
		res.History.Observations = append(res.History.Observations, observed.Observation{At: sec(at), Sight: observed.Loads(loads)})
	}
	tell(-1, observed.NodeLoad{Node: "n1", CPU: 0.2, MeanMs: 1, P99Ms: 4}, observed.NodeLoad{Node: "n2", CPU: 0.3, MeanMs: 1, P99Ms: 5})
	tell(10, observed.NodeLoad{Node: "n1", CPU: 0.4, MeanMs: 2, P99Ms: 9}, observed.NodeLoad{Node: "n2"})
	tell(25, observed.NodeLoad{Node: "n1", CPU: 0.6, MeanMs: 3, P99Ms: 12})
	slices.SortStableFunc(res.History.Observations, func(a, b observed.Observation) int { return cmp.Compare(a.At, b.At) })
	return res
}

func TestAFaultShowsWhatItDidToTheNodesLoad(t *testing.T) {
	r, err := Build(loaded(true))
	require.NoError(t, err)
	require.Len(t, r.FaultLoads, 1)
	f := r.FaultLoads[0]
	assert.Equal(t, "p99", f.Of)
	require.Len(t, f.Nodes, 3)
	n1, n2, n3 := f.Nodes[0], f.Nodes[1], f.Nodes[2]
	assert.InDelta(t, 4, *n1.BeforeMs, 1e-9)
	assert.InDelta(t, (9*15+12*15)/30., *n1.AfterMs, 1e-9, "the mean over the half minute")
	assert.InDelta(t, 0.2, *n1.BeforeCPU, 1e-9)
	assert.InDelta(t, 0.5, *n1.AfterCPU, 1e-9)
	assert.InDelta(t, 5, *n2.BeforeMs, 1e-9)
	assert.Nil(t, n2.AfterMs, "a node without operations has no times")
	assert.Nil(t, n2.AfterCPU, "n2 was a member for 0.3 s more")
	assert.Nil(t, n3.BeforeMs, "a node that told nothing is not a node without load")
	assert.Nil(t, n3.BeforeCPU)
	text := string(Markdown(r, "again"))
	assert.Contains(t, text, "| node-loss at 10.0 s | n1 | 4 ms | 10.5 ms | 20 % | 50 % |")
}

func TestWithoutPercentilesTheMeanIsShownAndSaidToBe(t *testing.T) {
	res := loaded(false)
	r, err := Build(res)
	require.NoError(t, err)
	assert.Equal(t, "mean", r.FaultLoads[0].Of)
	d := pageDataOf(res)
	assert.Equal(t, "mean", d.NodeMsOf)
	require.Len(t, d.CPU, 4, "three tellings and a departure")
	assert.Equal(t, pageFrame{0, []float64{20, 30, 0}}, d.CPU[0])
	files, err := Plots(res)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, f.name)
	}
	assert.Contains(t, names, "cpu.svg")
	assert.Contains(t, names, "latency.svg")
}

func TestARunWhoseLoadWasNotObservedShowsNone(t *testing.T) {
	r, err := Build(fixture())
	require.NoError(t, err)
	assert.Nil(t, r.FaultLoads)
	assert.Nil(t, pageDataOf(fixture()).CPU)
}
