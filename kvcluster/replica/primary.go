package replica

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// member is what the primary knows of another copy, in its present epoch.
type member struct {
	node  shardmap.NodeID
	match uint64 // index up to which its log, durable, equals mine
	sent  uint64 // index up to which entries were sent
	round uint64 // newest round that it confirmed
	heard time.Duration
	known bool // it has answered in this epoch
	// behind is an entry that was committed at since; a copy that lacks it for long doesn't
	// keep up.
	behind uint64
	since  time.Duration
}

func (c *Core) startFencing() {
	c.role = Fencing
	c.fetch = fetch{}
	c.fenced = make(map[shardmap.NodeID]*wire.FenceAck)
	epoch := c.promised
	c.syncs.After(func() {
		if c.role == Fencing && c.promised == epoch {
			c.fenced[c.self] = &wire.FenceAck{Copy: c.to(c.self), Promised: epoch,
				LastEpoch: c.log.lastEpoch(), LastIndex: c.log.last()}
			c.sendFences()
			c.checkFenced()
		}
	})
}

// toFence are all copies whose promises count, in a fixed order.
func (c *Core) toFence() []shardmap.NodeID {
	nodes := slices.Clone(c.shard.Replicas)
	for _, set := range c.shard.Fence {
		nodes = append(nodes, set...)
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}

func (c *Core) sendFences() {
	if c.shard.Origin != "" {
		for _, n := range c.toFence() { // it may have been born meanwhile
			if a := c.fenced[n]; a != nil && n != c.self && a.LastIndex == 0 {
				delete(c.fenced, n)
			}
		}
	}
	for _, n := range c.toFence() {
		if n != c.self && c.fenced[n] == nil {
			c.send(&wire.Fence{Copy: c.to(n)})
		}
	}
}

func (c *Core) onFenceAck(m *wire.FenceAck) {
	if m.Promised > c.promised {
		c.deposed()
		return
	}
	if c.role != Fencing || m.Epoch != c.promised {
		return
	}
	c.fenced[m.From] = m
	c.checkFenced()
}

// deposed ends a primary that learns of a higher epoch. It does not promise it: that is
// its primary's to ask.
func (c *Core) deposed() { c.stepDown() }

// checkFenced goes on when of each set of copies so many have promised that the others
// are no majority.
func (c *Core) checkFenced() {
	if c.fenced[c.self] == nil {
		return
	}
	for _, set := range append([][]shardmap.NodeID{c.shard.Replicas}, c.shard.Fence...) {
		n := 0
		for _, node := range set {
			if c.fenced[node] != nil {
				n++
			}
		}
		if n < (len(set)+1)/2 && !c.cfg.is(SkipFencing) {
			return
		}
	}
	best := c.fenced[c.self]
	for _, n := range c.toFence() {
		if a := c.fenced[n]; a != nil && moreAdvanced(a, best) {
			best = a
		}
	}
	if c.shard.Origin != "" && best.LastIndex == 0 {
		return // none of them has what was split off
	}
	if best == c.fenced[c.self] || c.cfg.is(PromoteStale) {
		c.activate()
		return
	}
	c.role, c.donor, c.donorAt, c.adopted = Adopting, *best, c.now, c.commit
	c.startFetch(best.From, c.commit)
}

func moreAdvanced(a, b *wire.FenceAck) bool {
	return a.LastEpoch > b.LastEpoch || a.LastEpoch == b.LastEpoch && a.LastIndex > b.LastIndex
}

// activate writes the entry that begins the epoch.
func (c *Core) activate() {
	c.fetch = fetch{}
	c.role = Activating
	c.verified = c.log.last()
	c.members = nil
	for _, n := range c.shard.Replicas {
		if n != c.self {
			c.members = append(c.members, &member{node: n, sent: c.log.last()})
		}
	}
	if !c.append(wire.Entry{Change: wire.Change{Kind: wire.Claim, Start: c.shard.Start, End: c.shard.End, Parts: c.shard.Parts, Heir: c.shard.Heir}}) {
		// The disk is full. The next tick begins again; at once would be for ever.
		c.role, c.fenced = Fencing, make(map[shardmap.NodeID]*wire.FenceAck)
		return
	}
	c.reshaped = c.log.last()
	c.round++
	c.broadcast()
}

// append adds an entry of the present epoch to the log; it counts as the primary's own
// copy when it is durable. It reports false when the disk is full.
func (c *Core) append(e wire.Entry) bool {
	e.Index, e.Epoch = c.log.last()+1, c.promised
	if !c.splice(c.log.last(), []wire.Entry{e}, frees([]wire.Entry{e})) {
		return false
	}
	c.syncs.After(func() {
		if c.promised == e.Epoch && c.role >= Activating {
			c.verified = max(c.verified, e.Index)
		}
	})
	return true
}

// broadcast sends every copy what it wasn't sent yet.
func (c *Core) broadcast() {
	for _, m := range c.members {
		c.sendEntries(m)
	}
}

func (c *Core) sendEntries(m *member) {
	prev := max(m.sent, c.log.base)
	a := &wire.AppendEntries{Copy: c.to(m.node), PrevIndex: prev, PrevEpoch: c.log.epochAt(prev), Commit: c.commit, Round: c.round}
	a.Entries = c.page(prev)
	m.sent = prev + uint64(len(a.Entries))
	c.send(a)
}

// page is entries after an index, as many as a message takes.
func (c *Core) page(after uint64) []wire.Entry {
	size, n := 0, 0
	list := c.log.list[after-c.log.base:]
	for n < len(list) && n < wire.MaxEntries {
		for i := range list[n].Ops {
			op := &list[n].Ops[i]
			size += len(op.Key) + len(op.Value) + len(op.Expect)
		}
		for _, r := range list[n].Change.Items {
			size += len(r.Key) + len(r.Value)
		}
		if n > 0 && size > c.cfg.PageBytes {
			break
		}
		n++
	}
	return slices.Clone(list[:n])
}

// resend sends again what a copy hasn't confirmed, or only that the primary is there.
func (c *Core) resend() {
	for _, m := range c.members {
		switch {
		case m.match >= c.log.base && m.match > 0:
			m.sent = m.match
		default:
			// Nothing is known of its log, or it lags too far: it will fetch.
			m.sent = c.log.last()
		}
	}
	if c.role > Activating {
		c.round++
	}
	c.broadcast()
}

func (c *Core) onAck(m *wire.Ack) {
	if m.Promised > c.promised {
		c.deposed()
		return
	}
	if m.Epoch != c.promised || c.role < Activating {
		return
	}
	for _, x := range c.members {
		if x.node == m.From {
			if m.Match > c.log.last() && !c.cfg.is(BelieveMatch) {
				c.contradicted("%s says that it has entry %d of the log, which ends at %d", m.From, m.Match, c.log.last())
				return
			}
			x.match, x.round = max(x.match, m.Match), max(x.round, m.Round)
			x.heard, x.known = c.now, true
			if x.sent < c.log.last() {
				c.sendEntries(x)
			}
		}
	}
}

// majority is how many copies a majority is.
func (c *Core) majority() int { return len(c.shard.Replicas)/2 + 1 }

// reached is the highest index that at least n copies have, as f says, mine included.
func (c *Core) reached(n int, mine uint64, f func(*member) uint64) uint64 {
	all := []uint64{mine}
	for _, m := range c.members {
		all = append(all, f(m))
	}
	slices.Sort(all)
	if n > len(all) {
		return 0
	}
	return all[len(all)-n]
}

func matchOf(m *member) uint64 { return m.match }
func roundOf(m *member) uint64 { return m.round }

// inSync is how many copies take part, the primary included: they have answered
// lately and have what is committed.
func (c *Core) inSync() int {
	n := 1
	for _, m := range c.members {
		if m.known && c.now-m.heard <= c.cfg.InSyncTimeout && c.keepsUp(m) {
			n++
		}
	}
	return n
}

// keepsUp reports whether a copy has everything that was committed InSyncTimeout ago.
func (c *Core) keepsUp(m *member) bool {
	return m.match >= m.behind || c.now-m.since <= c.cfg.InSyncTimeout
}

// follow notes how far the copies have come.
func (c *Core) follow() {
	for _, m := range c.members {
		if m.match >= m.behind {
			m.behind, m.since = c.commit, c.now
		}
	}
}

// progress draws the consequences of whatever the step has changed.
func (c *Core) progress() {
	if c.role >= Activating && c.failed == nil {
		n := c.reached(c.majority(), c.verified, matchOf)
		if n > c.commit && c.log.epochAt(n) == c.promised {
			c.commit = n
			if c.role == Activating {
				c.round++
				c.act()
			}
			c.broadcast()
		}
	}
	c.follow()
	c.applyCommitted()
	if c.failed == nil {
		c.reshape()
		c.settle()
	}
}

// act takes office: the claim is committed.
func (c *Core) act() {
	if c.shard.Heir != "" {
		c.role = HandingOver
		return
	}
	c.role = Primary
	c.event(Activated, c.promised)
}

// reshape goes on with changes of the range, one at a time.
func (c *Core) reshape() {
	if c.role < HandingOver || c.applied < max(c.commit, c.reshaped) {
		return
	}
	if c.role == HandingOver {
		if !c.give.begun {
			c.give.begun = true
			c.sendHandover()
		}
		return
	}
	var done []shardmap.Part
	for _, p := range c.span.parts {
		if !slices.Contains(c.shard.Parts, p.Part) {
			done = append(done, p.Part)
		}
	}
	if len(done) > 0 && c.append(wire.Entry{Change: wire.Change{Kind: wire.Release, Parts: done}}) {
		c.reshaped = c.log.last()
		c.broadcast()
	}
}
