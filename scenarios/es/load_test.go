package es

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/expectations"
)

const sample = `name: sample
about: A sample.
system: elasticsearch
cluster:
  nodes: {count: 3, disk: 1gb, attributes: {zone: [a, b]}}
  indices:
    - {name: logs, shards: 6, size: 10mb}
workload:
  - {index: logs, writes: 5/s}
controller: {policy: variance, endpoints: [n1]}
faults:
  - {at: 5s, node-loss: {node: n2}}
expect:
  - {recovered: green, within: 1m, of: node-loss}
duration: 1m
`

func TestDefaultsAreFilledIn(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(sample), testVocabulary)
	require.NoError(t, err)
	assert.EqualValues(t, 1, s.Seed)
	assert.Equal(t, 1, *s.Cluster.Indices[0].Replicas)
	assert.EqualValues(t, 10240, s.Cluster.Indices[0].Docs)
	assert.EqualValues(t, 10, *s.Workload[0].Tracers)
	assert.Equal(t, "30s", s.Controller.Interval.String())
	spec := s.ClusterSpec()
	require.Len(t, spec.Nodes, 3)
	assert.Equal(t, "n3", spec.Nodes[2].Name)
	assert.Equal(t, map[string]string{"zone": "a"}, spec.Nodes[2].Attributes, "values go round")
	assert.EqualValues(t, 125_000_000, spec.Nodes[0].Network)
}

func TestWhatIsWrongWithAFileIsSaidWithItsPlaceAndTheNearestName(t *testing.T) {
	for _, c := range []struct{ was, is, want string }{
		{"about: A sample.", "abuot: A sample.", `sample.yaml:2:1: unknown key "abuot"; did you mean "about"?`},
		{"disk: 1gb", "disk: 1gx", `sample.yaml:5:27: "1gx" is not a size`},
		{"duration: 1m", "duration: 1", `sample.yaml:15:11: "1" is not a duration`},
		{"duration: 1m", "duration: 4s", `sample.yaml:12:10: the fault strikes at 5s, but the run ends at 4s`},
		{"node: n2", "node: n4", `sample.yaml:12:32: there is no node "n4"; did you mean "n1"?`},
		{"count: 3", "count: 999999999", `sample.yaml:5:18: 999999999 nodes; expected 1 to 5000`},
		{"count: 3,", "count: 3, roles: [mster],", `unknown role "mster"; did you mean "master"?`},
		{"{recovered: green, within: 1m, of: node-loss}", "{decided: take-ovr, times: \"= 0\"}", `unknown action "take-ovr"; did you mean "take-over"?`},
		{"count: 3", "count: 0", `sample.yaml:5:18: 0 nodes; expected 1 to 5000`},
		{"index: logs", "index: logz", `sample.yaml:9:13: unknown index "logz"; did you mean "logs"?`},
		{"policy: variance", "policy: varience", `sample.yaml:10:22: unknown policy "varience"; did you mean "variance"?`},
		{"endpoints: [n1]", "endpoints: [n9]", `unknown node "n9"`},
		{"recovered: green", "recoverd: green", `sample.yaml:14:6: unknown expectation "recoverd"; did you mean "recovered"?`},
		{"within: 1m, of", "wihtin: 1m, of", `sample.yaml:14:24: unknown key "wihtin"; did you mean "within"?`},
		{"of: node-loss", "of: partition", `this scenario has no fault of that kind`},
		{"system: elasticsearch", "system: elastic", `unknown system "elastic"; did you mean "elasticsearch"?`},
		{"shards: 6,", "shards: 6, placement: [12, 0, 0],", `12 copies on n1; expected 0 to 6`},
		{"shards: 6,", "shards: 6, placement: [6, 4, 4],", `the placement holds 14 copies; expected 12`},
		{"shards: 6,", "shards: 6, placement: [6, 6],", `the placement names 2 nodes; expected 3`},
		{"{index: logs, writes: 5/s}", "{index: logs, writes: 5}", `"5" is not a rate`},
		{"name: sample", "name: Sample File", `"Sample File" is not a scenario name`},
		{"expect:\n  - {recovered: green, within: 1m, of: node-loss}", "expect: []", `nothing is expected`},
		{"zone: [a, b]", "zone: []", `sample.yaml:5:51: the attribute has no values`},
		{"count: 3", "count: 3.5", `sample.yaml:5:18: "3.5" is not a whole number`},
		{"node: n2}", "node: n2, for: 0s}", `sample.yaml:12:41: 0s makes no sense here; expected a time such as 30s`},
		{"shards: 6,", "shards: 6, replicas: 3,", `sample.yaml:7:41: 4 copies of each shard, and 3 nodes from the start`},
		{"size: 10mb", "size: 2gb", `sample.yaml:7:37: 2 copies of 2gb do not fit on 3 disks of 1gb`},
		{"system: elasticsearch\n", "", `sample.yaml:1:1: no system is named`},
		{"node-loss: {node: n2}", "move: {key: k1, from: n1, to: n1}", `sample.yaml:12:44: the copy would stay on n1`},
	} {
		text := strings.Replace(sample, c.was, c.is, 1)
		require.NotEqual(t, sample, text, c.was)
		_, err := scenarios.Parse("sample.yaml", []byte(text), testVocabulary)
		require.Error(t, err, c.is)
		assert.Contains(t, err.Error(), c.want)
	}
}

