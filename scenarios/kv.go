package scenarios

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/internal/units"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios/kvload"
)

// The systems.
const (
	systemElastic = "elasticsearch"
	systemKV      = "kv"
)

// KVIndex is what the shards of a key-value cluster are called in observations and
// selectors, where those of Elasticsearch have the name of their index.
const KVIndex = "kv"

// KVSection describes what is particular to a key-value cluster.
type KVSection struct {
	Shards            int            `yaml:"shards,omitempty" json:"shards" jsonschema:"minimum=1,description=at t=0; at even distances over the keys k0000 to k9999; default 4"`
	Replication       int            `yaml:"replication,omitempty" json:"replication" jsonschema:"minimum=1,description=copies of each shard; default 3"`
	ReadLevel         string         `yaml:"read-level,omitempty" json:"read_level" jsonschema:"enum=one,enum=quorum,enum=all,description=of streams that name none; default quorum"`
	WriteLevel        string         `yaml:"write-level,omitempty" json:"write_level" jsonschema:"enum=one,enum=quorum,enum=all,description=of streams that name none; default quorum"`
	Voters            int            `yaml:"voters,omitempty" json:"voters" jsonschema:"minimum=1,description=nodes of the metadata group; default 3"`
	Heartbeat         units.Duration `yaml:"heartbeat,omitempty" json:"heartbeat" jsonschema:"description=how often a node tells that it lives; default 5s"`
	FailureThreshold  int            `yaml:"failure-threshold,omitempty" json:"failure_threshold" jsonschema:"minimum=1,description=heartbeats missed in a row for a failure; default 3"`
	RecoveryThreshold int            `yaml:"recovery-threshold,omitempty" json:"recovery_threshold" jsonschema:"minimum=1,description=heartbeats heard in a row for the end of one; default 3"`
	ReplaceAfter      units.Duration `yaml:"replace-after,omitempty" json:"replace_after" jsonschema:"description=how long a node is down before its copies are made elsewhere; default 1m"`
	// Balance lets the cluster split, merge and move by what it measures.
	Balance      bool           `yaml:"balance,omitempty" json:"balance" jsonschema:"description=the cluster splits and merges and moves shards by what it measures; default: they stay as they are"`
	BalanceEvery units.Duration `yaml:"balance-every,omitempty" json:"balance_every,omitempty" jsonschema:"description=how often it looks; default 1m"`
	SplitBytes   units.Size     `yaml:"split-bytes,omitempty" json:"split_bytes,omitempty" jsonschema:"description=size at which a shard is split; default 64mb"`
	SplitQPS     int            `yaml:"split-qps,omitempty" json:"split_qps,omitempty" jsonschema:"description=operations a second at which a shard is split; default 2000"`
	MergeBytes   units.Size     `yaml:"merge-bytes,omitempty" json:"merge_bytes,omitempty" jsonschema:"description=size below which neighbours are merged; default a quarter of split-bytes"`
	MergeQPS     int            `yaml:"merge-qps,omitempty" json:"merge_qps,omitempty" jsonschema:"description=operations a second below which neighbours are merged; default a quarter of split-qps"`
	Items        int            `yaml:"items,omitempty" json:"items,omitempty" jsonschema:"minimum=0,description=keys that are there at t=0"`
	Value        units.Size     `yaml:"value,omitempty" json:"value,omitempty" jsonschema:"description=size of the value of each of them; default 100b"`
}

// settings are those of the cluster.
func (k *KVSection) settings() wire.Settings {
	read, _ := wireLevel(k.ReadLevel)
	write, _ := wireLevel(k.WriteLevel)
	return meta.WithDefaults(wire.Settings{
		Replicas: uint64(k.Replication), ReadLevel: read, WriteLevel: write, Voters: uint64(k.Voters),
		Heartbeat: k.Heartbeat.D(), FailureThreshold: uint64(k.FailureThreshold), RecoveryThreshold: uint64(k.RecoveryThreshold),
		ReplaceAfter: k.ReplaceAfter.D(), ManualBalance: !k.Balance, BalanceEvery: k.BalanceEvery.D(),
		SplitBytes: uint64(k.SplitBytes), SplitQPS: uint64(k.SplitQPS), MergeBytes: uint64(k.MergeBytes), MergeQPS: uint64(k.MergeQPS),
	})
}

// FailoverBound is the longest that a shard is without a primary after a failure while
// majorities are well, by the cluster's settings.
func (k *KVSection) FailoverBound() time.Duration {
	set := k.settings()
	return failover.Bound(&set, failover.Usual())
}

// wireLevel is the level of that name.
func wireLevel(name string) (wire.Level, bool) {
	for _, l := range []wire.Level{wire.One, wire.Quorum, wire.All} {
		if l.String() == name {
			return l, true
		}
	}
	return wire.Quorum, false
}

// KVCluster is a cluster of system kv: clients reach its nodes by messages instead of
// HTTP.
type KVCluster interface {
	Cluster
	// Call sends a request or a command to a node, over the viewer's links, and waits for
	// the answer. With an error there was none; the message may have arrived.
	Call(ctx context.Context, viewer, node string, m wire.Message) (wire.Message, error)
}

