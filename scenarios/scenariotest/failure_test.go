package scenariotest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheReplayLineSaysAllThatTheTestSaid(t *testing.T) {
	o := options{backend: "sim"}
	assert.Equal(t, "shardquake run one-node-lost --seed 3", replay("one-node-lost", &o, 3))
	for _, opt := range []Option{Set("duration=2m"), Set(`cluster.settings."cluster.name"='x'`), Backend("real")} {
		opt(&o)
	}
	assert.Equal(t, `shardquake run a.yaml --seed 1 --backend real --set 'duration=2m' --set 'cluster.settings."cluster.name"='\''x'\'''`, replay("a.yaml", &o, 1))
}
