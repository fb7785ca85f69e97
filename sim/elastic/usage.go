package elastic

import "github.com/shardquake/shardquake/sim/elastic/store"

// Utilisation is how busy a machine is, each from 0 to 1.
type Utilisation struct{ CPU, Disk, Net float64 }

// Utilisation of a node now: the processor time that operations take on it, the use of
// its disk and of its network card.
func (c *Cluster) Utilisation(name string) Utilisation {
	n := c.ByName[name]
	if n == nil || n.Proc == nil {
		return Utilisation{}
	}
	sv := c.Fluid.Server(n)
	g := &sv.Figures
	ep := c.net.Endpoint(name)
	return Utilisation{
		CPU:  min(1, (g.busy+sv.API.recent(c.e.Now()))/float64(n.cfg.CPUs)),
		Disk: max(n.disk.Write.Utilisation(), n.disk.Read.Utilisation(), g.disk),
		Net:  max(ep.In.Utilisation(), ep.Out.Utilisation()),
	}
}

// nodeQueue is a node's queue, brought up to date.
func (f *FluidLoad) Server(n *Node) *Queue {
	sv := &f.Servers[n.ordinal]
	sv.advance(f.c.e.Now())
	if sv.stale {
		sv.refresh()
	}
	return sv
}

// buffered is what the node's indexing buffer holds.
func (n *Node) buffered() (sum int64) {
	if n.c.Fluid.writesTo(n) {
		for _, st := range n.Sorted {
			sum += n.c.Fluid.buffered(st)
		}
	}
	return min(n.indexBuffer(), sum)
}

// buffered is what a copy has in the node's indexing buffer: on average half of what comes
// between two refreshes.
func (f *FluidLoad) buffered(st *store.Store) int64 {
	l := loadOf(st)
	if l.group == nil || l.work.upkeep.refreshes == 0 {
		return 0
	}
	for i, m := range l.group.Members {
		if m == st && i < len(l.group.Shares) {
			return int64(float64(l.group.Shares[i].docs) / l.work.upkeep.refreshes / 2)
		}
	}
	return 0
}

// messages are those that the background load has sent and got, one each way for every
// operation on a copy.
func (sv *Queue) messages() int64 {
	return int64(sv.tally.done[Indexing] + sv.tally.done[Searching])
}

// io is what the disk has done.
func (sv *Queue) io() IOStats {
	t, n := &sv.tally, sv.Node
	out := IOStats{
		Writes: int64(t.writes), Reads: int64(t.reads), WriteBytes: int64(t.written) + n.copied.written, ReadBytes: int64(t.read) + n.copied.read,
		Busy: seconds(t.diskBusy),
	}
	if bps := n.cfg.DiskWriteBPS; bps > 0 {
		out.Busy += seconds(float64(n.copied.written) / float64(bps))
	}
	if bps := n.cfg.DiskReadBPS; bps > 0 {
		out.Busy += seconds(float64(n.copied.read) / float64(bps))
	}
	return out
}

// Values are the averages as numbers of tasks, to two decimals.
func (l *LoadAverages) Values() (out [3]float64) {
	for i, v := range l {
		out[i] = float64(v*100/loadOne) / 100
	}
	return out
}
