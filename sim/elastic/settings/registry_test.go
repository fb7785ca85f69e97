package settings_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/settings"
)

func TestEveryDefaultIsAValueItsSettingTakes(t *testing.T) {
	for name, r := range map[string]*settings.Registry{"cluster": settings.ClusterRegistry(), "index": settings.IndexRegistry()} {
		require.Greater(t, len(r.Entries()), 100, name)
		for _, e := range r.Entries() {
			if e.Complex() || e.Kind != settings.Plain || e.Default == "" || e.Default == "_na_" {
				continue
			}
			if e.Type == "bytes" && strings.Contains(e.Default, "%") {
				continue // a part of the heap
			}
			assert.NoErrorf(t, e.Check(e.Key, e.Default), "%s = %s", e.Key, e.Default)
		}
	}
}

func TestKeysAreFoundByNamePrefixAndPattern(t *testing.T) {
	for key, want := range map[string]string{
		"cluster.routing.allocation.enable":                     "cluster.routing.allocation.enable",
		"cluster.routing.allocation.exclude._name":              "cluster.routing.allocation.exclude.",
		"cluster.routing.allocation.awareness.attributes":       "cluster.routing.allocation.awareness.attributes",
		"cluster.routing.allocation.awareness.attributes.0":     "cluster.routing.allocation.awareness.attributes",
		"cluster.routing.allocation.awareness.force.zone.value": "cluster.routing.allocation.awareness.force.",
		"logger.org.elasticsearch":                              "logger.",
		"node.attr.zone":                                        "node.attr.",
		"cluster.remote.a.seeds":                                "cluster.remote.*.seeds",
		"cluster.routing.alocation.enable":                      "",
		"logger.":                                               "",
	} {
		e := settings.ClusterRegistry().Lookup(key)
		if want == "" {
			assert.Nil(t, e, key)
		} else if assert.NotNil(t, e, key) {
			assert.Equal(t, want, e.Key)
		}
	}
}

func TestAnUnknownSettingSuggestsWhatResemblesIt(t *testing.T) {
	r := settings.IndexRegistry()
	assert.Equal(t, "unknown setting [index.number_of_shard] did you mean [index.number_of_shards]?", r.Unknown("index.number_of_shard"))
	assert.Contains(t, r.Unknown("index.foo"), "please check that any required plugins are installed")
}

func TestRefusalsNameTheirCause(t *testing.T) {
	for _, c := range []struct{ key, value, message, cause string }{
		{"cluster.routing.allocation.node_concurrent_recoveries", "x", "Failed to parse value [x] for setting [cluster.routing.allocation.node_concurrent_recoveries]", "number_format_exception"},
		{"cluster.routing.allocation.node_concurrent_recoveries", "-1", "must be >= 0", ""},
		{"cluster.info.update.interval", "5s", "failed to parse value [5s] for setting [cluster.info.update.interval], must be >= [10s]", ""},
		{"indices.recovery.max_bytes_per_sec", "40", "unit is missing or unrecognized", "parse_exception"},
		{"cluster.routing.rebalance.enable", "most", "No enum constant org.elasticsearch.cluster.routing.allocation.decider.EnableAllocationDecider.Rebalance.MOST", ""},
		{"cluster.blocks.read_only", "yes", "Failed to parse value [yes] as only [true] or [false] are allowed.", ""},
	} {
		err := settings.ClusterRegistry().Lookup(c.key).Check(c.key, c.value)
		var bad *settings.BadValue
		if assert.ErrorAsf(t, err, &bad, "%s = %s", c.key, c.value) {
			assert.Contains(t, bad.Message, c.message)
			assert.Equal(t, c.cause, bad.CauseType)
		}
	}
}

func TestADefaultFollowsTheSettingItFallsBackTo(t *testing.T) {
	r := settings.ClusterRegistry()
	e := r.Lookup("cluster.routing.allocation.node_concurrent_incoming_recoveries")
	require.NotNil(t, e)
	assert.Equal(t, "2", r.DefaultText(e, settings.Settings{}))
	set := settings.Of(map[string]string{"cluster.routing.allocation.node_concurrent_recoveries": "7"})
	assert.Equal(t, "7", r.DefaultText(e, set))
}

func TestSimilarityIsThatOfTheEditDistance(t *testing.T) {
	assert.InDelta(t, 1, settings.Similarity("same", "same"), 0)
	assert.InDelta(t, 0.75, settings.Similarity("some", "same"), 0)
	assert.InDelta(t, 0, settings.Similarity("", "x"), 0)
	assert.InDelta(t, 1, settings.Similarity("", ""), 0)
}
