package restapi

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestThePercentageOfActiveShardsIsCountedAsElasticsearchDoes(t *testing.T) {
	for want, h := range map[string]healthAnswer{
		`{"percent":100.0}`:             {counts: healthCounts{status: green}},
		`{"percent":66.66666666666666}`: {counts: healthCounts{status: yellow, active: 2, total: 3}}, // not ...67
		`{"percent":"NaN"}`:             {counts: healthCounts{status: red}},                         // the state isn't recovered
	} {
		w := jsonWriter{}
		w.obj()
		w.float("percent", h.percent())
		w.end()
		assert.Equal(t, want, string(w.bytes()))
	}
	missing := healthAnswer{counts: healthCounts{status: red}, missing: true}
	assert.InDelta(t, 100, missing.percent(), 0)
}
