package yamlrest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/integration/yamlrest"
)

func TestTheSampleIsOfSuitesThatALiveNodePasses(t *testing.T) {
	passes := map[string]int{}
	for name := range yamlrest.LivePasses() {
		passes[name.Suite]++
	}
	of := 0
	for _, suite := range yamlrest.Sample {
		assert.Positive(t, passes[suite], suite)
		of += passes[suite]
	}
	assert.Less(t, of, 150, "few enough to be played beside everything else")
}
