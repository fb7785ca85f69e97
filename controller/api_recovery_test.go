package controller

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/clock"
)

const explainReplica = `{"index":"logs","shard":2,"primary":false,"current_state":"unassigned",
 "unassigned_info":{"reason":"ALLOCATION_FAILED","at":"2024-01-01T10:00:00.123Z","failed_allocation_attempts":5,"details":"no space","last_allocation_status":"no_attempt"},
 "can_allocate":"allocation_delayed","allocate_explanation":"it waits","configured_delay_in_millis":60000,"remaining_delay_in_millis":59500,
 "node_allocation_decisions":[
  {"node_id":"b","node_name":"n2","transport_address":"1.2.3.4:9300","node_decision":"no","weight_ranking":1,
   "deciders":[{"decider":"disk_threshold","decision":"NO","explanation":"too full"},{"decider":"filter","decision":"YES","explanation":"fits"}]},
  {"node_id":"a","node_name":"n1","node_decision":"no","store":{"matching_size_in_bytes":100},"deciders":[{"decider":"same_shard","decision":"NO","explanation":"a copy is here"}]}]}`

const explainPrimary = `{"index":"logs","shard":0,"primary":true,"current_state":"unassigned","unassigned_info":{"reason":"NODE_LEFT"},"can_allocate":"no_valid_shard_copy",
 "node_allocation_decisions":[
  {"node_name":"n1","node_decision":"no","store":{"in_sync":false,"allocation_id":"x"}},
  {"node_name":"n2","node_decision":"no","store":{"found":false}},
  {"node_name":"n3","node_decision":"no","store":{"in_sync":true,"allocation_id":"y","store_exception":{"type":"corrupt_index_exception","reason":"checksum failed"}}}]}`

func TestAnExplanationIsReadWithItsReasonsByNode(t *testing.T) {
	x, err := ParseExplanation([]byte(explainReplica))
	require.NoError(t, err)
	assert.Equal(t, "ALLOCATION_FAILED", x.Reason)
	assert.Equal(t, 5, x.FailedAttempts)
	assert.Equal(t, 59500*time.Millisecond, x.RemainingDelay)
	assert.Equal(t, time.Date(2024, 1, 1, 10, 0, 0, 123e6, time.UTC), x.Since)
	require.Len(t, x.Nodes, 2)
	assert.Equal(t, "n1", x.Nodes[0].Node, "sorted by name")
	assert.True(t, x.Nodes[0].HasStore)
	assert.Equal(t, []Objection{{"disk_threshold", "NO", "too full"}}, x.Nodes[1].Objections, "who says yes objects to nothing")
}

func TestAnExplanationTellsStaleMissingAndDamagedCopiesApart(t *testing.T) {
	x, err := ParseExplanation([]byte(explainPrimary))
	require.NoError(t, err)
	require.Len(t, x.Nodes, 3)
	assert.True(t, x.Nodes[0].HasStore && !x.Nodes[0].InSync)
	assert.False(t, x.Nodes[1].HasStore)
	assert.Contains(t, x.Nodes[2].StoreError, "corrupt_index_exception")
}

func TestIndexSettingsAreSortedAndEmptyOnesLeftOut(t *testing.T) {
	all, err := parseIndexSettings([]byte(`{"b":{"settings":{"index.blocks.read_only_allow_delete":"true"}},"a":{"settings":{}},"c":{"settings":{"index.x":["p","q"]}}}`))
	require.NoError(t, err)
	assert.Equal(t, []IndexSettings{
		{"b", map[string]string{"index.blocks.read_only_allow_delete": "true"}}, {"c", map[string]string{"index.x": `["p","q"]`}},
	}, all)
}

func TestASuccessorRemembersOnlyWhatMakesSense(t *testing.T) {
	for _, bad := range []string{`{`, `[{"value":"x"}]`, `7`, `[{"key":"a","scope":"eternal"}]`} {
		assert.Error(t, newLedger(nil, Persistent, clock.NewReal(1)).remember([]byte(bad)), bad)
	}
	from, to := newLedger(nil, Persistent, clock.NewReal(1)), newLedger(nil, Persistent, clock.NewReal(1))
	was := "40mb"
	a, b := settingSlot{"a", Persistent}, settingSlot{"b", Transient}
	from.entries[a] = &ledgerEntry{original: &was, value: "50mb"}
	from.entries[b] = &ledgerEntry{value: "2"}
	from.note()
	require.NoError(t, to.remember(from.memory()))
	assert.Equal(t, "50mb", to.entries[a].value)
	assert.Equal(t, "40mb", *to.entries[a].original)
	assert.Nil(t, to.entries[b].original)
	require.NoError(t, to.remember(nil), "nothing was changed before")
	assert.Empty(t, to.entries)
}

func FuzzParseExplanation(f *testing.F) {
	f.Add([]byte(explainReplica))
	f.Add([]byte(explainPrimary))
	f.Fuzz(func(_ *testing.T, body []byte) { _, _ = ParseExplanation(body) })
}

func FuzzRemember(f *testing.F) {
	f.Add([]byte(`[{"key":"a","original":null,"value":"x"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		l := newLedger(nil, Persistent, clock.NewReal(1))
		if l.remember(body) == nil {
			assert.NotContains(t, l.entries, "")
		}
	})
}
