package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// ErrRolledBack ends a node whose disk has less than it once had: another node remembers
// more. It may have forgotten what it promised, voted for and acknowledged.
var ErrRolledBack = fmt.Errorf("the disk is that of an earlier time: %w", storage.ErrLost)

// memory is what a node knows of how much the disks of others have, and what it has to find
// out of its own before it takes part.
//
// A disk that is put back to an earlier time as a whole looks well: only others can tell.
// So every message to another node tells how many batches the sender's disk has for good,
// and the receiver remembers the highest number. A node that is started asks everybody what
// they remember of it, before it tells them anything new, and takes no part until they
// have answered, or until those that haven't had time to. Whoever remembers more ends it.
type memory struct {
	run      uint64                     // of this start, to tell answers to it
	elders   []shardmap.NodeID          // who may remember
	opened   uint64                     // what the disk had at the start
	known    map[shardmap.NodeID]uint64 // of others
	kept     map[shardmap.NodeID]uint64 // as on disk
	answered map[shardmap.NodeID]bool   // this one's question
	askAt    time.Duration
	until    time.Duration // when those that are silent are not waited for any more
	unsaid   map[shardmap.NodeID]*unsaid
}

// unsaid is what a node has sent that has not said yet what it remembers.
type unsaid struct {
	asked    time.Duration // when it was asked last because of that
	messages []wire.Message
}

// mostUnsaid is how many messages of a node are kept until it has answered. Those that are lost
// are repeated, as on any network.
const mostUnsaid = 16

// memoryKey is where it is remembered what another node's disk has.
func memoryKey(id shardmap.NodeID) []byte { return append([]byte{0, 'w'}, id...) }

// loadMemory reads what was remembered at the last stop.
func (n *Node) loadMemory() error {
	n.memory = memory{run: n.nonce(), opened: n.eng.Durable(), known: make(map[shardmap.NodeID]uint64),
		kept: make(map[shardmap.NodeID]uint64), answered: make(map[shardmap.NodeID]bool), unsaid: make(map[shardmap.NodeID]*unsaid)}
	prefix := memoryKey("")
	return n.eng.Scan(prefix, storage.PrefixEnd(prefix), func(k, v []byte) bool {
		if x, size := binary.Uvarint(v); size > 0 {
			id := shardmap.NodeID(k[len(prefix):])
			n.memory.known[id], n.memory.kept[id] = x, x
		}
		return true
	})
}

// remembers notes what another node says of its disk.
func (n *Node) remembers(id shardmap.NodeID, durable uint64) {
	if id != n.id.ID && durable > n.memory.known[id] {
		n.memory.known[id] = durable
	}
}

// keepMemory writes down what has become known since the last time. It is no loss if the
// disk has no room.
func (n *Node) keepMemory() {
	var b storage.Batch
	for _, id := range n.others() {
		if x := n.memory.known[id]; x > n.memory.kept[id] {
			n.memory.kept[id] = x
			b.Put(memoryKey(id), binary.AppendUvarint(nil, x))
		}
	}
	if err := n.eng.Apply(&b); err != nil && !errors.Is(err, storage.ErrFull) {
		n.fail(err)
	}
}

// others are all nodes of the cluster but this one, as far as it knows.
func (n *Node) others() []shardmap.NodeID {
	var ids []shardmap.NodeID
	if !n.state.Known() {
		ids = slices.Clone(n.id.Voters)
	} else {
		for i := range n.state.Members() {
			if m := &n.state.Members()[i]; m.State != wire.Removed {
				ids = append(ids, m.ID)
			}
		}
	}
	ids = slices.DeleteFunc(ids, func(id shardmap.NodeID) bool { return id == n.id.ID })
	slices.Sort(ids)
	return ids
}

// silent are those that have not said yet what they remember.
func (n *Node) silent() []shardmap.NodeID {
	return slices.DeleteFunc(n.others(), func(id shardmap.NodeID) bool { return n.memory.answered[id] })
}

