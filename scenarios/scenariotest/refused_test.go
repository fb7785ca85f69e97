package scenariotest_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/internal/exitcode"
	"github.com/shardquake/shardquake/scenarios"
)

// asked are things that a file can ask for and Elasticsearch refuses, or carries out in a way
// that leaves nothing well: each is one entry of the section that it stands under.
var asked = map[string][]string{
	"settings": {
		"cluster.max_shards_per_node: 1", "cluster.max_shards_per_node: 0", "cluster.max_shards_per_node: many",
		"cluster.routing.allocation.disk.watermark.low: 95%", "cluster.routing.allocation.disk.watermark.high: 10%",
		"cluster.routing.allocation.disk.watermark.flood_stage: 1gb", "cluster.routing.allocation.disk.watermark.low: -5%",
		"cluster.routing.allocation.enable: some", "cluster.routing.allocation.balance.threshold: 0.5", "cluster.routing.allocation.balance.shard: -1",
		"cluster.routing.allocation.node_concurrent_recoveries: -2", "cluster.routing.allocation.total_shards_per_node: 0", "cluster.routing.allocation.total_shards_per_node: -7",
		"cluster.fault_detection.follower_check.interval: 1ms", "cluster.fault_detection.leader_check.timeout: soon", "cluster.info.update.interval: 1s",
		"indices.recovery.max_bytes_per_sec: fast", "cluster.routing.allocation.exclude._ip: not-an-address", "cluster.routing.allocation.awareness.attributes: rack",
		"cluster.routing.allocation.awareness.force.zone.values: \"a,b\"", "cluster.blocks.read_only: true", "cluster.no_such_setting: 1",
	},
	"indices": {
		"{name: more, shards: 2000, replicas: 0}", "{name: more, shards: 1025, replicas: 0}", "{name: more, shards: 2, replicas: 3}", "{name: more, shards: 2, replicas: 40}",
		"{name: Upper, shards: 1}", "{name: _hidden, shards: 1}", "{name: \"a b\", shards: 1}", "{name: \"..\", shards: 1}", "{name: \"-x\", shards: 1}", "{name: \"a,b\", shards: 1}",
		"{name: data, shards: 1}", "{name: more, shards: 0}", "{name: more, shards: 1, size: 900gb}",
		"{name: more, shards: 1, settings: {index.blocks.write: maybe}}", "{name: more, shards: 1, settings: {index.number_of_shards: \"0\"}}",
		"{name: more, shards: 1, settings: {index.routing.allocation.total_shards_per_node: \"-3\"}}", "{name: more, shards: 1, settings: {index.blocks.read_only: \"true\"}}",
		"{name: more, shards: 1, settings: {index.routing.allocation.require._name: nobody}}", "{name: more, shards: 1, settings: {index.no_such: \"1\"}}",
		"{name: more, shards: 1, settings: {index.refresh_interval: \"-5s\"}}", "{name: more, shards: 1, settings: {index.routing_partition_size: \"9\"}}",
	},
	"faults": {
		"{at: 2s, create-index: {index: data}}", "{at: 2s, create-index: {index: Upper}}", "{at: 2s, create-index: {index: new, shards: 5000}}", "{at: 2s, create-index: {index: new, replicas: 9}}",
		"{at: 2s, create-index: {index: new, settings: {index.number_of_replicas: \"-1\"}}}", "{at: 2s, delete-index: {index: nowhere}}", "{at: 2s, delete-index: {index: data}}",
		"{at: 2s, close-index: {index: nowhere}}", "{at: 2s, close-index: {index: data}}", "{at: 2s, open-index: {index: data}}", "{at: 3s, force-merge: {index: data}}", "{at: 3s, force-merge: {index: nowhere}}",
		"{at: 3s, alias: {alias: data, index: data}}", "{at: 3s, alias: {alias: one, index: data, write: true}}", "{at: 3s, alias: {alias: none, index: data, remove: true}}",
		"{at: 3s, roll-over: {alias: one}}", "{at: 3s, roll-over: {alias: data}}", "{at: 3s, roll-over: {alias: one, to: data}}", "{at: 3s, roll-over: {alias: one, when: {max_age: soon}}}", "{at: 3s, roll-over: {alias: one, when: {max_luck: 3}}}",
		"{at: 3s, put-template: {template: t, patterns: [\"*\"], settings: {index.number_of_shards: \"0\"}}}", "{at: 3s, put-template: {template: t, remove: true}}",
		"{at: 3s, put-policy: {policy: p, phases: {hot: {actions: {dance: {}}}}}}", "{at: 3s, put-policy: {policy: p, phases: {tepid: {actions: {}}}}}", "{at: 3s, put-policy: {policy: p, phases: {delete: {min_age: soon, actions: {delete: {}}}}}}",
		"{at: 3s, reroute: {move: {index: data, shard: 0, from: n1, to: n1}}}", "{at: 3s, reroute: {move: {index: data, shard: 77, from: n1, to: n2}}}", "{at: 3s, reroute: {cancel: {index: data, shard: 0, node: n2, primary: true}}}",
		"{at: 3s, reroute: {allocate: {index: data, shard: 0, to: n3}}}", "{at: 3s, reroute: {retry-failed: true}}", "{at: 3s, restore: {index: data, snapshot: never, as: other}}", "{at: 3s, restore: {index: data, as: data}}",
		"{at: 3s, snapshot: {indices: [nowhere]}}", "{at: 3s, snapshot: {name: Upper}}", "{at: 3s, voting-exclusion: {nodes: [n1, n2, n3]}}", "{at: 3s, voting-exclusion: {nodes: [n9]}}",
		"{at: 3s, shutdown: {node: n9, type: restart}}", "{at: 3s, shutdown: {node: n2, type: replace, target: n2}}", "{at: 3s, shutdown: {node: n2, type: nap}}", "{at: 3s, drain: {node: n9}}", "{at: 3s, drain: {node: n1}}",
		"{at: 3s, settings: {set: {cluster.routing.allocation.disk.watermark.low: 99%}}}", "{at: 3s, settings: {set: {cluster.max_shards_per_node: \"1\"}}}", "{at: 3s, settings: {set: {no.such: \"1\"}}}",
		"{at: 3s, settings: {index: nowhere, set: {index.number_of_replicas: \"0\"}}}", "{at: 3s, settings: {index: data, set: {index.number_of_shards: \"9\"}}}", "{at: 3s, settings: {index: data, set: {index.number_of_replicas: \"-1\"}}}",
		"{at: 3s, settings: {index: data, set: {index.codec: best_compression}}}", "{at: 3s, settings: {index: data, set: {index.number_of_replicas: \"9\"}}}", "{at: 3s, settings: {index: data, set: {index.blocks.metadata: \"true\"}}}",
		"{at: 3s, settings: {set: {cluster.blocks.read_only: \"true\"}}}", "{at: 3s, settings: {set: {cluster.routing.allocation.exclude._name: \"n1,n2,n3\"}}}",
		"{at: 3s, corruption: {index: nowhere}}", "{at: 3s, corruption: {index: data, shard: 9}}", "{at: 3s, node-loss: {node: n1}}", "{at: 3s, node-loss: {node: master}}", "{at: 3s, disk-pressure: {node: n1, to: 99%}}",
	},
}

