package kv

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/es"
	"github.com/shardquake/shardquake/scenarios/expectations"
	"github.com/shardquake/shardquake/scenarios/kvload"
	"github.com/shardquake/shardquake/scenarios/observed"
)

const kvSample = `name: sample-kv
about: A sample.
system: kv
cluster:
  nodes: {count: 3, disk: 1gb, attributes: {zone: [a, b]}}
  kv: {shards: 2, heartbeat: 2s}
workload:
  - {kv: registers, writes: 5/s, reads: 5/s}
  - {kv: bank, transfers: 5/s, endpoint: client-2}
faults:
  - {at: 5s, node-loss: {node: n2}}
  - {at: 6s, split: {key: k2500}}
expect:
  - {linearizable: registers}
  - {failover-within: 20s}
duration: 1m
`

func TestDefaultsOfKeyValueScenariosAreFilledIn(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(kvSample), testVocabulary)
	require.NoError(t, err)
	spec := s.ClusterSpec()
	assert.Equal(t, "kv", spec.System)
	assert.Equal(t, []string{"client", "client-2"}, spec.Viewers)
	assert.Equal(t, 2*time.Second, spec.Own.(*Spec).Settings.Heartbeat)
	assert.EqualValues(t, 3, spec.Own.(*Spec).Settings.Replicas)
	assert.True(t, spec.Own.(*Spec).Settings.ManualBalance)
	streams := streams(s.Scenario)
	require.Len(t, streams, 2)
	assert.Equal(t, kvload.Stream{Kind: "bank", Viewer: "client-2", Clients: 4, Keys: 8, Writes: 5, Tracers: 5, WriteLevel: wire.Quorum, ReadLevel: wire.Quorum, ValueBytes: 100}, streams[1])
}

func TestWhatIsWrongWithAKeyValueScenarioIsSaidWithItsPlace(t *testing.T) {
	for _, c := range []struct{ was, is, want string }{
		{"shards: 2", "shrads: 2", `sample.yaml:6:8: unknown key "shrads"; did you mean "shards"?`},
		{"shards: 2", "shards: 2, replication: 4", `sample.yaml:6:32: 4 copies of each shard, and 3 nodes from the start`},
		{"shards: 2", "shards: 2, write-level: qorum", `unknown level "qorum"; did you mean "quorum"?`},
		{"heartbeat: 2s", "heartbeat: -2s", `sample.yaml:6:30: a heartbeat every -2s; expected 10ms to 10m`},
		{"heartbeat: 2s", "failure-threshold: -1", `sample.yaml:6:38: -1; expected 1 to 100`},
		{"heartbeat: 2s", "split-qps: -1", `sample.yaml:6:30: -1; expected 0 or more`},
		{"heartbeat: 2s", "split-bytes: 1kb, merge-bytes: 1mb", `sample.yaml:6:7: merge thresholds must be`},
		{"kv: registers", "kv: regsters", `sample.yaml:8:10: unknown kind of stream "regsters"; did you mean "registers"?`},
		{"kv: registers", "index: logs", `sample.yaml:8:13: indices are for system elasticsearch`},
		{"transfers: 5/s", "writes: 5/s", `a bank has transfers:, no writes:`},
		{"endpoint: client-2", "endpoint: n2", `"n2" is not a place for clients`},
		{"zone: [a, b]", "rack: [a, b]", `a key-value node knows its zone only`},
		{"node-loss: {node: n2}", "snapshot: {}", `snapshot is for system elasticsearch`},
		{"node-loss: {node: n2}", "clock-jump: {forward: 1h}", `expected node:`},
		{"{key: k2500}", "{}", `no key is named`},
		{"linearizable: registers", "moves-at-most: 1", `moves-at-most is for system elasticsearch`},
		{"linearizable: registers", "serializable: append", `no workload has kv: append`},
		{"failover-within: 20s", "failover-within: 5s", `with the heartbeat and threshold of this cluster a failover may take`},
		{"workload:", "controller: {policy: variance}\nworkload:", `a key-value cluster looks after itself`},
		{"  kv: {shards: 2, heartbeat: 2s}", "  kv: {shards: 2, heartbeat: 2s}\n  indices: [{name: logs}]", `a key-value cluster has kv: with shards:`},
		{"kv: registers, writes", "kv: registers, level: one, writes", `at level one reads may be stale`},
	} {
		text := strings.Replace(kvSample, c.was, c.is, 1)
		require.NotEqual(t, kvSample, text, c.was)
		_, err := scenarios.Parse("sample.yaml", []byte(text), testVocabulary)
		require.Error(t, err, c.is)
		assert.Contains(t, err.Error(), c.want)
	}
}

var testVocabulary = scenarios.Vocabulary{Systems: []scenarios.System{es.System{}, System{}}, Common: expectations.Common()}

