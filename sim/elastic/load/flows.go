package load

import (
	"math"

	"github.com/shardquake/shardquake/sim"
)

// The resources that the load shares with recoveries.
const (
	flowWrite = iota
	flowRead
	flowIn
	flowOut
	flowKinds
)

// shortOf is from what part of the rate asked for on a flow counts as held back.
const shortOf = 0.98

// resource is the node's for a flow.
func (sv *Queue) resource(kind int) *sim.Resource {
	switch kind {
	case flowWrite:
		return sv.Disk.Write
	case flowRead:
		return sv.Disk.Read
	case flowIn:
		return sv.f.net.Endpoint(sv.Name).In
	}
	return sv.f.net.Endpoint(sv.Name).Out
}

// bytes is what the load wants of a resource per second.
func (d *Demand) bytes(kind int) int64 {
	return [flowKinds]int64{d.written, d.read, d.in, d.out}[kind]
}

// carry has the disk and the network card carry what the load wants, times more where
// queues have to be worked off. Recoveries on the same resources get less for it, and
// the load where they do.
func (sv *Queue) carry(times [flowKinds]float64) {
	for kind := range flowKinds {
		want := int64(min(float64(float64(sv.demand.bytes(kind))*times[kind]), math.MaxInt32*1024))
		w := sv.flows[kind]
		switch {
		case want <= 0:
			if w != nil {
				w.Stop()
				sv.flows[kind] = nil
			}
		case w != nil:
			w.SetCap(want)
		default:
			if r := sv.resource(kind); r.Capacity() > 0 {
				sv.flows[kind] = sv.f.net.Fluid().Start(sim.FlowSpec{
					Name: "load " + r.Name(), Bytes: -1, Cap: want, Through: []*sim.Resource{r},
					Rated: func() { sv.f.touch(sv) },
				}, nil)
			}
		}
	}
}

// carried is the part that the resource carries of what is wanted, 0 to 1.
func (sv *Queue) carried(kind int) float64 {
	w := sv.flows[kind]
	if w == nil || w.Cap() == 0 {
		return 1
	}
	if part := float64(w.Rate()) / float64(w.Cap()); part < shortOf {
		return part
	}
	return 1
}

// bytesCarried is the part of a kind's operations for which there is bandwidth.
func (sv *Queue) bytesCarried(kind int) float64 {
	part := min(sv.carried(flowIn), sv.carried(flowOut))
	if kind == Indexing {
		return min(part, sv.carried(flowWrite))
	}
	return min(part, sv.carried(flowRead))
}
