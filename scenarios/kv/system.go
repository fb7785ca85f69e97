package kv

import (
	_ "embed"
	"fmt"
	"github.com/shardquake/shardquake/scenarios"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

//go:embed starter.yaml
var starter []byte

// System is the key-value store.
type System struct{}

// Name implements [scenarios.System].
func (System) Name() string { return chaos.KeyValue }

// Starter implements [scenarios.System].
func (System) Starter() []byte { return starter }

// Shapes implements [scenarios.System].
func (System) Shapes(s *scenarios.Scenario) []chaos.IndexShape {
	k := s.Cluster.KV
	return []chaos.IndexShape{{Name: Index, Shards: k.Shards, Replicas: k.Replication - 1}}
}

// Viewers implements [scenarios.System].
func (System) Viewers(s *scenarios.Scenario) []string { return viewers(s) }

// Own implements [scenarios.System]: a *[Spec].
func (System) Own(s *scenarios.Scenario) any {
	return &Spec{Shards: s.Cluster.KV.Shards, Settings: settingsOf(s.Cluster.KV)}
}

// Offer implements [scenarios.System].
func (System) Offer(_ *scenarios.Scenario, t chaos.Target) chaos.Target { return t }

// Describe implements [scenarios.System].
func (System) Describe(s *scenarios.Scenario) []string {
	k := s.Cluster.KV
	out := []string{fmt.Sprintf("shards    %d × %d copies; by its settings a failover takes at most %s", k.Shards, k.Replication, FailoverBound(k))}
	for _, w := range s.Workload {
		out = append(out, fmt.Sprintf("clients   %s: %d, %s writes, %s reads, %s tracers", w.KV, w.Clients, w.Writes+w.Transfers, w.Reads, *w.Tracers))
	}
	return out
}

// Expectations implements [scenarios.System]. A new one is a file and a line here.
func (System) Expectations() []scenarios.ExpectationKind {
	return []scenarios.ExpectationKind{
		kind("linearizable", "what clients saw of each register could have happened one after another", func() scenarios.Expectation { return &Linearizable{} }),
		kind("serializable", "what transactions saw could have happened one after another", func() scenarios.Expectation { return &Serializable{} }),
		kind("failover-within", "no range is without writes for longer when a majority is well", func() scenarios.Expectation { return &FailoverWithin{} }),
		kind("copies-converge", "all copies of each shard are equal at the end", func() scenarios.Expectation { return &CopiesConverge{} }),
		kind("ranges-tile", "in every shard map each key lies in exactly one shard, and each follows from the one before", func() scenarios.Expectation { return &RangesTile{} }),
		kind("one-primary-per-epoch", "no shard has two primaries in an epoch", func() scenarios.Expectation { return &OnePrimaryPerEpoch{} }),
		kind("refused", "writes at a level are refused, not lost, while a fault is in force", func() scenarios.Expectation { return &Refused{} }),
	}
}

func kind(name, about string, fresh func() scenarios.Expectation) scenarios.ExpectationKind {
	return scenarios.ExpectationKind{Name: name, About: about, Systems: []string{chaos.KeyValue}, New: fresh}
}

// Spec is what is particular to a key-value cluster. Its shards are cut and spread by
// the runner.
type Spec struct {
	Shards   int
	Settings wire.Settings
}

// SpecOf is what is particular to a cluster described; an error where it is of another system.
func SpecOf(spec scenarios.ClusterSpec) (*Spec, error) {
	own, ok := spec.Own.(*Spec)
	if !ok {
		return nil, fmt.Errorf("%w: %s is no key-value cluster", scenarios.ErrUnavailable, spec.Name)
	}
	return own, nil
}
