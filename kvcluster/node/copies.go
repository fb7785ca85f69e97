package node

import (
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// copyOf is the node's copy of a shard.
type copyOf struct {
	id        shardmap.ID
	core      *replica.Core
	born      uint64         // the epoch in which it was split off on this node, if it was
	config    shardmap.Shard // as it was configured last
	wake      time.Duration
	activated uint64 // epoch in which it began to act
	needs     uint64 // epoch that it can't begin
	reported  wire.CopyReport
	load      load
	size      size
}

// adopt makes a cluster state the node's, if it is newer than its own.
func (n *Node) adopt(s meta.State) {
	if !s.Known() || n.state.Known() && s.Revision() <= n.state.Revision() {
		return
	}
	before := n.state
	n.state = s
	if me := s.Member(n.id.ID); me != nil && me.State == wire.Removed {
		n.fail(ErrRemoved)
		return
	}
	n.remember()
	n.configure(before)
}

// remember keeps the cluster state on disk, for the next start. It is no loss if that
// fails.
func (n *Node) remember() {
	w := n.state.Wire(false)
	frame, err := wire.Append(nil, &w)
	if err != nil {
		n.fail(err)
		return
	}
	var b storage.Batch
	b.Put(stateKey[:], frame)
	if err := n.eng.Apply(&b); err != nil && !errors.Is(err, storage.ErrFull) {
		n.fail(err)
	}
}

// configure tells the copies what has changed, makes those that have come and ends
// those that are over.
func (n *Node) configure(before meta.State) {
	if !n.state.Known() || !n.started {
		return
	}
	m := n.state.Map()
	for i := range m.Len() {
		s := m.At(i)
		if !concerns(s, n.id.ID) && n.copies[s.ID] == nil {
			continue
		}
		if before.Known() && n.copies[s.ID] != nil {
			if old := before.Map().Get(s.ID); old != nil && old.Equal(s) {
				continue
			}
		}
		if c := n.copyFor(s.ID); c != nil {
			c.config = s.Clone()
			n.stepCopy(c, replica.Configure{Shard: s.Clone()})
		}
	}
	for _, id := range slices.Clone(n.shards) {
		s, c := m.Get(id), n.copies[id]
		over := s == nil || s.Settled() && !concerns(s, n.id.ID)
		// A copy may be of a later map than the one that I know.
		if over && m.Version() >= max(c.born, c.core.Heard()) {
			n.drop(id)
		}
	}
}

// concerns reports whether a node has, or may have, something to say about a shard.
func concerns(s *shardmap.Shard, id shardmap.NodeID) bool {
	return s.HasReplica(id) || slices.ContainsFunc(s.Fence, func(set []shardmap.NodeID) bool { return slices.Contains(set, id) })
}

// copyFor is the copy of a shard, made if need be.
func (n *Node) copyFor(id shardmap.ID) *copyOf {
	if c := n.copies[id]; c != nil {
		return c
	}
	core, err := replica.New(n.cfg.Replica, id, n.id.ID, n.eng)
	if err != nil {
		n.fail(err)
		return nil
	}
	c := &copyOf{id: id, core: core}
	n.copies[id] = c
	at, _ := slices.BinarySearch(n.shards, id)
	n.shards = slices.Insert(n.shards, at, id)
	return c
}

// drop ends a copy and removes its data; what it has promised stays.
func (n *Node) drop(id shardmap.ID) {
	c := n.copies[id]
	var b storage.Batch
	replica.Forget(&b, id, max(c.core.Promised(), n.state.Map().Version()))
	switch err := n.eng.Apply(&b); {
	case errors.Is(err, storage.ErrFull):
		return // the next state will try again
	case err != nil:
		n.fail(err)
		return
	}
	delete(n.copies, id)
	at, _ := slices.BinarySearch(n.shards, id)
	n.shards = slices.Delete(n.shards, at, at+1)
	n.event("dropped", id, 0)
}

// stepCopy gives an input to a copy and takes what comes of it.
func (n *Node) stepCopy(c *copyOf, in replica.Input) {
	if n.failed != nil || n.copies[c.id] != c {
		return
	}
	out := c.core.Step(n.now, in)
	for _, m := range out.Messages {
		h := m.(interface{ Header() *wire.Copy }).Header()
		if h.To == "" { // to the primary, which the map knows
			if s := n.state.Map().Get(h.Shard); s != nil {
				h.To = s.Primary
			}
		}
		n.send(h.To, m)
	}
	for _, a := range out.Answers {
		n.out.Answers = append(n.out.Answers, Answer{ID: a.ID, M: a.R})
	}
	if number := out.Sync; number > 0 {
		n.afterSync(func() { n.stepCopy(c, replica.Synced{Number: number}) })
	}
	c.wake = out.Wake
	n.soonest(c.wake)
	for _, e := range out.Events {
		told := Event{What: e.Kind.String(), Shard: c.id, Epoch: e.Epoch}
		if e.Err != nil {
			told.Detail = e.Err.Error()
		}
		n.tellEvent(told)
		switch e.Kind {
		case replica.Activated:
			c.activated = e.Epoch
		case replica.NeedEpoch:
			c.needs = e.Epoch
		case replica.Failed:
			n.fail(e.Err)
			return
		case replica.Born:
			if part := n.copyFor(e.Shard); part != nil {
				part.born = e.Epoch
				n.stepCopy(part, replica.Reload{})
			}
		}
		if !slices.Contains(n.changed, c.id) {
			n.changed = append(n.changed, c.id)
		}
	}
}

// request hands a client's request to the copy that it is for.
func (n *Node) request(id uint64, r *wire.Request) {
	if n.id.ID != "" && !n.started {
		n.out.Answers = append(n.out.Answers, Answer{ID: id, M: &wire.Response{Client: r.Client, Seq: r.Seq, Status: wire.Unavailable,
			Reason: "the node was just started and asks the others whether its disk is the newest"}})
		return
	}
	c := n.copies[r.Shard]
	if c == nil {
		a := &wire.Response{Client: r.Client, Seq: r.Seq, Status: wire.WrongShard, Reason: "this node knows no such shard"}
		if n.state.Known() {
			if s := n.state.Map().Get(r.Shard); s != nil {
				a.Status, a.Primary, a.Epoch, a.Reason = wire.NotPrimary, s.Primary, s.Epoch, ""
			}
		}
		n.out.Answers = append(n.out.Answers, Answer{ID: id, M: a})
		return
	}
	c.load.count(r)
	n.stepCopy(c, replica.Request{ID: id, R: r})
}
