package load

import "github.com/shardquake/shardquake/sim/elastic/settings"

// book replaces what a group asks of its nodes.
func (f *Fluid) book(g *Group) {
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
		Of(st).work.mark(&f.Queues[st.Machine])
		g.Shares = append(g.Shares, share{st.Machine, f.costOf(g, i)})
		f.ask(st.Machine, &g.Shares[i].Demand, 1)
	}
}

// metaOf are the settings of a group's index.
func (f *Fluid) metaOf(g *Group) settings.Settings {
	if g.primary == nil {
		return settings.Settings{}
	}
	return g.primary.IndexMetadata().Settings
}

// ask adds to what is asked of a node, or takes it away.
func (f *Fluid) ask(node int, d *Demand, sign int64) {
	sv := &f.Queues[node]
	sv.advance(f.engine.Now())
	sv.demand.add(d, sign)
	sv.stale = true
	f.touch(sv)
}

// request changes how many operations clients send per second.
func (f *Fluid) request(change int64) {
	if change == 0 {
		return
	}
	f.advanceAll()
	f.requests += change
}

// CountLive counts the nodes that clients can send to.
func (f *Fluid) CountLive() {
	live := 0
	for i := range f.Queues {
		if f.Queues[i].coordinates() {
			live++
		}
	}
	if f.requests > 0 {
		f.advanceAll()
	}
	f.live = live
}

// advanceAll lets all nodes work up to now, before something changes for all of them.
func (f *Fluid) advanceAll() {
	now := f.engine.Now()
	for i := range f.Queues {
		sv := &f.Queues[i]
		sv.advance(now)
		sv.stale = true
		f.touch(sv)
	}
}

// touch has a node looked at again when everything of this moment has been booked.
func (f *Fluid) touch(sv *Queue) {
	if sv.listed {
		return
	}
	sv.listed = true
	f.touched = append(f.touched, sv)
	if !f.pending {
		f.pending = true
		f.engine.Post(0, f.applyKind, 0)
	}
}

// apply looks at the nodes whose load has changed: what they want of disk and network,
// and whether they keep up.
func (f *Fluid) apply() {
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

// Writes reports whether the load writes to the node's disk.
func (sv *Queue) Writes() bool { return sv.demand.docs > 0 }

// Part is the i-th of n nearly equal parts of a whole.
func Part(whole int64, i, n int) int64 {
	return whole*int64(i+1)/int64(n) - whole*int64(i)/int64(n)
}
