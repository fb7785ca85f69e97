package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

func TestPartsOfAControllerAreCheckedWithTheFile(t *testing.T) {
	for set, want := range map[string]string{
		"controller.approve=[delete-everything]": `approval "delete-everything": unknown action`,
		"controller.off-peak=['25:00-01:00']":    `"25:00-01:00" is not a daily window`,
	} {
		_, err := scenarios.Load("one-node-lost", []string{"controller.recovery=true", "controller.tuning=true", set}, catalog.Vocabulary())
		require.Error(t, err, set)
		assert.Contains(t, err.Error(), want)
	}
	_, err := scenarios.Load("one-node-lost", []string{
		"controller.recovery=true", "controller.approve=['clear-filter:logs']", "controller.tuning=true", "controller.off-peak=['22:00-06:00']",
	}, catalog.Vocabulary())
	assert.NoError(t, err)
}
