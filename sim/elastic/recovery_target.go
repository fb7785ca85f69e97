package elastic

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/peer"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Recovery is the recovery of a copy on this node, from a peer or from elsewhere.
type Recovery struct {
	peer.Target
	Shard  *Shard
	Source *Node
	fresh  bool // there was no store
}

// startRecovery begins the recovery of a new copy.
func (s *Shard) startRecovery(fresh bool) {
	r := &Recovery{Shard: s, fresh: fresh}
	r.Target = peer.NewTarget(recovering{r}, recovering{r}, s.Routing.Source)
	s.Recovery = r
	s.Process.Running = append(s.Process.Running, r)
	r.Enter(StageInit)
	s.Counters.targets++
	switch r.Kind {
	case state.Peer:
		r.prepare()
	case state.Snapshot:
		s.Process.Cluster.Snapshots.Restore(r)
	case state.LocalShards:
		r.recoverFromShards()
	default:
		r.recoverLocally()
	}
}

// prepare looks at the local store and asks the source to begin.
func (r *Recovery) prepare() {
	p := r.Shard.Process
	r.Source = p.Member(sourceOf(r.Shard.Routing, r.Shard.table))
	r.Later(p.cost(p.Cluster.Calibration.RecoveryStart)+r.Shard.checkTime(), r.Ask)
}

// Reserved are the bytes that the recovery will still write.
func (r *Recovery) Reserved() int64 { return r.Target.Reserved(r.Shard.Routing.ExpectedBytes) }

// recoveryOf is the attempt of a recovery that is under way here, or nil.
func (p *Process) recoveryOf(id peer.ID) *Recovery {
	s := p.Shards[id.Key]
	if s == nil || s.Recovery == nil || id.Process != p.ephemeral || s.Routing.AllocationID != id.Copy || !s.Recovery.Current(id.Attempt) {
		return nil
	}
	return s.Recovery
}

// recovering is a copy of this node as its recovery sees it, and the process it is in.
type recovering struct{ r *Recovery }

var (
	_ peer.Copy = recovering{}
	_ peer.Host = recovering{}
)

func (v recovering) process() *Process { return v.r.Shard.Process }

func (v recovering) OnDisk() *store.Store { return v.r.Shard.Store }

func (v recovering) Identity() (peer.ID, string, bool) {
	s, p := v.r.Shard, v.process()
	id := peer.ID{Key: s.Key, Copy: s.Routing.AllocationID, Process: p.ephemeral}
	return id, p.Node.ID(), s.Routing.Primary && s.Routing.IsRelocationTarget()
}

func (v recovering) OpenLocally() bool { return v.r.Shard.openLocally() }

func (v recovering) Detach() { v.process().Cluster.Fluid.Detach(v.r.Shard.Store) }

func (v recovering) Adopt(fluidDocs, end int64) {
	v.process().Cluster.Fluid.Adopt(v.r.Shard.Store, fluidDocs, end)
}

func (v recovering) Activate(inSync []string, tracked map[string]bool) {
	v.r.Shard.activate(inSync)
	for _, c := range v.r.Shard.Tracker.copies {
		c.tracked = tracked[c.id]
	}
}

const errNoSpace = "java.io.IOException: No space left on device"

func (v recovering) Recovered() {
	s, n := v.r.Shard, v.process().Node
	s.Phase = postRecovery
	if !s.writeState() {
		return
	}
	if n.Changed(); !n.Account() {
		v.r.FailLocally(errNoSpace)
		return
	}
	s.Process.reportStarted(s)
}

func (v recovering) Fail(cause string) { v.r.Shard.fail("failed recovery", cause) }

func (v recovering) Changed() { v.process().Node.Changed() }

func (v recovering) Entered() { v.process().Cluster.Watch.Recovery(v.r) }

func (v recovering) Ended() {
	p := v.process()
	if i := slices.Index(p.Running, v.r); i >= 0 {
		p.Running = slices.Delete(p.Running, i, i+1)
	}
	p.Node.Changed()
}

func (v recovering) Now() sim.Time { return v.r.Shard.Now() }

func (v recovering) Time() time.Time { return v.process().Clock.Now() }

func (v recovering) After(d time.Duration, name string, f func()) sim.Timer {
	return v.process().After(d, name, f)
}

func (v recovering) Ask(req peer.Start, answered, lost func(error)) {
	Send(v.process(), v.r.Source, startRecovery{req}, 0, answered, lost)
}

func (v recovering) Costs() peer.Costs {
	p := v.process()
	return peer.Costs{
		PerOp: p.Cluster.Calibration.PerOp, Open: p.cost(p.Cluster.Calibration.RecoveryEnd),
		RetryDelay: settings.RecoveryRetryDelayStateSync.Get(p.Conf), RetryLost: settings.RecoveryRetryDelayNetwork.Get(p.Conf),
	}
}
