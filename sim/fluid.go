package sim

import (
	"math"
	"math/bits"
	"time"
)

// Unlimited is the rate of a flow that nothing limits.
const Unlimited int64 = math.MaxInt64

// Fluid shares the capacity of resources among the flows that pass them, by max-min
// fairness: no flow can get more without taking from one that has no more than it.
// All quantities are integers (bytes, bytes per second, nanoseconds; progress to a
// billionth of a byte), so results are the same on every machine. Rates are rounded
// down to whole bytes per second, but a flow always gets at least one.
//
// Rates are computed again, for the connected part that changed only, once per
// point in virtual time and when somebody asks.
type Fluid struct {
	e         *Engine
	resources []*Resource
	flows     []*Flow // by slot; nil when free
	free      []uint32
	started   uint64

	solveKind, doneKind Kind
	pending             bool        // a solve event is in the queue
	changed             []*Resource // since the last solution
	loose               []*Flow     // changed flows, which may pass no resource at all
	epoch               uint64
	heap                shareHeap
	scratch             struct { // of the solver, kept to save allocations
		resources     []*Resource
		flows, capped []*Flow
	}
}

// Resource is a capacity that flows share: a network card's direction, a disk, a
// shaped link, a node's recovery limit.
type Resource struct {
	f        *Fluid
	id       int
	name     string
	capacity int64
	flows    []*Flow

	marked  bool
	epoch   uint64
	left    int64 // while solving: capacity not given away yet
	waiting int64 // while solving: flows without a rate
}

// FlowSpec describes a flow.
type FlowSpec struct {
	Name string
	// Bytes to transfer; negative for a flow that goes on until it is stopped.
	Bytes int64
	// Cap limits the flow's own rate, in bytes per second; 0 for no limit.
	Cap int64
	// Through are the resources that the flow passes. One that is named twice is used
	// twice as much.
	Through []*Resource
	// Rated, if set, is called when the flow has got another rate. Not all rates may be
	// computed by then: it must not ask the fluid for any, but may post an event.
	Rated func()
}

// Flow is a transfer in progress.
type Flow struct {
	f       *Fluid
	spec    FlowSpec
	slot    uint32
	number  uint64 // in order of start
	done    func()
	rate    int64
	moved   int64  // whole bytes at anchor
	frac    uint64 // and billionths of a byte
	anchor  Time
	timer   Handle
	paused  bool
	over    bool
	epoch   uint64
	fixed   bool // while solving: has its new rate
	newRate int64
}

// NewFluid makes a fluid without resources.
func (e *Engine) NewFluid() *Fluid {
	f := &Fluid{e: e}
	f.solveKind = e.Register("fluid.solve", func(uint32) { f.pending = false; f.settle() })
	f.doneKind = e.Register("fluid.done", f.complete)
	e.Describe(f.doneKind, func(arg uint32) string { return f.flows[arg].spec.Name })
	return f
}

// Resource makes a resource. Its capacity is in bytes per second; 0 is unlimited.
func (f *Fluid) Resource(name string, capacity int64) *Resource {
	r := &Resource{f: f, id: len(f.resources), name: name, capacity: max(capacity, 0)}
	f.resources = append(f.resources, r)
	return r
}

// Name is the resource's name.
func (r *Resource) Name() string { return r.name }

// Capacity is in bytes per second; 0 is unlimited.
func (r *Resource) Capacity() int64 { return r.capacity }

// SetCapacity changes the capacity, in bytes per second; 0 is unlimited.
func (r *Resource) SetCapacity(capacity int64) {
	capacity = max(capacity, 0)
	if capacity == r.capacity {
		return
	}
	// A resource that was or becomes unlimited doesn't connect its flows: mark them too.
	for _, w := range r.flows {
		r.f.touch(w)
	}
	r.capacity = capacity
	r.mark()
}

// Rate is the sum of the rates of the resource's flows, in bytes per second.
func (r *Resource) Rate() int64 {
	r.f.settle()
	var sum int64
	for _, w := range r.flows {
		if w.rate == Unlimited || sum > Unlimited-w.rate {
			return Unlimited
		}
		sum += w.rate
	}
	return sum
}

// Utilisation is the part of the capacity in use, from 0 to 1; 0 when the capacity
// is unlimited.
func (r *Resource) Utilisation() float64 {
	if r.capacity == 0 {
		return 0
	}
	return min(1, float64(r.Rate())/float64(r.capacity))
}

// Flows is the number of flows that pass the resource, paused ones included.
func (r *Resource) Flows() int { return len(r.flows) }

func (r *Resource) mark() {
	if !r.marked {
		r.marked = true
		r.f.changed = append(r.f.changed, r)
	}
	r.f.ask()
}

// ask makes sure that rates are computed before time goes on.
func (f *Fluid) ask() {
	if !f.pending {
		f.pending = true
		f.e.Post(0, f.solveKind, 0)
	}
}

// touch marks everything that a change of w can reach.
func (f *Fluid) touch(w *Flow) {
	f.loose = append(f.loose, w)
	for _, r := range w.spec.Through {
		if r.capacity > 0 {
			r.mark()
		}
	}
	f.ask()
}

