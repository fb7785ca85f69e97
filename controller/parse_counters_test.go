package controller

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGetsByIDAreReadsLikeSearches(t *testing.T) {
	shards, err := parseShards([]byte(`[{"index":"logs","shard":"0","prirep":"p","state":"STARTED","node":"n1",
		"search.query_total":"7","search.query_time":"70","get.total":"30","get.time":"3","indexing.index_total":"5","indexing.index_time":"50"}]`))
	require.NoError(t, err)
	require.Len(t, shards, 1)
	assert.Equal(t, CopyCounters{Reads: 37, ReadMillis: 73, Indexed: 5, IndexMillis: 50}, shards[0].Counters)
}
