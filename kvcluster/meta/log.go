package meta

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// The keys of the group on the node's engine:
//
//	0 h        hard state: term, vote, commit index
//	0 s        the newest snapshot
//	0 l index  an entry of the log
var (
	hardStateKey = [2]byte{0, 'h'}
	snapshotKey  = [2]byte{0, 's'}
	logKey       = [2]byte{0, 'l'}
)

func entryKey(index uint64) []byte { return binary.BigEndian.AppendUint64(logKey[:], index) }

// encode is deterministic, as everything that reaches a disk or a wire.
func encode(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// disk is hard state, log and snapshot: in memory as raft reads them, and on the
// engine.
type disk struct {
	*raft.MemoryStorage
	eng storage.Engine
	// present is a snapshot of the present state, for members that need one: one that
	// has just come must find itself in it.
	present func() (*raftpb.Snapshot, error)
}

// Snapshot implements raft.Storage.
func (d *disk) Snapshot() (*raftpb.Snapshot, error) {
	if d.present == nil {
		return d.MemoryStorage.Snapshot()
	}
	return d.present()
}

// Bootstrap adds to a batch the data of a new group of one member; Open follows when the
// batch has been applied. The engine must not have a group yet.
func Bootstrap(b *storage.Batch, first State) error {
	w := first.Wire(true)
	snap, err := newSnapshot(1, 1, &raftpb.ConfState{Voters: []uint64{1}}, &w)
	if err != nil {
		return fmt.Errorf("meta: bootstrap: %w", err)
	}
	one := uint64(1)
	return putSnapshot(b, snap, &raftpb.HardState{Term: &one, Commit: &one})
}

// Exists reports whether an engine has a group's data.
func Exists(eng storage.Engine) (bool, error) {
	_, found, err := eng.Get(hardStateKey[:])
	return found, err
}

func newSnapshot(index, term uint64, cs *raftpb.ConfState, w *wire.ClusterState) (*raftpb.Snapshot, error) {
	data, err := wire.Append(nil, w)
	if err != nil {
		return nil, err
	}
	return &raftpb.Snapshot{Data: data, Metadata: &raftpb.SnapshotMetadata{ConfState: cs, Index: &index, Term: &term}}, nil
}

// snapshotState is the state that a snapshot contains.
func snapshotState(snap *raftpb.Snapshot) (State, error) {
	m, rest, err := wire.Decode(snap.GetData())
	if err != nil {
		return State{}, fmt.Errorf("meta: snapshot: %w", err)
	}
	w, ok := m.(*wire.ClusterState)
	if !ok || len(rest) > 0 {
		return State{}, fmt.Errorf("meta: snapshot of %T and %d bytes: %w", m, len(rest), storage.ErrCorrupt)
	}
	return FromWire(w)
}

func putSnapshot(b *storage.Batch, snap *raftpb.Snapshot, hs *raftpb.HardState) error {
	buf, err := encode(snap)
	if err != nil {
		return err
	}
	b.Put(snapshotKey[:], buf)
	return putHardState(b, hs)
}

func putHardState(b *storage.Batch, hs *raftpb.HardState) error {
	buf, err := encode(hs)
	if err != nil {
		return err
	}
	b.Put(hardStateKey[:], buf)
	return nil
}

// openDisk reads what an engine has; nothing, for a member that is to come.
func openDisk(eng storage.Engine) (*disk, error) {
	d := &disk{MemoryStorage: raft.NewMemoryStorage(), eng: eng}
	snap, hs := new(raftpb.Snapshot), new(raftpb.HardState)
	hasSnap, err := load(eng, snapshotKey[:], snap)
	if err != nil {
		return nil, err
	}
	hasHard, err := load(eng, hardStateKey[:], hs)
	if err != nil {
		return nil, err
	}
	if hasSnap {
		if err := d.ApplySnapshot(snap); err != nil {
			return nil, fmt.Errorf("meta: %w: %w", storage.ErrCorrupt, err)
		}
	}
	if hasHard {
		commit := max(hs.GetCommit(), snap.GetMetadata().GetIndex())
		hs.Commit = &commit
		if err := d.SetHardState(hs); err != nil {
			return nil, err
		}
	}
	return d, d.loadLog(snap.GetMetadata().GetIndex())
}

func load(eng storage.Engine, key []byte, m proto.Message) (bool, error) {
	buf, found, err := eng.Get(key)
	if err != nil || !found {
		return false, err
	}
	if err := proto.Unmarshal(buf, m); err != nil {
		return false, fmt.Errorf("meta: %w: %w", storage.ErrCorrupt, err)
	}
	return true, nil
}

// loadLog reads the entries behind an index.
func (d *disk) loadLog(after uint64) error {
	var entries []*raftpb.Entry
	var bad error
	err := d.eng.Scan(entryKey(after+1), storage.PrefixEnd(logKey[:]), func(_, v []byte) bool {
		e := new(raftpb.Entry)
		if err := proto.Unmarshal(v, e); err != nil {
			bad = fmt.Errorf("meta: log: %w: %w", storage.ErrCorrupt, err)
			return false
		}
		if want := after + uint64(len(entries)) + 1; e.GetIndex() != want {
			bad = fmt.Errorf("meta: log: entry %d instead of %d: %w", e.GetIndex(), want, storage.ErrCorrupt)
			return false
		}
		entries = append(entries, e)
		return true
	})
	if err := errors.Join(err, bad); err != nil {
		return err
	}
	return d.Append(entries)
}

// store writes what raft wants stored. It reports whether there was anything.
func (d *disk) store(m *raftpb.Message) (bool, error) {
	var b storage.Batch
	hs := &raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	snap := m.GetSnapshot()
	hasSnap, hasHard := !raft.IsEmptySnap(snap), m.GetTerm() != 0
	if hasSnap {
		buf, err := encode(snap)
		if err != nil {
			return false, err
		}
		b.Put(snapshotKey[:], buf)
		b.DeleteRange(entryKey(0), storage.PrefixEnd(logKey[:]))
	}
	if hasHard {
		if err := putHardState(&b, hs); err != nil {
			return false, err
		}
	}
	if entries := m.GetEntries(); len(entries) > 0 {
		// What stands there from an earlier term, and behind it, goes.
		b.DeleteRange(entryKey(entries[0].GetIndex()), storage.PrefixEnd(logKey[:]))
		for _, e := range entries {
			buf, err := encode(e)
			if err != nil {
				return false, err
			}
			b.Put(entryKey(e.GetIndex()), buf)
		}
	}
	if b.Empty() {
		return false, nil
	}
	// What is decided here is who leads, who fills in for a full disk, what is drained and what
	// is deleted: without it nothing makes room again.
	b.Vital = true
	if err := d.eng.Apply(&b); err != nil {
		return false, err
	}
	if hasSnap {
		if err := d.ApplySnapshot(snap); err != nil {
			return true, err
		}
	}
	if hasHard {
		if err := d.SetHardState(hs); err != nil {
			return true, err
		}
	}
	return true, d.Append(m.GetEntries())
}

// compact makes the state the snapshot and forgets the log up to keep entries before
// it. It reports false when the disk is full.
func (d *disk) compact(applied uint64, cs *raftpb.ConfState, s State, keep uint64) (bool, error) {
	hs, _, err := d.InitialState()
	if err != nil {
		return false, err
	}
	term, err := d.Term(applied)
	if err != nil {
		return false, err
	}
	w := s.Wire(true)
	snap, err := newSnapshot(applied, term, cs, &w)
	if err != nil {
		return false, err
	}
	b := storage.Batch{Vital: true}
	if err := putSnapshot(&b, snap, hs); err != nil {
		return false, err
	}
	b.DeleteRange(entryKey(0), entryKey(applied+1-min(keep, applied)))
	switch err := d.eng.Apply(&b); {
	case errors.Is(err, storage.ErrFull):
		return false, nil
	case err != nil:
		return false, err
	}
	if _, err := d.CreateSnapshot(applied, cs, snap.GetData()); err != nil {
		return false, err
	}
	first, err := d.FirstIndex()
	if err != nil {
		return false, err
	}
	if to := applied - min(keep, applied); to >= first {
		return true, d.Compact(to)
	}
	return true, nil
}
