package cluster

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/sim/elastic/restapi/rest"
)

func TestThePercentageOfActiveShardsIsCountedAsElasticsearchDoes(t *testing.T) {
	for want, h := range map[string]HealthAnswer{
		`{"percent":100.0}`:             {Counts: healthCounts{Status: green}},
		`{"percent":66.66666666666666}`: {Counts: healthCounts{Status: yellow, Active: 2, total: 3}}, // not ...67
		`{"percent":"NaN"}`:             {Counts: healthCounts{Status: red}},                         // the state isn't recovered
	} {
		w := rest.Writer{}
		w.Obj()
		w.Float("percent", h.Percent())
		w.End()
		assert.Equal(t, want, string(w.Bytes()))
	}
	missing := HealthAnswer{Counts: healthCounts{Status: red}, missing: true}
	assert.InDelta(t, 100, missing.Percent(), 0)
}