// fileOf is a small cluster's file with what is asked of it.
func fileOf(picked map[string][]string) string {
	var b strings.Builder
	b.WriteString("name: asked\nabout: What Elasticsearch may refuse.\nsystem: elasticsearch\ncluster:\n  nodes: {count: 3, disk: 4gb}\n")
	if len(picked["settings"]) > 0 {
		b.WriteString("  settings:\n    " + strings.Join(picked["settings"], "\n    ") + "\n")
	}
	b.WriteString("  indices:\n    - {name: data, shards: 2, replicas: 1, size: 10mb}\n")
	for _, i := range picked["indices"] {
		b.WriteString("    - " + i + "\n")
	}
	if len(picked["faults"]) > 0 {
		b.WriteString("faults:\n")
		for _, f := range picked["faults"] {
			b.WriteString("  - " + f + "\n")
		}
	}
	b.WriteString("expect: [{steady-state: green, at: end}]\nduration: 10s\n")
	return b.String()
}

// at is where in the file something stands, as an error begins with it.
var at = regexp.MustCompile(`asked\.yaml:\d+:\d+: `)

// outcome runs a file, and is what its exit code would be.
func outcome(t assert.TestingT, text string) (code int, err error) {
	loaded, err := scenarios.ParseSet("asked.yaml", []byte(text), nil, catalog.Vocabulary())
	if err != nil {
		return exitcode.OfError(err), err
	}
	backend, err := catalog.Backend("sim")
	assert.NoError(t, err)
	defer func() {
		if v := recover(); v != nil {
			code, err = exitcode.Defect, fmt.Errorf("it panicked: %v", v)
		}
	}()
	res, err := (&scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor}).Run(context.Background(), loaded, scenarios.Options{Seed: 1})
	if err != nil {
		return exitcode.OfError(err), err
	}
	return exitcode.OfVerdict(res.Verdict), nil
}

// holds says that an outcome is the file's, not a defect, and stands at its place in the file.
func holds(t assert.TestingT, text string) {
	code, err := outcome(t, text)
	assert.NotEqual(t, exitcode.Defect, code, "%v\n%s", err, text)
	if code == exitcode.Usage {
		assert.Regexp(t, at, err.Error(), "%s", text)
	}
}

// What a file asks for and Elasticsearch refuses is the file's fault, told at its line and
// column, or the run's outcome; it is never a defect of the simulator.
func TestNothingThatAFileAsksForIsADefect(t *testing.T) {
	for section, entries := range asked {
		for _, e := range entries {
			t.Run(section+" "+e, func(t *testing.T) { holds(t, fileOf(map[string][]string{section: {e}})) })
		}
	}
}

func TestNoMixtureOfWhatAFileAsksForIsADefect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		picked := map[string][]string{}
		for _, section := range []string{"settings", "indices", "faults"} {
			most := map[string]int{"settings": 2, "indices": 1, "faults": 4}[section]
			picked[section] = rapid.SliceOfNDistinct(rapid.SampledFrom(asked[section]), 0, most, keyOf).Draw(t, section)
		}
		slices.Sort(picked["faults"]) // by time
		holds(t, fileOf(picked))
	})
}

// keyOf is the setting that an entry sets: a file sets none twice.
func keyOf(entry string) string {
	if strings.HasPrefix(entry, "{") {
		return entry
	}
	key, _, _ := strings.Cut(entry, ": ")
	return key
}
