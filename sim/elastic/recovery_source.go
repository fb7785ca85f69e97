package elastic

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/peer"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// serveRecovery answers a target's request; done is called at the end of it all.
func (p *Process) serveRecovery(req peer.Start, done func(error)) {
	s := p.Shards[req.ID.Key]
	if s == nil || s.Phase != Started || !s.ActingPrimary() || s.table.With(req.ID.Copy) == nil || s.Tracker.find(req.ID.Copy) == nil {
		done(peer.ErrDelay)
		return
	}
	end := served{s, p.Member(req.Target.Node)}
	src := peer.NewSource(end, end, req, done)
	s.Sources = append(s.Sources, src)
	s.Counters.sources++
	src.Begin()
}

// served is a primary as a recovery sees it that reads from it, and its way to the target.
type served struct {
	*Shard
	to *Node
}

var (
	_ peer.Primary = served{}
	_ peer.Link    = served{}
	_ peer.Group   = (*tracker)(nil)
)

func (v served) Group() peer.Group {
	if v.Tracker == nil {
		return nil
	}
	return v.Tracker
}

func (v served) OnDisk() *store.Store { return v.Store }

func (v served) OpBytes() int64 { return v.Process.Cluster.Fluid.DocBytes(v.Store) }

func (v served) Node() string { return v.Process.Node.ID() }

func (v served) After(d time.Duration, name string, f func()) { v.Process.After(d, name, f) }

func (v served) FailCorrupted(bad *Error) { v.failCorrupted("recovery", bad) }

func (v served) HandedOff(node string) {
	v.handedOff = node
	v.Tracker.close()
}

func (v served) Served(src *peer.Source) {
	if i := slices.Index(v.Sources, src); i >= 0 {
		v.Sources = slices.Delete(v.Sources, i, i+1)
	}
}

func (v served) Do(id peer.ID, step peer.Step, answered, failed func(error)) {
	Send(v.Process, v.to, recoveryStep{step, id}, settings.RecoveryActionTimeout.Get(v.Process.Conf), answered, failed)
}

func (v served) Files(id peer.ID, bytes int64, done func(error)) (*sim.Transfer, error) {
	p := v.Process
	in := inbound{v.to, func(q *Process, t *sim.Transfer) {
		if r := q.recoveryOf(id); r != nil {
			r.Transfer = t
		}
	}}
	rate := p.Cluster.Calibration.CopyBPS * int64(settings.RecoveryMaxFileChunks.Get(p.Conf)) / 2
	return p.streamFiles(in, bytes, rate, done)
}

func (v served) Ops(id peer.ID, count, bytes int64, done func(error)) *sim.Transfer {
	in := inbound{v.to, func(q *Process, _ *sim.Transfer) {
		if r := q.recoveryOf(id); r != nil {
			r.Announced(count)
		}
	}}
	return v.Process.streamOps(in, bytes, done)
}

func (v served) PerFile() time.Duration {
	return v.Process.Cluster.Calibration.PerFile + v.Process.Node.disk.Delay() + v.to.disk.Delay()
}
