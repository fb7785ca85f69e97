package node

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// The keys of the node on its engine, beside those of the metadata group:
//
//	0 i  who it is, as the frame of a wire.Joined
//	0 c  the newest cluster state that it knew, as the frame of a wire.ClusterState
//	0 g  to whom it has agreed that they may make a cluster, as the frame of a wire.Found
//	0 w  and a node: how much that one's disk was heard to have
//	0 p  nothing, written to see whether there is room
var (
	identityKey = [2]byte{0, 'i'}
	stateKey    = [2]byte{0, 'c'}
	probeKey    = [2]byte{0, 'p'}
)

// identity is who a node is. ID is empty until it has joined.
type identity = wire.Joined

// joinEvery is how often a node asks to join.
const joinEvery = time.Second

// identify reads who the node is, or makes up what a new one needs.
func (n *Node) identify() error {
	if err := n.loadGrant(); err != nil {
		return err
	}
	if found, err := n.loadFrame(identityKey[:], &n.id); err != nil || found {
		return err
	}
	if err := n.newDisk(); err != nil {
		return err
	}
	n.id.Nonce = n.nonce()
	if !n.mayFound() || len(n.cfg.Founders) > 0 {
		return nil // asks when that number is on disk
	}
	return n.bootstrap()
}

// newDisk returns an error if a disk that doesn't say whose it is has what only members write:
// who it was is the first thing that a node writes, so that is lost, and more may be. As
// another node it would take for its own what the one before it had promised and remembered.
func (n *Node) newDisk() error {
	var other []byte
	err := n.eng.Scan(nil, nil, func(k, _ []byte) bool {
		if !bytes.Equal(k, grantKey[:]) && !bytes.Equal(k, probeKey[:]) {
			other = bytes.Clone(k)
		}
		return other == nil
	})
	if err == nil && other != nil {
		err = fmt.Errorf("record %q is there, but not whose disk it is: %w", other, storage.ErrLost)
	}
	return err
}

// nonce is the random number by which a disk is known.
func (n *Node) nonce() uint64 {
	if n.cfg.is(FixedNonce) {
		return shardmap.Hash(n.cfg.Name) | 1
	}
	return n.cfg.Rand.Uint64() | 1
}

// bootstrap writes a cluster of this node to the disk. It is durable after the first
// sync; nobody has heard of it before.
func (n *Node) bootstrap() error {
	first, err := n.newCluster()
	if err != nil {
		return err
	}
	n.id.ID, n.id.Number, n.id.Cluster = shardmap.NodeID(n.cfg.Name), 1, first.Cluster()
	n.id.Voters = []shardmap.NodeID{n.id.ID}
	var b storage.Batch
	if err := meta.Bootstrap(&b, first); err != nil {
		return err
	}
	frame, err := wire.Append(nil, &n.id)
	if err != nil {
		return err
	}
	b.Put(identityKey[:], frame)
	return n.eng.Apply(&b)
}

// saveIdentity wants who the node is on disk.
func (n *Node) saveIdentity() {
	frame, err := wire.Append(nil, &n.id)
	if err != nil {
		n.fail(err)
		return
	}
	var b storage.Batch
	b.Put(identityKey[:], frame)
	n.fail(n.eng.Apply(&b))
	n.afterSync(func() {})
}

func (n *Node) loadFrame(key []byte, into wire.Message) (bool, error) {
	buf, found, err := n.eng.Get(key)
	if err != nil || !found {
		return false, err
	}
	m, _, err := wire.Decode(buf)
	if err != nil {
		return false, fmt.Errorf("record %q: %w: %w", key, storage.ErrCorrupt, err)
	}
	switch into := into.(type) {
	case *wire.Joined:
		if x, ok := m.(*wire.Joined); ok {
			*into = *x
			return true, nil
		}
	case *wire.ClusterState:
		if x, ok := m.(*wire.ClusterState); ok {
			*into = *x
			return true, nil
		}
	case *wire.Found:
		if x, ok := m.(*wire.Found); ok {
			*into = *x
			return true, nil
		}
	}
	return false, fmt.Errorf("record %q is a %v: %w", key, wire.KindOf(m), storage.ErrCorrupt)
}

// loadState reads the cluster state that was known before the restart.
func (n *Node) loadState() error {
	var w wire.ClusterState
	found, err := n.loadFrame(stateKey[:], &w)
	if err != nil || !found {
		return err
	}
	n.state, err = meta.FromWire(&w)
	return err
}

// askToJoin asks the machines in turn, once the number is on disk.
func (n *Node) askToJoin() {
	if !n.started {
		n.started = true
		n.saveIdentity()
		n.joinAt = n.now + joinEvery
		n.afterSync(func() { n.joinAt = n.now })
		return
	}
	n.sayWaiting()
	if n.now < n.joinAt {
		return
	}
	n.joinAt = n.now + joinEvery
	if n.found(); n.id.ID != "" || n.failed != nil || len(n.cfg.Join) == 0 {
		return
	}
	to := n.cfg.Join[n.joinNext%len(n.cfg.Join)]
	n.joinNext++
	n.out.Messages = append(n.out.Messages, Envelope{Machine: to,
		M: &wire.Join{Name: n.cfg.Name, To: to, Nonce: n.id.Nonce, Zone: n.cfg.Zone, Weight: n.cfg.Weight}})
}

// onJoin takes a node in, or passes the wish on to a member of the metadata group.
func (n *Node) onJoin(m *wire.Join) {
	switch {
	case n.id.ID == "" || m.To != n.cfg.Name:
	case n.group != nil && n.isVoter():
		n.propose(ask{join: m}, []wire.Command{{Kind: wire.AddNode,
			Member: &wire.Member{Name: m.Name, Nonce: m.Nonce, Zone: m.Zone, Weight: m.Weight}}})
	default:
		// A node of this machine's earlier disk is no way out: that would be this node again.
		elsewhere := func(id shardmap.NodeID) bool { return id != "" && Machine(id) != n.cfg.Name }
		to := n.leader
		if !elsewhere(to) {
			if i := slices.IndexFunc(n.voters(), elsewhere); i >= 0 {
				to = n.voters()[i]
			}
		}
		if elsewhere(to) {
			forward := *m
			forward.To = Machine(to)
			n.send(to, &forward)
		}
	}
}

// joined answers a node that was taken in.
func (n *Node) joined(m *wire.Join, o meta.Outcome) {
	n.out.Messages = append(n.out.Messages, Envelope{Machine: m.Name, M: &wire.Joined{Nonce: m.Nonce, ID: o.Member.ID,
		Number: o.Member.Number, Cluster: n.id.Cluster, Voters: n.voters()}})
}

// onJoined makes the node a member. If it forgets that in a crash, it will ask again.
func (n *Node) onJoined(m *wire.Joined) {
	if n.id.ID != "" || m.Nonce != n.id.Nonce || m.ID == "" {
		return
	}
	n.id = *m
	n.started = false // start writes it down
	n.fail(n.loadMemory())
	n.event("joined", "", 0)
}