func TestAllOfAFilesErrorsAreReportedTogether(t *testing.T) {
	text := strings.Replace(strings.Replace(sample, "index: logs", "index: log", 1), "node: n2", "node: n7", 1)
	_, err := scenarios.Parse("sample.yaml", []byte(text), testVocabulary)
	require.Error(t, err)
	assert.Contains(t, err.Error(), `unknown index "log"`)
	assert.Contains(t, err.Error(), `there is no node "n7"`)
}

func TestSetReplacesAndAddsValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sample.yaml")
	require.NoError(t, os.WriteFile(path, []byte(sample), 0o600))
	s, err := scenarios.Load(path, []string{"cluster.nodes.count=5", "seed=7", "faults[0].at=9s", "cluster.nodes.latency=3ms"}, testVocabulary)
	require.NoError(t, err)
	assert.Equal(t, 5, s.Cluster.Nodes.Count)
	assert.EqualValues(t, 7, s.Seed)
	assert.Equal(t, "9s", s.Faults[0].At.String())
	assert.Equal(t, "3ms", s.Cluster.Nodes.Latency.String())
	for set, want := range map[string]string{
		"seed":                           `--set "seed": expected path=value`,
		"nothing.here=1":                 `unknown key "nothing"`,
		"cluster..count=1":               "a name is missing between dots",
		"cluster.settings.\"cluster.x=1": "a quote is not closed",
		"cluster.nodes.cout=1":           `unknown key "cout"; did you mean "count"?`,
	} {
		_, err := scenarios.Load(path, []string{set}, testVocabulary)
		assert.ErrorContains(t, err, want)
	}
}

func TestSetNamesSettingsInQuotes(t *testing.T) {
	const enable, threshold = "cluster.routing.rebalance.enable", "cluster.routing.allocation.balance.threshold"
	with := strings.Replace(sample, "  indices:\n", "  settings: {"+enable+": all}\n  indices:\n", 1)
	for name, text := range map[string]string{"the file has settings": with, "the file has none": sample} {
		s, err := scenarios.ParseSet("sample.yaml", []byte(text), []string{
			`cluster.settings."` + enable + `"=none`, "cluster.settings.'" + threshold + "'=1.5", "controller.interval=10s",
		}, testVocabulary)
		require.NoError(t, err, name)
		assert.Equal(t, map[string]string{enable: "none", threshold: "1.5"}, s.Cluster.Settings, name)
	}
}