// kvHistory is a run of a minute with a fault at 10 s and a new primary at 20 s.
func kvHistory() *observed.History {
	m, _ := shardmap.New("s1", []shardmap.NodeID{"n1", "n2", "n3"})
	h := &observed.History{Nodes: []string{"n1", "n2", "n3"}, End: time.Minute, Own: &kvload.History{Settings: meta.Defaults(), Ended: true},
		Faults: []*chaos.Record{{Kind: "node-loss", Injected: true, At: 10 * time.Second, HealedAt: -1, Victims: []string{"n1"}, Params: &chaos.NodeLoss{}}},
		Observations: []observed.Observation{
			{At: -time.Second, Sight: Acting{Shard: "s1", Epoch: 1, Node: "n1"}},
			{At: -time.Second, Sight: Ranges{Revision: 1, Version: 1, Node: "n1", Shards: []shardmap.Shard{*m.At(0)}}},
			{At: 20 * time.Second, Sight: Acting{Shard: "s1", Epoch: 2, Node: "n2"}},
		},
	}
	for at := time.Second; at < time.Minute; at += time.Second {
		if at < 10*time.Second || at >= 20*time.Second {
			SeenBy(h).Tracers = append(SeenBy(h).Tracers, kvload.Tracer{Start: at - time.Millisecond, End: at, Outcome: check.Done, Level: wire.Quorum})
		}
	}
	return h
}

func judged(e scenarios.Expectation, s *scenarios.Scenario, h *observed.History) scenarios.Outcome {
	if c, ok := e.(scenarios.Completer); ok {
		c.Complete(s)
	}
	return e.Judge(h)[0]
}

func TestAnOutageIsMeasuredWhereAMajorityIsWell(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(kvSample), testVocabulary)
	require.NoError(t, err)
	e := &FailoverWithin{Limit: units.Duration(30 * time.Second)}
	o := judged(e, s.Scenario, kvHistory())
	assert.Equal(t, scenarios.Pass, o.Verdict, o.Reason)
	assert.InDelta(t, 10, *o.Observed, 1e-9, "from the fault to the first acknowledged write")

	h := kvHistory()
	SeenBy(h).Tracers = SeenBy(h).Tracers[:9]
	o = judged(e, s.Scenario, h)
	assert.Equal(t, scenarios.Fail, o.Verdict, "nobody could write until the end")
	assert.InDelta(t, 50, *o.Observed, 1e-9)
	h.Faults[0].Victims = []string{"n1", "n2"}
	assert.NotEqual(t, scenarios.Fail, judged(e, s.Scenario, h).Verdict, "without a majority nothing is promised")

	h = kvHistory()
	h.Faults[0].HealedAt = 45 * time.Second
	SeenBy(h).Tracers = append(SeenBy(h).Tracers[:9], SeenBy(kvHistory()).Tracers[35:]...)
	o = judged(e, s.Scenario, h)
	assert.Equal(t, scenarios.Fail, o.Verdict, "that the node came back is no failover: %s", o.Reason)

	h = kvHistory()
	h.Observations = h.Observations[:2]
	assert.Equal(t, scenarios.Unknown, judged(e, s.Scenario, h).Verdict, "there was no failover")
}

func TestTwoPrimariesInAnEpochAreSeen(t *testing.T) {
	h := kvHistory()
	e := &OnePrimaryPerEpoch{When: "always"}
	assert.Equal(t, scenarios.Pass, judged(e, nil, h).Verdict)
	h.Observations = append(h.Observations, observed.Observation{At: 30 * time.Second, Sight: Acting{Shard: "s1", Epoch: 2, Node: "n3"}})
	o := judged(e, nil, h)
	assert.Equal(t, scenarios.Fail, o.Verdict)
	assert.Contains(t, o.Reason, "n2 (process 0) and n3 (process 0) both acted as the primary of s1 in epoch 2")
	assert.Equal(t, scenarios.Unknown, judged(e, nil, &observed.History{}).Verdict)
}

func TestMapsThatDontTileOrDontAgreeAreSeen(t *testing.T) {
	e := &RangesTile{When: "always"}
	h := kvHistory()
	assert.Equal(t, scenarios.Unknown, judged(e, nil, h).Verdict, "one map is too few")
	first := h.Observations[1].Sight.(Ranges)
	other := first
	other.Node, other.Shards = "n2", []shardmap.Shard{first.Shards[0].Clone()}
	other.Shards[0].Primary = "n2"
	h.Observations = append(h.Observations, observed.Observation{At: 5 * time.Second, Sight: other})
	o := judged(e, nil, h)
	assert.Equal(t, scenarios.Fail, o.Verdict)
	assert.Contains(t, o.Reason, "different maps of revision 1")

	h = kvHistory()
	hole := other
	hole.Revision, hole.Version = 2, 2
	hole.Shards = []shardmap.Shard{first.Shards[0].Clone()}
	hole.Shards[0].End, hole.Shards[0].Epoch = "m", 2
	h.Observations = append(h.Observations, observed.Observation{At: 5 * time.Second, Sight: hole})
	assert.Equal(t, scenarios.Fail, judged(e, nil, h).Verdict, "nobody has what lies behind m")
}