// promptNodes are those that are started with the cluster.
func (s *Scenario) promptNodes() []string {
	names := s.NodeNames()
	return names[:len(names)-len(s.lateNodes())]
}

// kvStreams are the workload for package kvload.
func (s *Scenario) kvStreams() []kvload.Stream {
	var out []kvload.Stream
	for _, w := range s.Workload {
		st := kvload.Stream{
			Kind: w.KV, Viewer: w.endpoint(), Clients: w.Clients, Keys: w.Keys, Writes: float64(w.Writes), Reads: float64(w.Reads),
			Tracers: float64(*w.Tracers), From: w.From.D(), ValueBytes: int(w.Doc),
		}
		if w.KV == kvload.Bank {
			st.Keys, st.Writes = w.Accounts, float64(w.Transfers)
		}
		st.WriteLevel, _ = wireLevel(w.Level)
		st.ReadLevel, _ = wireLevel(w.ReadLevel)
		out = append(out, st)
	}
	return out
}

// endpoint is where a stream's clients are.
func (w *LoadSection) endpoint() string {
	if w.Endpoint == "" {
		return ViewerClient
	}
	return w.Endpoint
}

// kvViewers are the endpoints beside the nodes.
func (s *Scenario) kvViewers() []string {
	out := []string{ViewerClient}
	for i := range s.Workload {
		out = append(out, s.Workload[i].endpoint())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kvRun is the load of a run on a key-value cluster.
type kvRun struct {
	cluster KVCluster
	load    *kvload.Load
}

// prepareKV brings the cluster to the layout described, with what the load needs.
func (r *run) prepareKV(ctx context.Context) error {
	c, ok := r.cluster.(KVCluster)
	if !ok {
		return fmt.Errorf("%w: backend %s has no key-value clusters", ErrUnavailable, r.runner.Backend.Name())
	}
	k := r.scenario.Cluster.KV
	layout := kvload.Layout{Nodes: r.scenario.promptNodes(), Shards: k.Shards, Replicas: k.Replication, Items: k.Items, ValueBytes: int(k.Value)}
	r.progress("laying out %d shards", k.Shards)
	if err := kvload.Lay(ctx, c, ViewerClient, layout); err != nil {
		return err
	}
	return kvload.Prepare(ctx, c, ViewerClient, r.scenario.promptNodes(), r.scenario.kvStreams())
}

// startKV starts the clients.
func (r *run) startKV(ctx context.Context, group clock.Group) error {
	c, ok := r.cluster.(KVCluster)
	if !ok {
		return fmt.Errorf("%w: backend %s has no key-value clusters", ErrUnavailable, r.runner.Backend.Name())
	}
	k := &kvRun{cluster: c}
	k.load = kvload.New(kvload.Config{
		Cluster: c, Nodes: r.scenario.promptNodes(), Shards: r.scenario.Cluster.KV.Shards, Items: r.scenario.Cluster.KV.Items, Streams: r.scenario.kvStreams(), Zero: r.zero, InFault: r.faultInForce,
	})
	r.tracers = k
	return k.load.Start(ctx, group)
}

// traffic is what the load has done until now.
func (k *kvRun) traffic() Traffic {
	c := k.load.Counts()
	return Traffic{Acked: c.Acked, Failed: c.Failed, Unknown: c.Unknown, Reads: c.Reads, ReadsFailed: c.ReadsFailed, P50: c.P50, P99: c.P99}
}

// verify looks at the cluster when all is over.
func (k *kvRun) verify(ctx context.Context, r *run) error {
	r.progress("looking for the acknowledged writes and at all copies")
	if err := k.load.End(ctx, ViewerClient); err != nil {
		return err
	}
	r.history.KV = k.load.History()
	return nil
}

// summary is the fate of the tracers.
func (k *kvRun) summary() TracerSummary {
	h := k.load.History()
	t := TracerSummary{Checked: h.Checked, Lost: len(h.Lost), LostIDs: h.Lost[:min(len(h.Lost), lostNamed)]}
	for _, x := range h.Tracers {
		op := TracerOp{At: x.Start, Latency: x.End - x.Start}
		t.Attempted++
		switch x.Outcome {
		case check.Done:
			op.Result = "acked"
			t.Acked++
			t.LatencyMs = append(t.LatencyMs, float64(op.Latency.Microseconds())/1000)
			if x.InFault {
				t.AckedInFault++
			}
		case check.Unknown:
			op.Result = "unknown"
			t.Unknown++
		default:
			op.Result = "failed"
			t.Failed++
		}
		t.Operations = append(t.Operations, op)
	}
	return t
}

// watched is documents or keys that are followed one by one.
type watched interface {
	// verify looks for what was acknowledged, when all is over.
	verify(ctx context.Context, r *run) error
	summary() TracerSummary
}

var (
	_ watched = (*tracers)(nil)
	_ watched = (*kvRun)(nil)
)
