package es

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/observed"
)

func (s story) disk(t float64, node string, used int64) story {
	s.h.Observations = append(s.h.Observations, observed.Observation{At: at(t), Sight: observed.Disks{{Node: node, Used: used << 20, Total: 100 << 20}}})
	return s
}

func TestDisksAreBelowAWatermarkOrAPercentageAllAlong(t *testing.T) {
	s := tell("n1", "n2").disk(-5, "n1", 99).disk(-1, "n1", 50).disk(-1, "n2", 40).disk(20, "n2", 87).disk(40, "n2", 60)
	out := judge(t, s, "{disk-below: low}")
	require.Len(t, out, 1)
	assert.Equal(t, scenarios.Fail, out[0].Verdict)
	assert.InDelta(t, 87, *out[0].Observed, 1e-9, "the fullest after t=0, though it was freed again")
	assert.InDelta(t, 85, *out[0].Limit, 1e-9, "Elasticsearch's default")
	assert.InDelta(t, 20, *out[0].At, 1e-9)
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{disk-below: high}"))
	assert.Equal(t, scenarios.Pass, verdict(t, s, "{disk-below: 88%}"))
	assert.Equal(t, scenarios.Fail, verdict(t, s, "{disk-below: 86.5%}"))
	assert.Equal(t, scenarios.Fail, verdict(t, tell("n1").disk(-1, "n1", 90), "{disk-below: 89%}"), "it was so from the start")
	assert.Equal(t, scenarios.Unknown, verdict(t, tell("n1").disk(-1, "n2", 1), "{disk-below: 89%}"), "no disk of a node of the cluster was seen")
}
