package node

import (
	"fmt"
	"slices"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// A message of another node may claim what can't be: its disk may have lost what it had
// acknowledged, or it may be another program. What the copies and the group don't refuse on
// their own, because nobody has thought of it, is found by an assertion in the middle of
// the work. Then what was in memory is of no use, but what is on disk is: the copy, or the
// seat in the group, is opened again from there, as after a crash of the process, which
// is not needed for that.

// surviveCopy is deferred around what a message does to a copy.
func (n *Node) surviveCopy(c *copyOf, h *wire.Copy) {
	p := recover()
	if p == nil {
		return
	}
	n.contradicted(c.id, h.From, p)
	n.abandon(c.id)
	n.afterSync(func() { n.reopenCopy(c) })
}

// abandon ends a copy, and leaves its data as it is.
func (n *Node) abandon(id shardmap.ID) {
	delete(n.copies, id)
	if at, found := slices.BinarySearch(n.shards, id); found {
		n.shards = slices.Delete(n.shards, at, at+1)
	}
	n.changed = slices.DeleteFunc(n.changed, func(x shardmap.ID) bool { return x == id })
}

// reopenCopy opens a copy that was abandoned, when all that it wrote is durable.
func (n *Node) reopenCopy(was *copyOf) {
	if n.copies[was.id] != nil {
		return
	}
	if c := n.copyFor(was.id); c != nil {
		c.born, c.config = was.born, was.config
		if s := n.state.Map().Get(was.id); s != nil {
			c.config = s.Clone()
			n.stepCopy(c, replica.Configure{Shard: s.Clone()})
		}
	}
}

// surviveGroup is deferred around what a message does to the seat in the metadata group.
func (n *Node) surviveGroup(from shardmap.NodeID) {
	p := recover()
	if p == nil {
		return
	}
	n.contradicted("", from, p)
	n.group, n.leading, n.reopening = nil, false, true
	n.afterSync(func() {
		n.reopening = false
		n.fail(n.openGroup())
	})
}

// contradicted tells that a message can't be true.
func (n *Node) contradicted(shard shardmap.ID, from shardmap.NodeID, p any) {
	n.tellEvent(Event{What: "contradicted", Shard: shard,
		Detail: fmt.Sprintf("a message of %s contradicts what is here, which was opened again: %v", from, p)})
}