func TestAFileSaysWhatTheClocksShowAtFirst(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(sample+"wall-clock: 2026-01-31T09:00:00+01:00\n"), testVocabulary)
	require.NoError(t, err)
	assert.Equal(t, "2026-01-31T08:00:00Z", s.ClusterSpec().Began.Format(time.RFC3339))
	spec := s.ClusterSpec()
	assert.ErrorIs(t, spec.OfThisMachine(), scenarios.ErrUnavailable, "real nodes have their machine's clock")

	s, err = scenarios.Parse("sample.yaml", []byte(sample), testVocabulary)
	require.NoError(t, err)
	spec = s.ClusterSpec()
	assert.True(t, spec.Began.IsZero())
	assert.NoError(t, spec.OfThisMachine())

	for text, want := range map[string]string{
		"wall-clock: yesterday\n":            "sample.yaml:16:13: \"yesterday\" is not a point in time; expected one such as 2026-01-31T08:00:00Z",
		"wall-clock: 2026-01-31\n":           "sample.yaml:16:13: \"2026-01-31\" is not a point in time",
		"wall-clock: 2026-02-30T08:00:00Z\n": "sample.yaml:16:13: \"2026-02-30T08:00:00Z\" is not a point in time",
		"wall-clock: 2500-01-31T08:00:00Z\n": "sample.yaml:16:13: \"2500-01-31T08:00:00Z\" is in the year 2500; expected one from 1970 to 2200",
	} {
		_, err := scenarios.Parse("sample.yaml", []byte(sample+text), testVocabulary)
		assert.ErrorContains(t, err, want)
	}
}

func TestAZeroInAFileIsNotAnAbsentValue(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(sample+"settle: 0s\n"), testVocabulary)
	require.NoError(t, err)
	assert.Zero(t, s.Settle, "the run does not wait at all")
	for text, want := range map[string]string{
		sample + "seed: 0\n":                                                         "sample.yaml:16:7: 0 makes no sense here; expected a number from 1 on",
		sample + "steady-within: 0s\n":                                               "sample.yaml:16:16: 0s makes no sense here; expected a time such as 3m",
		strings.Replace(sample, "disk: 1gb", "disk: 0gb", 1):                         "sample.yaml:5:27: 0b makes no sense here",
		strings.Replace(sample, "disk: 1gb", "latency: 0s", 1):                       "sample.yaml:5:30: 0s makes no sense here",
		strings.Replace(sample, "shards: 6", "shards: 0", 1):                         "0 shards; expected 1 to 1024",
		strings.Replace(sample, "size: 10mb", "size: 10mb, docs: 0", 1):              "expected 1 or more documents to fill 10mb",
		strings.Replace(sample, "policy: variance", "policy: variance, count: 0", 1): "0 instances; expected 1 to 9",
	} {
		_, err := scenarios.Parse("sample.yaml", []byte(text), testVocabulary)
		assert.ErrorContains(t, err, want)
	}
}

func TestMomentsOfExpectationsScaleWithTheTimesOfFaults(t *testing.T) {
	text := strings.Replace(sample, "expect:\n", "expect:\n  - {balance: shards, cv: \"< 0.1\", at: 30s}\n", 1)
	s, err := scenarios.Parse("sample.yaml", []byte(text+"real: {time: 1/5}\n"), testVocabulary)
	require.NoError(t, err)
	real, _ := s.Scaled(scenarios.AsReal)
	scaled, described := real.Expect[0].Expectation.(*expectations.Balanced), s.Expect[0].Expectation.(*expectations.Balanced)
	assert.Equal(t, "6s", scaled.When)
	assert.Equal(t, "30s", described.When, "the scenario itself stays as it was")
	assert.Same(t, s.Expect[1].Expectation, real.Expect[1].Expectation, "limits are of what really happens, and stay")
}

func TestANameThatIsNoScenarioIsAnsweredWithTheNearest(t *testing.T) {
	_, err := scenarios.Load("one-node-lots", nil, testVocabulary)
	assert.ErrorContains(t, err, `unknown scenario "one-node-lots"; did you mean "one-node-lost"?`)
}

func TestTheRealSectionScalesAndSaysSo(t *testing.T) {
	s, err := scenarios.Parse("sample.yaml", []byte(sample+"real: {bytes: 1/10, time: 1/5, load: 1/5, disk: 500mb}\n"), testVocabulary)
	require.NoError(t, err)
	real, notes := s.Scaled(scenarios.AsReal)
	assert.Len(t, notes, 4)
	assert.EqualValues(t, 1<<20, real.Cluster.Indices[0].Size)
	assert.Equal(t, "12s", real.Duration.String())
	assert.Equal(t, "1s", real.Faults[0].At.String())
	assert.EqualValues(t, 1, real.Workload[0].Writes)
	assert.Equal(t, "5s", s.Faults[0].At.String(), "the scenario itself stays as it was")
	described, notes := s.Scaled(scenarios.AsDescribed)
	assert.Empty(t, notes)
	assert.Equal(t, s.Duration, described.Duration)
}

