package chaos

import (
	"fmt"
	"slices"
	"sync"

	"github.com/shardquake/shardquake/internal/clock"
)

// Hold is what a primitive keeps in force on a thing that other faults may hold as well.
// The thing is left alone only when the last of them has healed.
type Hold struct {
	// On names the thing and what is done to it: "process n2", "shape n1→n2". Primitives
	// that name the same share it. "": there is nothing that another fault could hold.
	On string
	// Layered: each has a way of its own of holding it (a shape, a level). That of the last
	// is in force, and when it heals, that of the last that is left. Without it one holder is
	// as good as another: a process is away for all of them.
	Layered bool
}

// applied is a primitive in force; it is told from others by its address.
type applied struct {
	Primitive
	forGood bool
}

// holds are the primitives in force by what they hold, in the order in which they took it.
type holds struct {
	mu sync.Mutex // held for moments only
	by map[string][]*applied
	// turns are of those who let go of a thing: one after the other.
	turns map[string]clock.Mutex
}

// turn is what is held while p lets go of its thing.
func (h *holds) turn(c clock.Clock, p *applied) clock.Mutex {
	on := p.Holds().On
	if on == "" {
		return c.NewMutex()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.turns == nil {
		h.turns = make(map[string]clock.Mutex)
	}
	if h.turns[on] == nil {
		h.turns[on] = c.NewMutex()
	}
	return h.turns[on]
}

func (h *holds) take(p *applied) {
	on := p.Holds().On
	if on == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by == nil {
		h.by = make(map[string][]*applied)
	}
	h.by[on] = append(h.by[on], p)
}

// lost says that nothing is left for p to do: what it would hold is gone for good.
func (h *holds) lost(p Primitive) error {
	hold := p.Holds()
	if hold.On == "" || hold.Layered {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.by[hold.On] {
		if x.forGood {
			return fmt.Errorf("nothing is left to do after %s, which is for good", x)
		}
	}
	return nil
}

// gone is whether a thing is for good.
func (h *holds) gone(p Primitive) bool { return h.lost(p) != nil }

// held is whether anybody holds a thing.
func (h *holds) held(what Hold) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.by[what.On]) > 0
}

func (h *holds) drop(p *applied) {
	on := p.Holds().On
	if on == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.by[on] = slices.DeleteFunc(h.by[on], func(x *applied) bool { return x == p })
	if len(h.by[on]) == 0 {
		delete(h.by, on)
	}
}

// left says what becomes of the thing that p holds when p lets go: it stays as it is for
// others, or goes back to what the one beneath p made of it. Neither: it is to be mended.
func (h *holds) left(p *applied) (stays bool, beneath *applied) {
	hold := p.Holds()
	h.mu.Lock()
	defer h.mu.Unlock()
	all := h.by[hold.On]
	at := slices.Index(all, p)
	switch {
	case hold.On == "" || at < 0 || len(all) == 1:
		return false, nil
	case !hold.Layered || at < len(all)-1:
		return true, nil
	}
	return false, all[at-1]
}
