package chaos

import "sync"

// holds counts the faults that hold the same thing. Where two overlap on a link, a
// process or a disk, the first that heals leaves it as it is, and the last one mends it.
type holds struct {
	mu    sync.Mutex // held for moments only
	count map[string]int
}

// held names what a primitive acts on; "" where nothing can be shared.
func held(p Primitive) string {
	switch p := p.(type) {
	case cutLink:
		return "cut " + p.from + "→" + p.to
	case slowLink:
		return "slow " + p.from + "→" + p.to
	case loseProcess:
		return "process " + p.node
	case fillDisk:
		return "disk " + p.node
	}
	return ""
}

func (h *holds) take(p Primitive) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count == nil {
		h.count = make(map[string]int)
	}
	h.count[held(p)]++
}

func (h *holds) drop(p Primitive) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count[held(p)]--
}

// shared reports whether more than one fault holds what p acts on.
func (h *holds) shared(p Primitive) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return held(p) != "" && h.count[held(p)] > 1
}
