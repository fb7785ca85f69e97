package meta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// silent discards what raft has to say; what it can't go on after it panics about.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}

func (silent) Fatal(v ...any)            { panic("raft: " + fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...any) { panic("raft: " + fmt.Sprintf(f, v...)) }
func (silent) Panic(v ...any)            { panic("raft: " + fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...any) { panic("raft: " + fmt.Sprintf(f, v...)) }

// drain does what raft wants done, until it wants nothing more.
func (g *Group) drain() {
	for g.failed == nil && g.rn.HasReady() {
		rd := g.rn.Ready()
		for _, rs := range rd.ReadStates {
			g.confirmed(rs)
		}
		for _, m := range rd.Messages {
			switch m.GetTo() {
			case raft.LocalAppendThread:
				if g.appends = append(g.appends, m); len(g.appends) == 1 {
					g.stuckAt = g.now
				}
				g.persist()
			case raft.LocalApplyThread:
				g.apply(m)
			default:
				g.send(m)
			}
		}
	}
	g.answerReads()
	g.snapshot()
}

// persist stores what raft wants stored, in its order. With a full disk the rest waits
// for the next tick, and raft with it.
func (g *Group) persist() {
	for len(g.appends) > 0 && g.failed == nil {
		m := g.appends[0]
		wrote, err := g.disk.store(m)
		if errors.Is(err, storage.ErrFull) {
			return
		}
		if err != nil {
			g.fail(err)
			return
		}
		g.appends = g.appends[1:]
		if snap := m.GetSnapshot(); !raft.IsEmptySnap(snap) {
			g.restore(snap)
		}
		if responses := m.GetResponses(); len(responses) > 0 {
			if wrote {
				g.wantSync()
			}
			g.afterSync(func() { g.deliver(responses) })
		}
	}
}

func (g *Group) wantSync() {
	if g.out.Sync == 0 {
		g.out.Sync = g.syncs.Ask()
	}
}

// afterSync does f once everything so far is durable.
func (g *Group) afterSync(f func()) {
	if g.cfg.is(VoteUnsynced) {
		f()
		return
	}
	g.syncs.After(f)
}

// deliver passes on what was to be said after a write.
func (g *Group) deliver(responses []*raftpb.Message) {
	for _, m := range responses {
		if m.GetTo() == g.cfg.Number {
			g.step(m)
		} else {
			g.send(m)
		}
	}
}

func (g *Group) send(m *raftpb.Message) {
	to := g.peer(m.GetTo())
	if m.GetType() == raftpb.MsgSnap {
		g.sentTo = append(g.sentTo, m.GetTo())
	}
	if to == "" || g.mute() {
		return // raft will repeat it; by then the state may say who that is
	}
	data, err := encode(m)
	if err != nil {
		g.fail(err)
		return
	}
	g.out.Messages = append(g.out.Messages, &wire.Raft{Peer: wire.Peer{From: g.cfg.Self, To: to}, Data: data})
}

// restore takes the state of a snapshot that the leader sent.
func (g *Group) restore(snap *raftpb.Snapshot) {
	s, err := snapshotState(snap)
	if err != nil {
		g.fail(err)
		return
	}
	meta := snap.GetMetadata()
	g.conf, g.snapped = meta.GetConfState(), meta.GetIndex()
	g.become(s, meta.GetIndex(), meta.GetTerm())
}

func (g *Group) become(s State, index, term uint64) {
	g.applied, g.term = index, term
	if s.Revision() == g.state.Revision() && g.state.Known() {
		return
	}
	g.state = s
	g.out.Changed = true
	g.meet()
}

// apply carries out committed entries.
func (g *Group) apply(m *raftpb.Message) {
	for _, e := range m.GetEntries() {
		if e.GetIndex() <= g.applied {
			continue
		}
		var s State
		switch e.GetType() {
		case raftpb.EntryConfChange, raftpb.EntryConfChangeV2:
			s = g.reconfigured(e)
		default:
			s = g.commanded(e)
		}
		if g.failed != nil {
			return
		}
		g.become(s, e.GetIndex(), e.GetTerm())
	}
	g.deliver(m.GetResponses())
}

func (g *Group) commanded(e *raftpb.Entry) State {
	if len(e.GetData()) == 0 {
		return g.state // the beginning of a term
	}
	p, err := wire.DecodeProposal(e.GetData())
	if err != nil {
		g.out.Odds = fmt.Errorf("entry %d is no proposal, which all members pass over: %w", e.GetIndex(), err)
		return g.state
	}
	s := g.state
	r := Result{Outcomes: make([]Outcome, len(p.Commands)), Errs: make([]error, len(p.Commands))}
	for i := range p.Commands {
		s, r.Outcomes[i], r.Errs[i] = s.Apply(&p.Commands[i])
	}
	if p.Origin == g.cfg.Number {
		g.answer(p.ID, r)
	}
	return s
}

// answer ends the wait for a proposal.
func (g *Group) answer(number uint64, r Result) {
	g.waits = slices.DeleteFunc(g.waits, func(w wait) bool {
		if w.read || w.number != number {
			return false
		}
		r.ID = w.id
		g.out.Results = append(g.out.Results, r)
		return true
	})
}

// reconfigured is the state after a change of members.
func (g *Group) reconfigured(e *raftpb.Entry) State {
	cc := new(raftpb.ConfChangeV2)
	if e.GetType() == raftpb.EntryConfChange {
		g.fail(errors.New("a change of members of the old kind"))
		return g.state
	}
	if err := proto.Unmarshal(e.GetData(), cc); err != nil {
		g.fail(err)
		return g.state
	}
	g.conf = g.rn.ApplyConfChange(cc)
	return g.state.withRoles(func(number uint64) wire.VoterRole {
		switch {
		case slices.Contains(g.conf.GetVoters(), number), slices.Contains(g.conf.GetVotersOutgoing(), number):
			return wire.Voter
		case slices.Contains(g.conf.GetLearners(), number):
			return wire.Learner
		}
		return wire.NoVoter
	})
}

func readContext(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// confirmed notes the index that a read has to see.
func (g *Group) confirmed(rs raft.ReadState) {
	for i := range g.waits {
		if w := &g.waits[i]; w.read && slices.Equal(readContext(w.number), rs.RequestCtx) {
			w.index = rs.Index
		}
	}
}

func (g *Group) answerReads() {
	g.waits = slices.DeleteFunc(g.waits, func(w wait) bool {
		if !w.read || w.index == 0 || g.applied < w.index {
			return false
		}
		g.out.Results = append(g.out.Results, Result{ID: w.id})
		return true
	})
}

// snapshot makes the state the beginning of the log, now and then.
func (g *Group) snapshot() {
	if g.failed != nil || g.applied < g.snapped+g.cfg.SnapshotEvery {
		return
	}
	ok, err := g.disk.compact(g.applied, g.conf, g.state, g.cfg.SnapshotEvery/2)
	if err != nil {
		g.fail(err)
	} else if ok {
		g.snapped = g.applied
	}
}

// applyEarly is a defect: see ApplyEarly.
func (g *Group) applyEarly(commands []wire.Command) {
	s := g.state
	for i := range commands {
		s, _, _ = s.Apply(&commands[i])
	}
	g.become(s, g.applied, g.term)
}