func TestNumbersBeyondReasonAreRefusedAtOnce(t *testing.T) {
	for set, want := range map[string]string{
		"cluster.nodes.count=1000000000": "sample.yaml:5:18: 1000000000 nodes; expected 1 to 5000",
		"cluster.nodes.cpus=-1":          "-1 processors",
		"cluster.nodes.latency=-5ms":     "a latency can't be negative",
		"cluster.indices[0].docs=-5":     "-5 documents",
		"workload[0].tracers=1000000/s":  "expected at most 10000/s",
		"name=":                          "there is no value",
	} {
		_, err := scenarios.ParseSet("sample.yaml", []byte(sample), []string{set}, testVocabulary)
		assert.ErrorContains(t, err, want, set)
	}
}

func TestWhatIsForKeyValueClustersIsRefusedForElasticsearch(t *testing.T) {
	for _, c := range []struct{ was, is, want string }{
		{"  indices:", "  kv: {shards: 2}\n  indices:", "this section is for system kv"},
		{"writes: 5/s", "writes: 5/s, level: quorum", "level is for system kv"},
		{"node-loss: {node: n2}", "split: {key: k5000}", "split is for system kv"},
		{"node-loss: {node: n2}", "clock-jump: {node: n1, forward: 1h}", "clocks of nodes jump in system kv only"},
		{"{recovered: green, within: 1m, of: node-loss}", "{linearizable: registers}", "linearizable is for system kv"},
	} {
		text := strings.Replace(sample, c.was, c.is, 1)
		require.NotEqual(t, sample, text, c.was)
		_, err := scenarios.Parse("sample.yaml", []byte(text), testVocabulary)
		require.Error(t, err, c.is)
		assert.Contains(t, err.Error(), c.want)
	}
}

func TestWhatNobodyMeantHasABoundThatIsToldWithItsPlace(t *testing.T) {
	for set, want := range map[string]string{
		"workload[0].writes=1e300/s":                          "sample.yaml:9:27: 1e+300/s; expected at most 1e+07/s",
		"workload[0].reads=1e300/s":                           "expected at most 1e+07/s",
		"workload[0].doc=2gb":                                 "a document of 2gb; expected at most 1gb",
		"controller.interval=1ns":                             "every 1ns; expected 100ms or more",
		"controller.consistency=1us":                          "expected 100ms or more",
		"duration=2000000h":                                   "sample.yaml:15:11: 2000000h; expected at most 744h",
		"settle=2000000h":                                     "expected at most 744h",
		"cluster.nodes.cpus=2000000000":                       "2000000000 processors; expected at most 4096",
		"cluster.nodes.latency=2h":                            "a latency of 2h; expected at most 1m",
		"cluster.indices[0].docs=9000000000000000000":         "9000000000000000000 documents in 6 shards; expected at most 2147483519 in each",
		"name=" + strings.Repeat("a", 300):                    "300 characters in a name; expected at most 100",
		"cluster.indices[0].name=" + strings.Repeat("a", 300): "the name has 300 bytes",
	} {
		_, err := scenarios.ParseSet("sample.yaml", []byte(sample), []string{set}, testVocabulary)
		assert.ErrorContains(t, err, want, set)
	}
	many := strings.Replace(sample, "  - {at: 5s, node-loss: {node: n2}}\n", strings.Repeat("  - {at: 5s, node-loss: {node: n2}}\n", 10_001), 1)
	_, err := scenarios.Parse("sample.yaml", []byte(many), testVocabulary)
	assert.ErrorContains(t, err, "sample.yaml:12:3: 10001 faults; expected at most 10000")
	_, err = scenarios.Parse("sample.yaml", []byte(strings.ReplaceAll(many, "node: n2}}", "node: n7}}")), testVocabulary)
	assert.ErrorContains(t, err, "and 9902 more", "a file that is wrong everywhere is not repeated as errors")
}
