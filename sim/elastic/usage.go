package elastic

import "slices"

// Utilisation is how busy a machine is, each from 0 to 1.
type Utilisation struct{ CPU, Disk, Net float64 }

// Utilisation of a node now: the processor time that the fluid load's operations
// take on its copies, the use of its disk and of its network card.
func (c *Cluster) Utilisation(name string) Utilisation {
	n := c.byName[name]
	if n == nil || n.proc == nil {
		return Utilisation{}
	}
	busy := float64(c.fluid.cpu[n.ordinal]) / 1e9
	bytes := float64(c.fluid.bytes[n.ordinal])
	u := Utilisation{CPU: min(1, busy/float64(n.cfg.CPUs))}
	u.Disk = max(n.disk.Write.Utilisation(), n.disk.Read.Utilisation())
	if n.cfg.DiskWriteBPS > 0 {
		u.Disk = min(1, u.Disk+float64(bytes/float64(n.cfg.DiskWriteBPS)))
	}
	ep := c.net.Endpoint(name)
	u.Net = max(ep.In.Utilisation(), ep.Out.Utilisation())
	if n.cfg.NetworkBPS > 0 {
		u.Net = min(1, u.Net+float64(bytes/float64(n.cfg.NetworkBPS)))
	}
	return u
}

// operations are the fluid writes that a copy holds and the reads that it served.
func (f *fluidLoad) operations(s *shard) (writes, reads int64) {
	f.settle(s.store)
	if g := f.groups[s.key]; g != nil && slices.Contains(g.members, s.store) && g.readers > 0 {
		reads = g.reads / int64(g.readers)
	}
	return s.store.fluidWrites, reads
}
