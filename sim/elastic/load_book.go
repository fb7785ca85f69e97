package elastic

import "github.com/shardquake/shardquake/sim/elastic/settings"

// book replaces what a group asks of its nodes.
func (f *FluidLoad) book(g *FluidGroup) {
	idle := g.writes.offered.rate+g.reads.offered.rate == 0
	if idle && len(g.Shares) == 0 {
		return
	}
	for i := range g.Shares {
		f.ask(g.Shares[i].node, &g.Shares[i].Demand, -1)
	}
	g.Shares = g.Shares[:0]
	if idle {
		return
	}
	g.sized, g.grown = 1<<20, 0 // below that nothing is merged
	if len(g.Members) > 0 {
		g.sized = max(g.sized, g.Members[0].Bytes())
	}
	g.flushAt = max(1, settings.IndexFlushThresholdSize.Get(f.metaOf(g)))
	for i, st := range g.Members {
		loadOf(st).work.mark(&f.Servers[st.Machine])
		g.Shares = append(g.Shares, share{st.Machine, f.costOf(g, i)})
		f.ask(st.Machine, &g.Shares[i].Demand, 1)
	}
}

// metaOf are the settings of a group's index.
func (f *FluidLoad) metaOf(g *FluidGroup) settings.Settings {
	if g.primary == nil {
		return settings.Settings{}
	}
	return g.primary.Meta.Settings
}

// ask adds to what is asked of a node, or takes it away.
func (f *FluidLoad) ask(node int, d *Demand, sign int64) {
	sv := &f.Servers[node]
	sv.advance(f.c.e.Now())
	sv.demand.add(d, sign)
	sv.stale = true
	f.touch(sv)
}

// request changes how many operations clients send per second.
func (f *FluidLoad) request(change int64) {
	if change == 0 {
		return
	}
	f.advanceAll()
	f.requests += change
}

// countLive counts the nodes that clients can send to.
func (f *FluidLoad) countLive() {
	live := 0
	for _, n := range f.c.nodes {
		if p := n.Proc; p != nil && p.HTTP && !p.Paused {
			live++
		}
	}
	if f.requests > 0 {
		f.advanceAll()
	}
	f.live = live
}

// advanceAll lets all nodes work up to now, before something changes for all of them.
func (f *FluidLoad) advanceAll() {
	now := f.c.e.Now()
	for i := range f.Servers {
		sv := &f.Servers[i]
		sv.advance(now)
		sv.stale = true
		f.touch(sv)
	}
}

// touch has a node looked at again when everything of this moment has been booked.
func (f *FluidLoad) touch(sv *Queue) {
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
func (f *FluidLoad) apply() {
	f.pending = false
	f.Version++
	// What is touched while this looks goes into the other list, for another look.
	touched := f.touched
	f.touched, f.spare = f.spare[:0], touched
	for _, sv := range touched {
		sv.listed = false
		if !f.Steering {
			sv.refresh()
			sv.carry(asAsked)
		}
	}
	short := f.Steering
	for _, sv := range touched {
		short = short || sv.Figures.over || sv.bytesCarried(Indexing) < 1 || sv.bytesCarried(Searching) < 1
	}
	if short {
		f.steer()
	}
}

// writesTo reports whether the load writes to a node's disk.
func (f *FluidLoad) writesTo(n *Node) bool { return f.Servers[n.ordinal].demand.docs > 0 }

// Part is the i-th of n nearly equal parts of a whole.
func Part(whole int64, i, n int) int64 {
	return whole*int64(i+1)/int64(n) - whole*int64(i)/int64(n)
}
