package recovery

import (
	"slices"
	"strings"
	"time"
)

// Lease keeps a primary from discarding the history that a copy on one node will
// need (a peer recovery retention lease).
type Lease struct {
	// Node is the persistent id of the node the lease is for.
	Node string
	// Retaining is the first sequence number retained.
	Retaining int64
	// At is when it was last renewed, time since the start of the run.
	At time.Duration
}

// ID is the lease's name in the REST API.
func (l Lease) ID() string { return "peer_recovery/" + l.Node }

// Leases are the leases of one primary, sorted by node. The zero value is empty.
type Leases struct {
	list    []Lease
	version int64
}

// Version counts the changes.
func (l *Leases) Version() int64 { return l.version }

// All are the leases, sorted by node.
func (l *Leases) All() []Lease { return slices.Clone(l.list) }

// Get finds a node's lease.
func (l *Leases) Get(node string) (Lease, bool) {
	i, ok := l.find(node)
	if !ok {
		return Lease{}, false
	}
	return l.list[i], true
}

func (l *Leases) find(node string) (int, bool) {
	return slices.BinarySearchFunc(l.list, node, func(a Lease, node string) int {
		return strings.Compare(a.Node, node)
	})
}

// Put adds a lease or renews it. A lease never retains less than before.
func (l *Leases) Put(lease Lease) {
	i, ok := l.find(lease.Node)
	l.version++
	if !ok {
		l.list = slices.Insert(l.list, i, lease)
		return
	}
	lease.Retaining = max(lease.Retaining, l.list[i].Retaining)
	l.list[i] = lease
}

// Remove drops a lease.
func (l *Leases) Remove(node string) {
	if i, ok := l.find(node); ok {
		l.version++
		l.list = slices.Delete(l.list, i, i+1)
	}
}

// Clone copies the leases: what a primary hands to a copy.
func (l *Leases) Clone() Leases {
	return Leases{list: slices.Clone(l.list), version: l.version}
}

// MinRetaining is the smallest sequence number that any lease retains; ok is false
// without leases.
func (l *Leases) MinRetaining() (seqNo int64, ok bool) {
	for i, e := range l.list {
		if i == 0 || e.Retaining < seqNo {
			seqNo = e.Retaining
		}
	}
	return seqNo, len(l.list) > 0
}

// Sync is what a primary knows when it syncs its leases, every 30 s.
type Sync struct {
	Now time.Duration
	// Assigned are the nodes with a copy of the shard in the routing table, and the
	// global checkpoint that each copy is known to have.
	Assigned []Peer
	// AllStarted says that every copy of the shard is active.
	AllStarted bool
	// Period is index.soft_deletes.retention_lease.period.
	Period time.Duration
	// CommitCheckpoint and CommitDocs are of the safe commit.
	CommitCheckpoint, CommitDocs int64
	// Threshold is index.recovery.file_based_threshold.
	Threshold float64
}

// Peer is an assigned copy.
type Peer struct {
	Node             string
	GlobalCheckpoint int64
}

// Sync renews the leases of assigned copies and drops those that make no sense any
// more: of nodes without a copy, when all copies are started, when the period is
// over, or when replaying what they retain would cost more than copying files.
func (l *Leases) Sync(s Sync) {
	if l.renewalNeeded(s) {
		for _, p := range s.Assigned {
			if have, ok := l.Get(p.Node); ok {
				if next := max(0, p.GlobalCheckpoint+1); have.Retaining <= next {
					l.Put(Lease{Node: p.Node, Retaining: next, At: s.Now})
				}
			}
		}
	}
	reasonable := MinReasonable(s.CommitCheckpoint, s.CommitDocs, s.Threshold)
	for _, lease := range l.All() {
		if expired(lease, s, reasonable) {
			l.Remove(lease.Node)
		}
	}
}

func (l *Leases) renewalNeeded(s Sync) bool {
	for _, p := range s.Assigned {
		lease, ok := l.Get(p.Node)
		if ok && (lease.At <= s.Now-s.Period/2 || lease.Retaining <= max(0, p.GlobalCheckpoint)) {
			return true
		}
	}
	return false
}

func expired(lease Lease, s Sync, reasonable int64) bool {
	assigned := slices.ContainsFunc(s.Assigned, func(p Peer) bool { return p.Node == lease.Node })
	switch {
	case assigned:
		return false
	case s.AllStarted, lease.Retaining < reasonable:
		return true
	}
	return s.Now-lease.At > s.Period
}

// MinReasonable is the first sequence number whose history is worth keeping: when
// a copy lacks more than the threshold's share of the documents, copying files is
// cheaper.
func MinReasonable(commitCheckpoint, commitDocs int64, threshold float64) int64 {
	share := float64(float64(commitDocs) * threshold)
	ceil := int64(share)
	if float64(ceil) < share {
		ceil++
	}
	return commitCheckpoint + 1 - ceil
}
