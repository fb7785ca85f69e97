package elastic

import "github.com/shardquake/shardquake/sim/elastic/settings"

// book replaces what a group asks of its nodes.
func (f *fluidLoad) book(g *fluidGroup) {
	idle := g.writes.offered.rate+g.reads.offered.rate == 0
	if idle && len(g.shares) == 0 {
		return
	}
	for i := range g.shares {
		f.ask(g.shares[i].node, &g.shares[i].demand, -1)
	}
	g.shares = g.shares[:0]
	if idle {
		return
	}
	g.sized, g.grown = 1<<20, 0 // below that nothing is merged
	if len(g.members) > 0 {
		g.sized = max(g.sized, g.members[0].Bytes())
	}
	g.flushAt = max(1, settings.IndexFlushThresholdSize.Get(f.metaOf(g)))
	for i, st := range g.members {
		loadOf(st).work.mark(&f.servers[st.Machine])
		g.shares = append(g.shares, share{st.Machine, f.costOf(g, i)})
		f.ask(st.Machine, &g.shares[i].demand, 1)
	}
}

// metaOf are the settings of a group's index.
func (f *fluidLoad) metaOf(g *fluidGroup) settings.Settings {
	if g.primary == nil {
		return settings.Settings{}
	}
	return g.primary.meta.Settings
}

// ask adds to what is asked of a node, or takes it away.
func (f *fluidLoad) ask(node int, d *demand, sign int64) {
	sv := &f.servers[node]
	sv.advance(f.c.e.Now())
	sv.demand.add(d, sign)
	sv.stale = true
	f.touch(sv)
}

// request changes how many operations clients send per second.
func (f *fluidLoad) request(change int64) {
	if change == 0 {
		return
	}
	f.advanceAll()
	f.requests += change
}

// countLive counts the nodes that clients can send to.
func (f *fluidLoad) countLive() {
	live := 0
	for _, n := range f.c.nodes {
		if p := n.proc; p != nil && p.http && !p.paused {
			live++
		}
	}
	if f.requests > 0 {
		f.advanceAll()
	}
	f.live = live
}

// advanceAll lets all nodes work up to now, before something changes for all of them.
func (f *fluidLoad) advanceAll() {
	now := f.c.e.Now()
	for i := range f.servers {
		sv := &f.servers[i]
		sv.advance(now)
		sv.stale = true
		f.touch(sv)
	}
}

// touch has a node looked at again when everything of this moment has been booked.
func (f *fluidLoad) touch(sv *nodeQueue) {
	if sv.listed {
		return
	}
	sv.listed = true
	f.touched = append(f.touched, sv)
	if !f.pending {
		f.pending = true
		f.c.e.Post(0, f.applyKind, 0)
	}
}

// apply looks at the nodes whose load has changed: what they want of disk and network,
// and whether they keep up.
func (f *fluidLoad) apply() {
	f.pending = false
	f.version++
	// What is touched while this looks goes into the other list, for another look.
	touched := f.touched
	f.touched, f.spare = f.spare[:0], touched
	for _, sv := range touched {
		sv.listed = false
		if !f.steering {
			sv.refresh()
			sv.carry(asAsked)
		}
	}
	short := f.steering
	for _, sv := range touched {
		short = short || sv.figures.over || sv.bytesCarried(indexing) < 1 || sv.bytesCarried(searching) < 1
	}
	if short {
		f.steer()
	}
}

// writesTo reports whether the load writes to a node's disk.
func (f *fluidLoad) writesTo(n *Node) bool { return f.servers[n.ordinal].demand.docs > 0 }
