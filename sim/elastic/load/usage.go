package load

import (
	"time"

	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Utilisation is how busy a machine is, each from 0 to 1.
type Utilisation struct{ CPU, Disk, Net float64 }

// Utilisation of the node now: the processor time that operations take on it, the use of
// its disk and of its network card.
func (sv *Queue) Utilisation() Utilisation {
	g, ep := &sv.Figures, sv.f.net.Endpoint(sv.Name)
	return Utilisation{
		CPU:  min(1, (g.busy+sv.API.recent(sv.f.engine.Now()))/float64(sv.CPUs)),
		Disk: max(sv.Disk.Write.Utilisation(), sv.Disk.Read.Utilisation(), g.disk),
		Net:  max(ep.In.Utilisation(), ep.Out.Utilisation()),
	}
}

// Queue is the i-th node's queue, brought up to date.
func (f *Fluid) Queue(i int) *Queue {
	sv := &f.Queues[i]
	sv.advance(f.engine.Now())
	if sv.stale {
		sv.refresh()
	}
	return sv
}

// Buffered is what the node's indexing buffer holds of its stores.
func (sv *Queue) Buffered(stores []*store.Store) (sum int64) {
	if sv.Writes() {
		for _, st := range stores {
			sum += Of(st).Buffered()
		}
	}
	return min(sv.IndexBuffer(), sum)
}

// Buffered is what the copy has in the node's indexing buffer: on average half of what comes
// between two refreshes.
func (l *Copy) Buffered() int64 {
	if l.group == nil || l.work.upkeep.refreshes == 0 {
		return 0
	}
	for i, m := range l.group.Members {
		if m == l.st && i < len(l.group.Shares) {
			return int64(float64(l.group.Shares[i].docs) / l.work.upkeep.refreshes / 2)
		}
	}
	return 0
}

// Messages are those that the background load has sent and got, one each way for every
// operation on a copy.
func (sv *Queue) Messages() int64 {
	return int64(sv.tally.done[Indexing] + sv.tally.done[Searching])
}

// Carried is what the disk and the network card have done for the load: the disk since the
// machine was made, the network since the process started.
type Carried struct {
	Writes, Reads, WrittenBytes, ReadBytes int64
	DiskBusy                               time.Duration
	InBytes, OutBytes                      int64
}

// Carried is what they have done by now.
func (sv *Queue) Carried() Carried {
	t := &sv.tally
	return Carried{
		Writes: int64(t.writes), Reads: int64(t.reads), WrittenBytes: int64(t.written), ReadBytes: int64(t.read),
		DiskBusy: Seconds(t.diskBusy), InBytes: int64(t.in), OutBytes: int64(t.out),
	}
}

// Processor is the processor time that operations have taken since the process started.
func (sv *Queue) Processor() time.Duration { return Seconds(sv.tally.processor) + sv.API.total }

// Values are the averages as numbers of tasks, to two decimals.
func (l *Averages) Values() (out [3]float64) {
	for i, v := range l {
		out[i] = float64(v*100/loadOne) / 100
	}
	return out
}
