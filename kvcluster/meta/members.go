package meta

import (
	"errors"
	"slices"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Reconfigure lets the leader bring the group's members a step closer to what they
// should be: Settings.Voters nodes that are usable, or as many as there are, over as many
// zones as possible. Nodes that don't belong go when their
// replacements have caught up. It is called now and then until nothing is left to do,
// and does nothing at other members.
func (g *Group) Reconfigure(now time.Duration, usable func(*wire.Member) bool) Effects {
	g.now, g.out = now, Effects{}
	if g.failed != nil {
		return Effects{}
	}
	if g.Leading() && len(g.conf.GetVotersOutgoing()) == 0 {
		if changes := g.steps(g.wanted(usable)); len(changes) > 0 {
			err := g.rn.ProposeConfChange(&raftpb.ConfChangeV2{Changes: changes})
			if err != nil && !errors.Is(err, raft.ErrProposalDropped) {
				g.fail(err)
			}
		}
	}
	return g.finish()
}

// wanted is the numbers of the nodes that should vote: usable ones, those that vote
// already first. Where there are too few, voters that aren't usable keep their seats: a
// smaller group would be easier to lose. Only of two there is no way to make an odd
// number without giving up one of two logs.
func (g *Group) wanted(usable func(*wire.Member) bool) []uint64 {
	n := int(g.state.Settings().Voters)
	var chosen []uint64
	perZone := make(map[string]int)
	choose := func(eligible func(*wire.Member) bool) {
		for len(chosen) < n {
			var best *wire.Member
			for i := range g.state.Members() {
				m := &g.state.Members()[i]
				if eligible(m) && !slices.Contains(chosen, m.Number) && (best == nil || preferred(m, best, perZone)) {
					best = m
				}
			}
			if best == nil {
				return
			}
			chosen = append(chosen, best.Number)
			perZone[best.Zone]++
		}
	}
	choose(usable)
	choose(func(m *wire.Member) bool {
		return m.Role == wire.Voter && (m.State == wire.Active || m.State == wire.Draining)
	})
	if len(chosen) > 2 && len(chosen)%2 == 0 {
		chosen = chosen[:len(chosen)-1]
	}
	return chosen
}

// preferred reports whether a should rather vote than b: its zone has fewer voters, or
// it votes already, or it has been there longer.
func preferred(a, b *wire.Member, perZone map[string]int) bool {
	switch {
	case perZone[a.Zone] != perZone[b.Zone]:
		return perZone[a.Zone] < perZone[b.Zone]
	case a.Role != b.Role:
		return a.Role > b.Role
	}
	return a.Number < b.Number
}

// steps are the next changes: first those that are to come become learners; when all
// have caught up they become voters, and the others go, at once.
func (g *Group) steps(wanted []uint64) []*raftpb.ConfChangeSingle {
	var learn, promote, remove []*raftpb.ConfChangeSingle
	if len(wanted) == 0 {
		return nil // a group of none would never come back
	}
	ready := true
	for _, n := range wanted {
		switch {
		case slices.Contains(g.conf.GetVoters(), n):
		case slices.Contains(g.conf.GetLearners(), n):
			promote = append(promote, change(raftpb.ConfChangeAddNode, n))
			ready = ready && g.caughtUp(n)
		default:
			learn = append(learn, change(raftpb.ConfChangeAddLearnerNode, n))
		}
	}
	for _, n := range slices.Concat(g.conf.GetVoters(), g.conf.GetLearners()) {
		if !slices.Contains(wanted, n) {
			remove = append(remove, change(raftpb.ConfChangeRemoveNode, n))
		}
	}
	switch {
	case len(learn) > 0:
		return learn[:1]
	case !ready:
		return nil
	}
	return append(promote, remove...)
}

func change(t raftpb.ConfChangeType, n uint64) *raftpb.ConfChangeSingle {
	return &raftpb.ConfChangeSingle{Type: &t, NodeId: &n}
}

// caughtUp reports whether a learner has nearly all of the log.
func (g *Group) caughtUp(number uint64) (ok bool) {
	g.rn.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if id == number {
			ok = pr.RecentActive && pr.Match+8 >= g.applied
		}
	})
	return ok
}