func TestAStaleReadIsNamedAndDrawn(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(kvSample), testVocabulary)
	require.NoError(t, err)
	h := kvHistory()
	for i, o := range []check.Op{
		{Key: "k", Value: "a", Kind: check.Write, Start: 0, End: 1}, {Key: "k", Value: "b", Kind: check.Write, Start: 2, End: 3},
		{Key: "k", Value: "a", Start: 4, End: 5},
	} {
		o.Client = i
		SeenBy(h).Ops = append(SeenBy(h).Ops, kvload.Op{Op: o})
	}
	o := judged(&Linearizable{Of: "registers"}, s.Scenario, h)
	assert.Equal(t, scenarios.Fail, o.Verdict)
	assert.Contains(t, o.Reason, "client 2 read")
	assert.Contains(t, o.Drawing, "<svg")
	SeenBy(h).Ops = SeenBy(h).Ops[:2]
	o = judged(&Linearizable{Of: "registers"}, s.Scenario, h)
	assert.Equal(t, scenarios.Unknown, o.Verdict)
	assert.Nil(t, o.Observed)
}

func TestMissingMoneyAndLostAppendsAreSeen(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(kvSample), testVocabulary)
	require.NoError(t, err)
	h := kvHistory()
	SeenBy(h).Accounts, SeenBy(h).Sum, SeenBy(h).Transfers = 8, 800, 100
	for i := range 30 {
		SeenBy(h).Audits = append(SeenBy(h).Audits, check.Audit{Client: i, Start: int64(i), End: int64(i) + 1, Sum: 800, Accounts: 8})
	}
	e := &Serializable{Of: "bank"}
	assert.Equal(t, scenarios.Pass, judged(e, s.Scenario, h).Verdict)
	SeenBy(h).Audits[7].Sum = 790
	o := judged(e, s.Scenario, h)
	assert.Equal(t, scenarios.Fail, o.Verdict)
	assert.Contains(t, o.Reason, "client 7")

	SeenBy(h).Txns = []check.Txn{
		{Client: 1, Start: 0, End: 1, Accesses: []check.Access{{Key: "x", Append: true, Value: 1}}},
		{Client: 2, Start: 2, End: 3, Accesses: []check.Access{{Key: "x"}}},
	}
	o = judged(&Serializable{Of: "append"}, s.Scenario, h)
	assert.Equal(t, scenarios.Fail, o.Verdict, "what was appended is not there")
	assert.Contains(t, o.Drawing, "<svg")
}

func TestWritesThatShouldBeRefusedAreCounted(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(kvSample), testVocabulary)
	require.NoError(t, err)
	h := kvHistory()
	for i := range 12 {
		at := int64(20*time.Second) + int64(i)
		SeenBy(h).Ops = append(SeenBy(h).Ops, kvload.Op{Level: wire.All, Op: check.Op{Kind: check.Write, Outcome: check.Refused, Start: at, End: at + 1}})
	}
	e := &Refused{Level: "all", Of: "node-loss"}
	assert.Equal(t, scenarios.Pass, judged(e, s.Scenario, h).Verdict)
	SeenBy(h).Ops[3].Outcome = check.Done
	assert.Equal(t, scenarios.Fail, judged(e, s.Scenario, h).Verdict)
	SeenBy(h).Ops = SeenBy(h).Ops[:2]
	assert.Equal(t, scenarios.Unknown, judged(e, s.Scenario, h).Verdict)
}

func TestCopiesThatDifferAreNamed(t *testing.T) {
	e := &CopiesConverge{At: "end"}
	h := kvHistory()
	assert.Equal(t, scenarios.Unknown, judged(e, nil, h).Verdict)
	SeenBy(h).Copies = kvload.Comparison{Shards: 1, Copies: 3, Items: 9}
	assert.Equal(t, scenarios.Pass, judged(e, nil, h).Verdict)
	SeenBy(h).Copies.Silent = []string{"s1 on n2: no answer"}
	assert.Equal(t, scenarios.Unknown, judged(e, nil, h).Verdict)
	SeenBy(h).Copies.Differing = []string{"s1 on n1 and on n2: only the first has \"k\""}
	o := judged(e, nil, h)
	assert.Equal(t, scenarios.Fail, o.Verdict)
	assert.Contains(t, o.Reason, "only the first has")
}
