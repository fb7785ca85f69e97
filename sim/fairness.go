package sim

import "slices"

// settle computes the rates of everything that changes since the last time can
// have reached.
func (f *Fluid) settle() {
	if len(f.changed) == 0 && len(f.loose) == 0 {
		return
	}
	flows, resources := f.component()
	f.fill(flows, resources)
	for _, w := range flows {
		w.setRate(w.newRate)
	}
	clear(f.scratch.flows) // keep no flow in memory
	clear(f.scratch.capped)
}

// component collects, from the marked resources and flows, all flows connected to
// them by limited resources, in order of their start. It clears the marks.
func (f *Fluid) component() ([]*Flow, []*Resource) {
	f.epoch++
	resources, flows := f.scratch.resources[:0], f.scratch.flows[:0]
	reach := func(r *Resource) {
		if r.epoch != f.epoch {
			r.epoch = f.epoch
			resources = append(resources, r)
		}
	}
	join := func(w *Flow) {
		if w.over || w.epoch == f.epoch {
			return
		}
		w.epoch = f.epoch
		flows = append(flows, w)
		for _, r := range w.spec.Through {
			if r.capacity > 0 {
				reach(r)
			}
		}
	}
	for _, r := range f.changed {
		r.marked = false
		if r.capacity > 0 {
			reach(r)
		}
	}
	for _, w := range f.loose {
		join(w)
	}
	for i := 0; i < len(resources); i++ {
		for _, w := range resources[i].flows {
			join(w)
		}
	}
	clear(f.loose)
	f.changed, f.loose = f.changed[:0], f.loose[:0]
	f.scratch.resources, f.scratch.flows = resources, flows
	//determinism:allow sort-ties the numbers of flows are unique
	slices.SortFunc(flows, func(a, b *Flow) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	return flows, resources
}

// fill is progressive filling: all rates rise together; a flow stays behind when it
// reaches its own cap or when a resource that it passes is full.
func (f *Fluid) fill(flows []*Flow, resources []*Resource) {
	for _, r := range resources {
		r.left, r.waiting = r.capacity, 0
	}
	capped := f.scratch.capped[:0]
	for _, w := range flows {
		w.fixed, w.newRate = false, 0
		if w.paused {
			w.fixed = true
			continue
		}
		for _, r := range w.spec.Through {
			r.waiting++
		}
		if w.spec.Cap > 0 {
			capped = append(capped, w)
		}
	}
	slices.SortStableFunc(capped, func(a, b *Flow) int {
		switch {
		case a.spec.Cap < b.spec.Cap:
			return -1
		case a.spec.Cap > b.spec.Cap:
			return 1
		}
		return 0
	})
	f.scratch.capped = capped
	f.heap.build(resources)
	for {
		r, share := f.heap.least()
		for len(capped) > 0 && capped[0].fixed {
			capped = capped[1:]
		}
		if len(capped) > 0 && (r == nil || capped[0].spec.Cap <= share) {
			capped[0].fix(capped[0].spec.Cap)
			continue
		}
		if r == nil {
			break
		}
		for _, w := range r.flows {
			if !w.fixed {
				w.fix(share)
			}
		}
	}
	for _, w := range flows {
		if !w.fixed {
			w.fix(Unlimited)
		}
	}
}

func (w *Flow) fix(rate int64) {
	w.fixed, w.newRate = true, rate
	for _, r := range w.spec.Through {
		r.waiting--
		r.left -= rate
	}
}

// share is what each flow without a rate gets if the resource is shared now.
func (r *Resource) share() int64 { return max(r.left/r.waiting, 1) }

// shareHeap finds the resource with the least share. Shares only rise while rates
// are filled, so an entry is brought up to date when it comes to the top.
type shareHeap struct{ at []shareEntry }

type shareEntry struct {
	share int64
	r     *Resource
}

func (a shareEntry) before(b shareEntry) bool {
	return a.share < b.share || (a.share == b.share && a.r.id < b.r.id)
}

func (h *shareHeap) build(resources []*Resource) {
	clear(h.at)
	h.at = h.at[:0]
	for _, r := range resources {
		if r.waiting > 0 {
			h.at = append(h.at, shareEntry{r.share(), r})
		}
	}
	for i := len(h.at)/2 - 1; i >= 0; i-- {
		h.down(i)
	}
}

// least is the resource with the least share, or nil when all flows have rates.
func (h *shareHeap) least() (*Resource, int64) {
	for len(h.at) > 0 {
		top := h.at[0]
		if top.r.waiting == 0 {
			last := len(h.at) - 1
			h.at[0] = h.at[last]
			h.at = h.at[:last]
			h.down(0)
			continue
		}
		if now := top.r.share(); now != top.share {
			h.at[0].share = now
			h.down(0)
			continue
		}
		return top.r, top.share
	}
	return nil, 0
}

func (h *shareHeap) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(h.at) {
			return
		}
		if c+1 < len(h.at) && h.at[c+1].before(h.at[c]) {
			c++
		}
		if !h.at[c].before(h.at[i]) {
			return
		}
		h.at[i], h.at[c] = h.at[c], h.at[i]
		i = c
	}
}