// Start begins a flow. When all bytes are through, done is called, if it isn't nil.
func (f *Fluid) Start(spec FlowSpec, done func()) *Flow {
	spec.Through = append([]*Resource(nil), spec.Through...)
	f.started++
	w := &Flow{f: f, spec: spec, done: done, anchor: f.e.now, number: f.started}
	if n := len(f.free); n > 0 {
		w.slot = f.free[n-1]
		f.free = f.free[:n-1]
		f.flows[w.slot] = w
	} else {
		w.slot = uint32(len(f.flows))
		f.flows = append(f.flows, w)
	}
	for _, r := range spec.Through {
		r.flows = append(r.flows, w)
	}
	f.touch(w)
	return w
}

// Name is the flow's name.
func (w *Flow) Name() string { return w.spec.Name }

// Cap limits the flow's own rate, in bytes per second; 0 for no limit.
func (w *Flow) Cap() int64 { return w.spec.Cap }

// Rate is the current rate in bytes per second, or [Unlimited].
func (w *Flow) Rate() int64 {
	w.f.settle()
	return w.rate
}

// Transferred is how many bytes are through by now.
func (w *Flow) Transferred() int64 {
	moved, _ := w.progress()
	return moved
}

// Done reports whether the flow is complete or was stopped.
func (w *Flow) Done() bool { return w.over }

// Stop aborts the flow; its done function isn't called.
func (w *Flow) Stop() {
	if w.over {
		return
	}
	w.advance()
	w.leave()
}

// Pause holds the flow at rate zero until Resume.
func (w *Flow) Pause() { w.setPaused(true) }

// Resume ends a Pause.
func (w *Flow) Resume() { w.setPaused(false) }

func (w *Flow) setPaused(paused bool) {
	if w.over || w.paused == paused {
		return
	}
	w.paused = paused
	w.f.touch(w)
}

// SetCap changes the limit of the flow's own rate, in bytes per second; 0 for none.
func (w *Flow) SetCap(limit int64) {
	if w.over || w.spec.Cap == limit {
		return
	}
	w.spec.Cap = limit
	w.f.touch(w)
}

// leave takes the flow out of everything.
func (w *Flow) leave() {
	w.over = true
	w.rate = 0
	w.f.e.Cancel(w.timer)
	for _, r := range w.spec.Through {
		for i, o := range r.flows {
			if o == w {
				r.flows = append(r.flows[:i], r.flows[i+1:]...)
				break
			}
		}
		if r.capacity > 0 {
			r.mark()
		}
	}
	w.f.flows[w.slot] = nil
	w.f.free = append(w.f.free, w.slot)
}

// complete handles fluid.done.
func (f *Fluid) complete(slot uint32) {
	w := f.flows[slot]
	w.moved, w.frac, w.anchor = w.spec.Bytes, 0, f.e.now
	w.leave()
	if w.done != nil {
		w.done()
	}
}

const nano = uint64(time.Second)

// progress is what is through by now, in bytes and billionths of one.
func (w *Flow) progress() (moved int64, frac uint64) {
	dt := uint64(w.f.e.now - w.anchor)
	if w.rate == 0 || dt == 0 || w.over {
		return w.moved, w.frac
	}
	hi, lo := bits.Mul64(uint64(w.rate), dt)
	lo, carry := bits.Add64(lo, w.frac, 0)
	hi += carry
	if hi >= nano {
		return w.spec.Bytes, 0
	}
	whole, frac := bits.Div64(hi, lo, nano)
	if w.spec.Bytes >= 0 && whole >= uint64(w.spec.Bytes-w.moved) {
		return w.spec.Bytes, 0
	}
	return w.moved + int64(whole), frac
}

func (w *Flow) advance() {
	w.moved, w.frac = w.progress()
	w.anchor = w.f.e.now
}

// setRate changes the rate from now on and when the flow will be complete.
func (w *Flow) setRate(rate int64) {
	if rate == w.rate && (w.timer != Handle{} || w.spec.Bytes < 0 || rate == 0) {
		return
	}
	w.advance()
	w.rate = rate
	w.f.e.Cancel(w.timer)
	w.timer = Handle{}
	if w.spec.Rated != nil {
		w.spec.Rated()
	}
	if w.spec.Bytes < 0 || rate == 0 {
		return
	}
	if eta, ok := w.eta(); ok {
		w.timer = w.f.e.Schedule(eta, w.f.doneKind, w.slot)
	}
}

// eta is the time until the flow is complete, rounded up to a nanosecond. It
// reports false when that is beyond all times.
func (w *Flow) eta() (time.Duration, bool) {
	left := w.spec.Bytes - w.moved
	if left <= 0 || w.rate == Unlimited {
		return 0, true
	}
	hi, lo := bits.Mul64(uint64(left), nano)
	lo, borrow := bits.Sub64(lo, w.frac, 0)
	hi -= borrow
	rate := uint64(w.rate)
	lo, carry := bits.Add64(lo, rate-1, 0)
	hi += carry
	if hi >= rate {
		return 0, false
	}
	ns, _ := bits.Div64(hi, lo, rate)
	if ns > math.MaxInt64 {
		return 0, false
	}
	return time.Duration(ns), true
}
