package fidelity

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/scenarios/observed"
)

// never is the time of what did not happen.
const never = time.Duration(-1)

// watched are the moments of a phase, since its beginning.
type watched struct {
	removed, joined, masterLost, newMaster, blockSeen, blockGone     time.Duration
	notGreen, red, active, green, balanced, initializing, relocating time.Duration
}

// watch follows health and members through a phase.
func watch(h *observed.History, s span) watched {
	w := watched{never, never, never, never, never, never, never, never, never, never, never, never, never}
	health, members := before(h.Observations, s.at)
	w.begin(health)
	observer := observerOf(h.Observations, s, members)
	headless := false
	for _, o := range h.Observations {
		if o.At < s.at || o.At >= s.until {
			continue
		}
		at := s.since(o.At)
		switch saw := o.Sight.(type) {
		case observed.Members:
			w.members(at, members, saw)
		case observed.View:
			if saw.Node == observer && saw.State == "ok" && headless != (saw.Master == "") {
				headless = !headless
				w.health(at, seenBy(health, headless))
			}
		case observed.Health:
			health = saw
			w.health(at, seenBy(health, headless))
		}
	}
	return w
}

// observerOf is the node whose own view is watched beside the view with authority, ""
// for none. Where the master is cut off it goes on believing in itself, and its view is
// the newest; but the others have no master, and it is their course that counts: that of
// the first of them to follow another master.
func observerOf(obs []observed.Observation, s span, m observed.Members) string {
	if m.Master == "" || !slices.Contains(s.victims, m.Master) {
		return ""
	}
	for _, o := range obs {
		view, ok := o.Sight.(observed.View)
		if ok && o.At >= s.at && o.At < s.until && view.Master != "" && view.Master != m.Master && !slices.Contains(s.victims, view.Node) {
			return view.Node
		}
	}
	return ""
}

// seenBy is health as a node without a master shows it.
func seenBy(h observed.Health, headless bool) observed.Health {
	if headless {
		h.Status, h.Master = "red", false
	}
	return h
}

// before is what was last seen before a moment.
func before(obs []observed.Observation, at time.Duration) (health observed.Health, members observed.Members) {
	for _, o := range obs {
		if o.At >= at {
			break
		}
		switch saw := o.Sight.(type) {
		case observed.Health:
			health = saw
		case observed.Members:
			members = saw
		}
	}
	return health, members
}

// pending marks an end that is awaited; it counts as never.
const pending = time.Duration(-2)

// begin takes in how the phase begins: what is amiss from before may end in it.
func (w *watched) begin(h observed.Health) {
	if h.Status == "yellow" || h.Status == "red" {
		w.green = pending
	}
	if busy(h) {
		w.balanced = pending
	}
	if h.Blocks != "" {
		w.blockGone = pending
	}
}

func busy(h observed.Health) bool { return h.Relocating+h.Initializing+h.Unassigned > 0 }

func once(d *time.Duration, at time.Duration) {
	if *d == never {
		*d = at
	}
}

// ends moves an end on: it is the first moment after the last at which the matter held.
func ends(d *time.Duration, holds bool, at time.Duration) {
	switch {
	case holds:
		*d = pending
	case *d == pending:
		*d = at
	}
}

func (w *watched) members(at time.Duration, first, m observed.Members) {
	if len(m.Nodes) < len(first.Nodes) {
		once(&w.removed, at)
	}
	if len(m.Nodes) > len(first.Nodes) {
		once(&w.joined, at)
	}
	switch m.Master {
	case "":
		once(&w.masterLost, at)
	case first.Master:
	default:
		once(&w.newMaster, at)
	}
}

func (w *watched) health(at time.Duration, h observed.Health) {
	if !h.Master {
		once(&w.masterLost, at)
	}
	blocked := h.Blocks != "" || !h.Master
	if blocked {
		once(&w.blockSeen, at)
	}
	ends(&w.blockGone, blocked, at)
	switch h.Status {
	case "red":
		once(&w.notGreen, at)
		once(&w.red, at)
	case "yellow":
		once(&w.notGreen, at)
		once(&w.active, at) // never red: with the moment of yellow
	}
	ends(&w.green, h.Status != "green", at)
	ends(&w.balanced, busy(h), at)
	if h.Status == "red" {
		w.active = pending
	} else if w.active == pending {
		w.active = at
	}
	if h.Initializing > 0 {
		once(&w.initializing, at)
	}
	if h.Relocating > 0 {
		once(&w.relocating, at)
	}
}

func (w *watched) quantities() []Quantity {
	var out []Quantity
	for _, q := range []struct {
		name string
		at   time.Duration
	}{
		{NodeRemoved, w.removed}, {NodeJoined, w.joined}, {MasterLost, w.masterLost}, {NewMaster, w.newMaster},
		{BlockSeen, w.blockSeen}, {BlockGone, w.blockGone}, {NotGreen, w.notGreen}, {Red, w.red},
		{PrimariesActive, w.active}, {FirstInitializing, w.initializing}, {FirstRelocating, w.relocating},
		{Green, w.green}, {Balanced, w.balanced},
	} {
		if q.at >= 0 {
			out = append(out, seconds(q.name, q.at))
		}
	}
	return out
}
