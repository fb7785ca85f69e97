package planning_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/internal/formattest"
	"github.com/shardquake/shardquake/scenarios/planning"
)

func TestPlansOfEarlierVersionsStillLoad(t *testing.T) {
	var r planning.Result
	formattest.Kept(t, "1-planning.json", &r)
	assert.Equal(t, planning.Schema, r.Schema)
	assert.Len(t, r.Sides, 2)
	assert.NotNil(t, r.Growth)
	assert.NotNil(t, r.Transition)
}