// vouched reports whether the sender of a message has said what it remembers of this disk. If
// not it is asked, and the message waits for the answer.
func (n *Node) vouched(from shardmap.NodeID, m wire.Message) bool {
	if n.memory.answered[from] || from == n.id.ID || n.cfg.is(NoRecall) {
		return true
	}
	u := n.memory.unsaid[from]
	switch {
	case u == nil && len(n.memory.unsaid) >= wire.MaxMembers:
		return false
	case u == nil:
		u = new(unsaid)
		n.memory.unsaid[from] = u
	case n.now < u.asked+n.patience()/5:
		if len(u.messages) < mostUnsaid {
			u.messages = append(u.messages, m)
		}
		return false
	}
	u.asked, u.messages = n.now, []wire.Message{m}
	n.askMemory(from)
	return false
}

// patience is how long a node that was started waits for what others remember: half a
// heartbeat, between a quarter of a second and one.
func (n *Node) patience() time.Duration {
	return min(max(n.heartbeat()/2, 250*time.Millisecond), time.Second)
}

// recalled reports whether the node knows that its disk is the newest that there was, or
// has waited long enough for those who could know better.
func (n *Node) recalled() bool {
	if n.cfg.is(NoRecall) {
		return true
	}
	if n.memory.until == 0 {
		n.memory.elders = n.others()
		n.memory.until, n.memory.askAt = n.now+n.patience(), n.now
	}
	silent := n.silent()
	if len(silent) == 0 || n.now >= n.memory.until {
		return true
	}
	n.recall(silent, n.patience()/5)
	return false
}

// recall asks those who are silent, when it is time to.
func (n *Node) recall(silent []shardmap.NodeID, again time.Duration) {
	if n.now < n.memory.askAt {
		return
	}
	n.memory.askAt = n.now + again
	for _, id := range silent {
		n.askMemory(id)
	}
}

func (n *Node) askMemory(id shardmap.NodeID) {
	n.send(id, &wire.Recall{Peer: wire.Peer{From: n.id.ID, To: id}, Run: n.memory.run})
}

// onRecall tells a node that was started what is remembered of its disk.
func (n *Node) onRecall(m *wire.Recall) {
	n.send(m.From, &wire.Recalled{Peer: wire.Peer{From: n.id.ID, To: m.From}, Run: m.Run, Known: n.memory.known[m.From]})
}

// onRecalled ends the node if somebody remembers more than its disk had at the start.
// Before the answer, who gives it was told nothing by this run: what they remember is of
// earlier ones.
func (n *Node) onRecalled(m *wire.Recalled) {
	if m.Run != n.memory.run || n.memory.answered[m.From] {
		return
	}
	if m.Known > n.memory.opened {
		n.fail(fmt.Errorf("%w: %s remembers that it had %d batches, it has %d", ErrRolledBack, m.From, m.Known, n.memory.opened))
		return
	}
	n.memory.answered[m.From] = true
	if u := n.memory.unsaid[m.From]; u != nil {
		delete(n.memory.unsaid, m.From)
		if n.now-u.asked <= n.patience() {
			n.inbox = append(n.inbox, u.messages...)
		}
	}
}

// stamp tells the receiver how much this disk has, if it has said what it remembers of it.
func (n *Node) stamp(to shardmap.NodeID, m wire.Message) {
	if !n.memory.answered[to] {
		return
	}
	switch m := m.(type) {
	case interface{ Header() *wire.Copy }:
		m.Header().Durable = n.eng.Durable()
	case interface{ Between() *wire.Peer }:
		m.Between().Durable = n.eng.Durable()
	}
}

// Remembers is the highest number of batches that another node's disk was heard to have.
func (n *Node) Remembers(id shardmap.NodeID) uint64 { return n.memory.known[id] }

// Told reports whether another node has said what it remembers of this one's disk.
func (n *Node) Told(id shardmap.NodeID) bool { return n.memory.answered[id] }

// Started reports whether the node takes part.
func (n *Node) Started() bool { return n.started && n.id.ID != "" }

// doubt is what the node can't prove, or "".
func (n *Node) doubt() string {
	silent := slices.DeleteFunc(n.silent(), func(id shardmap.NodeID) bool { return !slices.Contains(n.memory.elders, id) })
	if len(silent) == 0 || !n.started {
		return ""
	}
	names := make([]string, len(silent))
	for i, id := range silent {
		names[i] = string(id)
	}
	return "can't prove that its disk is the newest: not heard since the start: " + strings.Join(names, ", ")
}
