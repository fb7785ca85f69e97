package kv

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv/section"
	"github.com/shardquake/shardquake/scenarios/kvload"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// Index is what the shards of a key-value cluster are called in observations and
// selectors, where those of Elasticsearch have the name of their index.
const Index = "kv"

// settingsOf are those of a cluster as described.
func settingsOf(k *section.Cluster) wire.Settings {
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
func FailoverBound(k *section.Cluster) time.Duration {
	set := settingsOf(k)
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

// Cluster is a cluster of system kv: clients reach its nodes by messages instead of
// HTTP.
type Cluster interface {
	scenarios.Cluster
	// Call sends a request or a command to a node, over the viewer's links, and waits for
	// the answer. With an error there was none; the message may have arrived.
	Call(ctx context.Context, viewer, node string, m wire.Message) (wire.Message, error)
}

// promptNodes are those that are started with the cluster.
func promptNodes(s *scenarios.Scenario) []string {
	late := s.LateNodes()
	return slices.DeleteFunc(s.NodeNames(), func(n string) bool { return slices.Contains(late, n) })
}

// streams are the workload for package kvload.
func streams(s *scenarios.Scenario) []kvload.Stream {
	var out []kvload.Stream
	for _, w := range s.Workload {
		st := kvload.Stream{
			Kind: w.KV, Viewer: endpoint(&w), Clients: w.Clients, Keys: w.Keys, Writes: float64(w.Writes), Reads: float64(w.Reads),
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
func endpoint(w *scenarios.LoadSection) string {
	if w.Endpoint == "" {
		return scenarios.ViewerClient
	}
	return w.Endpoint
}

// viewers are the endpoints beside the nodes.
func viewers(s *scenarios.Scenario) []string {
	out := []string{scenarios.ViewerClient}
	for i := range s.Workload {
		out = append(out, endpoint(&s.Workload[i]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// session is a key-value cluster's side of a run.
type session struct {
	r       *scenarios.Run
	cluster Cluster
	load    *kvload.Load // nil before it is started
}

// Begin implements [scenarios.System].
func (System) Begin(r *scenarios.Run) (scenarios.Session, error) {
	c, ok := r.Cluster().(Cluster)
	if !ok {
		return nil, fmt.Errorf("%w: the backend has no key-value clusters", scenarios.ErrUnavailable)
	}
	r.History().Holds = regained
	return &session{r: r, cluster: c}, nil
}

// regained is for how long a status holds that is regained after a fault. A copy that falls
// behind for a moment later, because its machine has other things to do, doesn't undo it. A
// scenario that replaces lost copies sooner has yellow count from there, if it is red meanwhile.
const regained = 30 * time.Second

// Target implements [scenarios.Session].
func (k *session) Target() chaos.Target { return k.cluster.Target() }

// Prepare implements [scenarios.Session]: the layout described, with what the load needs.
func (k *session) Prepare(ctx context.Context) error {
	s := k.r.Scenario()
	kv := s.Cluster.KV
	layout := kvload.Layout{Nodes: promptNodes(s), Shards: kv.Shards, Replicas: kv.Replication, Items: kv.Items, ValueBytes: int(kv.Value)}
	k.r.Progress("laying out %d shards", kv.Shards)
	switch err := kvload.Lay(ctx, k.cluster, scenarios.ViewerClient, layout); {
	case err != nil && strings.Contains(err.Error(), "disk is full"):
		return fmt.Errorf("%w: the disks can't hold the items: %w", scenarios.ErrScenario, err)
	case err != nil:
		return fmt.Errorf("laying out the cluster: %w", err)
	}
	if err := kvload.Prepare(ctx, k.cluster, scenarios.ViewerClient, promptNodes(s), streams(s)); err != nil {
		return fmt.Errorf("laying out the cluster: %w", err)
	}
	return nil
}

// Release implements [scenarios.Session]; nothing holds shards where they are.
func (k *session) Release(context.Context) error { return nil }

// Start implements [scenarios.Session]: the clients.
func (k *session) Start(ctx context.Context, group clock.Group) error {
	s := k.r.Scenario()
	k.load = kvload.New(kvload.Config{
		Cluster: k.cluster, Nodes: promptNodes(s), Shards: s.Cluster.KV.Shards, Items: s.Cluster.KV.Items, Streams: streams(s), Zero: k.r.Zero(), InFault: k.r.FaultInForce,
	})
	k.r.Sample(ctx, group)
	return k.load.Start(ctx, group)
}

// Stop implements [scenarios.Session]; all of the load is processes.
func (k *session) Stop(context.Context) error { return nil }

// Traffic implements [scenarios.Session].
func (k *session) Traffic() observed.Traffic {
	if k.load == nil {
		return observed.Traffic{}
	}
	c := k.load.Counts()
	return observed.Traffic{Acked: c.Acked, Failed: c.Failed, Unknown: c.Unknown, Reads: c.Reads, ReadsFailed: c.ReadsFailed, P50: c.P50, P99: c.P99}
}

// Verify implements [scenarios.Session].
func (k *session) Verify(ctx context.Context) error {
	k.r.Progress("looking for the acknowledged writes and at all copies")
	if err := k.load.End(ctx, scenarios.ViewerClient); err != nil {
		return err
	}
	k.r.History().Own = k.load.History()
	return nil
}

// Summary implements [scenarios.Session].
func (k *session) Summary() observed.TracerSummary {
	if k.load == nil {
		return observed.TracerSummary{}
	}
	h := k.load.History()
	t := observed.TracerSummary{Checked: h.Checked, Lost: len(h.Lost), LostIDs: h.Lost[:min(len(h.Lost), observed.LostNamed)]}
	slow := k.r.Scenario().Client.Slow.D()
	var ops []observed.TracerOp
	for _, x := range h.Tracers {
		op := observed.TracerOp{At: x.Start, Latency: x.End - x.Start, Result: observed.FateUnknown, Cause: x.Cause}
		switch x.Outcome {
		case check.Done:
			op.Result, op.Slow = observed.FateAcked, op.Latency > slow
			if x.InFault {
				t.AckedInFault++
			}
		case check.Refused:
			op.Result = observed.FateFailed
		}
		ops = append(ops, op)
	}
	t.Follow(ops)
	return t
}

// SeenBy is what the clients of a key-value cluster saw; nil for none.
func SeenBy(h *observed.History) *kvload.History {
	k, _ := h.Own.(*kvload.History)
	return k
}
