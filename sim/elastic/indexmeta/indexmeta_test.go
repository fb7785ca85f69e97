package indexmeta_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// logs is an index with these settings.
func logs(set ...string) *state.Index {
	values := map[string]string{}
	for i := 0; i < len(set); i += 2 {
		values["index."+set[i]] = set[i+1]
	}
	return indexmeta.NewIndex("logs", "uuid", 0, settings.Of(values), nil)
}

// with is a state of one index, with the blocks that its settings put on it.
func with(meta *state.Index) *state.State {
	return indexmeta.WithBlocks(&state.State{Indices: []*state.Index{meta}, Routing: &state.RoutingTable{}}, meta)
}

func TestANewIndexHasNoCopyInSyncAndIsInItsFirstTerm(t *testing.T) {
	m := logs("number_of_shards", "3", "number_of_replicas", "2")
	assert.Equal(t, 3, m.Shards)
	assert.Equal(t, 2, m.Replicas)
	assert.Equal(t, []int64{1, 1, 1}, m.PrimaryTerms)
	assert.Equal(t, make([][]string, 3), m.InSync)
	assert.Equal(t, settings.DefaultTier, settings.IndexTierPreference.Get(m.Settings)[0], "new indices prefer content nodes")
}

func TestARoutingValueTakesTheIdsPlace(t *testing.T) {
	m := logs("number_of_shards", "5")
	seen := map[int]bool{}
	for i := range 100 {
		assert.Equal(t, indexmeta.ShardFor(m, "a", ""), indexmeta.ShardFor(m, fmt.Sprint(i), "a"))
		seen[indexmeta.ShardFor(m, fmt.Sprint(i), "")] = true
	}
	assert.Len(t, seen, 5, "ids are spread over all shards")
	assert.Equal(t, []int{indexmeta.ShardFor(m, "x", "a")}, indexmeta.ShardsFor(m, "a"))
}

func TestAPartitionSpreadsARoutingValueOverSomeShards(t *testing.T) {
	m := logs("number_of_shards", "8", "number_of_routing_shards", "8", "routing_partition_size", "3")
	some := indexmeta.ShardsFor(m, "a")
	require.Len(t, some, 3)
	met := map[int]bool{}
	for i := range 200 {
		s := indexmeta.ShardFor(m, fmt.Sprint(i), "a")
		assert.Contains(t, some, s)
		met[s] = true
	}
	assert.Len(t, met, 3, "each of them is used")
}

func TestABlockRefusesWhatItIsForAndNothingElse(t *testing.T) {
	st := with(logs("blocks.write", "true"))
	err := indexmeta.IndexBlock(st, "logs", "write")
	require.NotNil(t, err)
	assert.Equal(t, 403, err.Status)
	assert.Equal(t, "index [logs] blocked by: [FORBIDDEN/8/index write (api)];", err.Reason)
	for _, level := range []string{"read", "metadata_read", "metadata_write"} {
		assert.Nil(t, indexmeta.IndexBlock(st, "logs", level), level)
	}
	assert.Nil(t, indexmeta.IndexBlock(st, "other", "write"))
}

func TestAFullDiskStopsWritesButNotTheDeletionThatFreesIt(t *testing.T) {
	flooded := with(logs("blocks.read_only_allow_delete", "true"))
	err := indexmeta.IndexBlock(flooded, "logs", "write")
	require.NotNil(t, err)
	assert.Equal(t, 429, err.Status, "it may be tried again")
	assert.Nil(t, indexmeta.DeletionBlock(flooded, "logs"))
	assert.NotNil(t, indexmeta.DeletionBlock(with(logs("blocks.read_only", "true")), "logs"))
	assert.NotNil(t, indexmeta.DeletionBlock(with(logs("blocks.read_only_allow_delete", "true", "blocks.read_only", "true")), "logs"), "one that does not let go is enough")
}

func TestAClosedIndexAnswersNobody(t *testing.T) {
	m := logs()
	m.Closed = true
	for _, level := range []string{"read", "write"} {
		err := indexmeta.IndexBlock(with(m), "logs", level)
		require.NotNil(t, err, level)
		assert.Equal(t, "index_closed_exception", err.Type)
	}
	assert.Nil(t, indexmeta.IndexBlock(with(m), "logs", "metadata_write"), "its settings can be changed")
}

func TestBlocksThatGoLeaveNothingBehind(t *testing.T) {
	st := with(logs("blocks.write", "true"))
	require.Len(t, st.Blocks, 1)
	free := indexmeta.WithBlocks(st, logs())
	assert.Empty(t, free.Blocks)
	assert.Len(t, st.Blocks, 1, "the state before is as it was")
}

func TestAllBlocksOfTheClusterAreNamed(t *testing.T) {
	st := &state.State{Global: []state.Block{
		{ID: 1, Description: "state not recovered / initialized", Retryable: true, Status: 503, Levels: []string{"read", "write"}},
		{ID: 2, Description: "no master", Retryable: true, Status: 503, Levels: []string{"write"}},
	}}
	err, again := indexmeta.GlobalBlock(st, "write")
	require.NotNil(t, err)
	assert.True(t, again, "both go by themselves")
	assert.Equal(t, "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized, SERVICE_UNAVAILABLE/2/no master];", err.Reason)
	none, _ := indexmeta.GlobalBlock(st, "metadata_read")
	assert.Nil(t, none)
}

func TestEnoughCopiesAreActiveWhenEveryShardHasThem(t *testing.T) {
	m := logs("number_of_shards", "2", "number_of_replicas", "1")
	copyOf := func(shard int, s state.CopyState) *state.Copy {
		return &state.Copy{Index: "logs", Shard: shard, State: s}
	}
	st := &state.State{Indices: []*state.Index{m}, Routing: &state.RoutingTable{Indices: []*state.IndexTable{{Index: "logs", Shards: []*state.ShardTable{
		{Index: "logs", Shard: 0, Copies: []*state.Copy{copyOf(0, state.Started), copyOf(0, state.Relocating)}},
		{Index: "logs", Shard: 1, Copies: []*state.Copy{copyOf(1, state.Started), copyOf(1, state.Initializing)}},
	}}}}}
	assert.True(t, indexmeta.EnoughActive(st, m, ""), "one by default")
	assert.False(t, indexmeta.EnoughActive(st, m, "2"), "the second shard has one")
	assert.False(t, indexmeta.EnoughActive(st, m, "all"))
	assert.False(t, indexmeta.EnoughActive(&state.State{Routing: &state.RoutingTable{}}, m, "0"), "of an index that is gone none is")
}
