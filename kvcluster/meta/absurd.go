package meta

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// absurd returns an error for a message that claims what can't be, if what this member has is
// what it was: raft would end the process, since it takes its peers' word. One of the two
// has lost something, or made it up.
func (g *Group) absurd(m *raftpb.Message) error {
	if t := m.GetTerm(); t != 0 && t < g.Term() {
		return nil // of a time that is over, which raft knows
	}
	last := g.lastIndex()
	switch m.GetType() {
	case raftpb.MsgHeartbeat:
		if m.GetCommit() > last {
			return fmt.Errorf("entry %d is said to be here and committed, the log ends at %d", m.GetCommit(), last)
		}
	case raftpb.MsgApp:
		return g.absurdEntries(m)
	case raftpb.MsgAppResp:
		// One that doesn't lead passes over it: it may have led before its last start, and have
		// lost the end of its log with others having it.
		if g.rn.BasicStatus().RaftState == raft.StateLeader && !m.GetReject() && m.GetIndex() > last {
			return fmt.Errorf("it says that it has entry %d of the log, which ends at %d", m.GetIndex(), last)
		}
	case raftpb.MsgSnap:
		return absurdSnapshot(m.GetSnapshot())
	case raftpb.MsgProp:
		for _, e := range m.GetEntries() {
			if e.GetType() != raftpb.EntryNormal {
				return errors.New("a member proposes a change of members, which is the leader's to do")
			}
			if err := readable(e); err != nil {
				return err
			}
		}
	case raftpb.MsgReadIndex, raftpb.MsgReadIndexResp:
		if len(m.GetEntries()) != 1 {
			return fmt.Errorf("a read of %d entries", len(m.GetEntries()))
		}
	}
	return nil
}

// lastIndex is the end of the log, with what the disk has no room for yet.
func (g *Group) lastIndex() uint64 {
	for i := len(g.appends) - 1; i >= 0; i-- {
		if list := g.appends[i].GetEntries(); len(list) > 0 {
			return list[len(list)-1].GetIndex()
		}
	}
	last, err := g.disk.LastIndex()
	g.fail(err)
	return last
}

// termAt is the term of an entry of the log, with what the disk has no room for yet.
func (g *Group) termAt(index uint64) (uint64, bool) {
	for i := len(g.appends) - 1; i >= 0; i-- {
		for _, e := range g.appends[i].GetEntries() {
			if e.GetIndex() == index {
				return e.GetTerm(), true
			}
		}
	}
	term, err := g.disk.Term(index)
	return term, err == nil
}

// absurdEntries holds that entries follow each other, can be read, and aren't others than
// those that are committed.
func (g *Group) absurdEntries(m *raftpb.Message) error {
	next, term := m.GetIndex()+1, m.GetLogTerm()
	commit := g.rn.BasicStatus().GetCommit()
	for _, e := range m.GetEntries() {
		if e.GetIndex() != next || e.GetTerm() < term || e.GetTerm() > m.GetTerm() {
			return fmt.Errorf("entry %d of term %d behind entry %d of term %d", e.GetIndex(), e.GetTerm(), next-1, term)
		}
		if have, known := g.termAt(next); known && next <= commit && have != e.GetTerm() {
			return fmt.Errorf("entry %d of term %d is committed here, it sends one of term %d", next, have, e.GetTerm())
		}
		if err := readable(e); err != nil {
			return err
		}
		next, term = next+1, e.GetTerm()
	}
	return nil
}

// readable returns an error for an entry that can't be carried out.
func readable(e *raftpb.Entry) error {
	switch e.GetType() {
	case raftpb.EntryConfChange:
		return errors.New("a change of members of the old kind")
	case raftpb.EntryConfChangeV2:
		return proto.Unmarshal(e.GetData(), new(raftpb.ConfChangeV2))
	}
	if len(e.GetData()) == 0 {
		return nil
	}
	_, err := wire.DecodeProposal(e.GetData())
	return err
}

func absurdSnapshot(snap *raftpb.Snapshot) error {
	at := snap.GetMetadata()
	if at.GetIndex() == 0 || len(at.GetConfState().GetVoters()) == 0 {
		return errors.New("a snapshot of nothing")
	}
	_, err := snapshotState(snap)
	return err
}
