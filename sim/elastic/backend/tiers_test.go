package backend

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
)

// ofTiers makes n1 hot with content, n2 warm and n3 cold.
func ofTiers(c *elastic.Config) {
	c.Nodes[0].Roles = []string{"data_content", "data_hot", "master"}
	c.Nodes[1].Roles = []string{"data_warm"}
	c.Nodes[2].Roles = []string{"data_cold"}
}

// spreadOf creates an index as by a request and returns how many of its copies each node has.
func (w *world) spreadOf(name string, set map[string]string) map[string]int {
	w.t.Helper()
	all := map[string]string{"index.number_of_shards": "3", "index.number_of_replicas": "0"}
	for k, v := range set {
		all[k] = v
	}
	w.do(func(ctx context.Context) {
		_, _, err := metadata.CreateIndex(ctx, w.c.Leader(), metadata.CreateIndexRequest{
			Name: name, Settings: settings.Of(all), WaitForActiveShards: "all", MasterTimeout: time.Minute, AckTimeout: time.Minute,
		})
		require.NoError(w.t, err)
	})
	on := map[string]int{}
	for _, t := range w.st().Routing.Index(name).Shards {
		for _, c := range t.Copies {
			on[w.c.NodeByID(c.Node).Name()]++
		}
	}
	return on
}

func TestIndicesLieOnTheirTierAndOnContentWithoutOne(t *testing.T) {
	w := newWorld(t, 3, ofTiers)
	assert.Equal(t, map[string]int{"n1": 3}, w.spreadOf("hot-1", map[string]string{"index.routing.allocation.include._tier_preference": "data_hot"}))
	assert.Equal(t, map[string]int{"n1": 3}, w.spreadOf("plain", nil))
	tier, _ := w.st().Index("plain").Settings.Get("index.routing.allocation.include._tier_preference")
	assert.Equal(t, "data_content", tier)
	assert.Equal(t, map[string]int{"n2": 3}, w.spreadOf("warm-1", map[string]string{"index.routing.allocation.include._tier_preference": "data_warm,data_hot"}))
}

func TestTheServerAloneSpreadsIndicesOverAllTiers(t *testing.T) {
	w := newWorld(t, 3, ofTiers, func(c *elastic.Config) { c.Distribution = elastic.MinimalDistribution })
	assert.Equal(t, map[string]int{"n1": 1, "n2": 1, "n3": 1}, w.spreadOf("plain", nil))
}
