package explore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/shardquake/shardquake/internal/formattest"
	"github.com/shardquake/shardquake/reports"
	"github.com/shardquake/shardquake/scenarios/explore"
)

func TestExplorationsOfEarlierVersionsStillLoad(t *testing.T) {
	var r explore.Result
	formattest.Kept(t, "1-explore.json", &r)
	assert.Equal(t, reports.ExploreSchema, r.Schema)
	assert.NotEmpty(t, r.Found)
}
