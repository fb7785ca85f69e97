package rehearse

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage/damage"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv"
)

// image is what a machine's disk had at some time: when, as the disk's how manieth, how
// many batches were durable, and which nodes it knew.
type image struct {
	disk    int
	files   kv.Image
	batches uint64
	knows   map[shardmap.NodeID]bool
}

// photograph keeps what a disk has, for it to be put back.
func (w *wholeNodes) photograph(m *kv.Machine) {
	if w.style != damageToDisks || !m.Up() {
		return
	}
	knows := make(map[shardmap.NodeID]bool)
	if state := m.Node().State(); state.Known() {
		for i := range state.Members() {
			knows[state.Members()[i].ID] = true
		}
	}
	list := append(w.images[m.Name()], image{m.Disks(), m.Image(), m.Durable(), knows})
	switch {
	case len(list) > 1 && list[0].disk != m.Disks():
		list = list[len(list)-1:]
	case len(list) > 4: // the first stays: the oldest disk knows the fewest of those that are there now
		list = slices.Delete(list, 1, 2)
	}
	w.images[m.Name()] = list
}

// damage ends a process and does something to what its disk has had since lately: to a
// file of it, or the folder is put back as a whole. At most one disk at a time is hurt, until
// the cluster is whole again: more are a majority.
func (w *wholeNodes) damage(m *kv.Machine) {
	if w.latent || w.pairs() || w.hurt && !w.spare() || !m.Up() || m.Node().ID() == "" {
		return
	}
	var earlier image
	if list := w.images[m.Name()]; len(list) > 0 {
		if earlier = list[w.rng.IntN(2)*w.rng.IntN(len(list))]; earlier.disk != m.Disks() {
			earlier = image{}
		}
	}
	disk, kinds := m.Disks(), len(damage.Kinds())
	which := w.rng.IntN(kinds + 2)
	if which >= kinds && earlier.batches == 0 {
		return
	}
	w.hurt = true
	if behind, third := w.companions(m); behind != nil && w.rng.IntN(4) > 0 {
		w.crash(behind, false)
		w.e.After(time.Duration(w.rng.Int64N(int64(2*w.Settings.Heartbeat))), "kv.damage", func() {
			if m.Up() && m.Disks() == disk {
				w.crashFor(third, 16*w.Settings.Heartbeat)
				w.strike(m, earlier, which)
			}
		})
		return
	}
	if w.rng.IntN(3) == 0 {
		w.powerCutBut(m)
	}
	w.strike(m, earlier, which)
}

// companions are two machines that have copies of what a machine has one of, as far as it
// is known; nil if there aren't two. If the first was away while something was written, and
// the other goes, then what was acknowledged is on the machine's disk only: whoever takes a
// short log there for the whole one loses it.
func (w *wholeNodes) companions(m *kv.Machine) (behind, third *kv.Machine) {
	all := w.newest.Map()
	first := w.rng.IntN(all.Len())
	for i := range all.Len() {
		s := all.At((first + i) % all.Len())
		if !s.HasReplica(m.Node().ID()) {
			continue
		}
		var others []*kv.Machine
		for _, id := range s.Replicas {
			if x := w.newest.Member(id); id != m.Node().ID() && x != nil && w.f.Machine(x.Name).Up() {
				others = append(others, w.f.Machine(x.Name))
			}
		}
		if len(others) == 2 {
			w.rng.Shuffle(2, func(i, j int) { others[i], others[j] = others[j], others[i] })
			return others[0], others[1]
		}
	}
	return nil, nil
}

// strike ends a process, damages what its disk has, and starts it again.
func (w *wholeNodes) strike(m *kv.Machine, earlier image, which int) {
	if m.Up() {
		w.res.Crashes++
		m.Crash()
	}
	kinds := damage.Kinds()
	if which < len(kinds) {
		if kinds[which] == damage.RollBack {
			w.earlier[m.Name()] = m.Disks()
		}
		w.res.Damage[kinds[which]]++
		w.latent = w.Pebble // a table is read when it is read: until then nothing else may be lost
		w.e.Note("kv.damage", m.Name()+": "+m.Damage(kinds[which], earlier.files))
		w.back(m.Start)
		return
	}
	w.back(func() { w.putBack(m, earlier) })
}

// powerCutBut ends all processes at once, the one given for longer.
func (w *wholeNodes) powerCutBut(m *kv.Machine) {
	for _, x := range w.f.Machines() {
		if !x.Up() {
			continue
		}
		w.res.Crashes++
		x.Crash()
		if x != m {
			w.e.After(time.Duration(w.rng.Int64N(int64(300*time.Millisecond))), "kv.repair", x.Start)
		}
	}
}

// putBack puts a disk back as a whole, and starts the machine when somebody who remembers
// more can be reached.
func (w *wholeNodes) putBack(m *kv.Machine, earlier image) {
	if m.Up() || m.Disks() != earlier.disk {
		return // it was started, or got another disk, for another reason
	}
	if w.ill[m.Name()] > 0 || w.rememberers(m, earlier.batches) == nil {
		w.back(func() { w.putBack(m, earlier) })
		if !w.faults {
			m.Start()
		}
		return
	}
	w.res.RolledBack++
	var mend func()
	if names := w.rememberers(m, earlier.batches); w.faults && w.rng.IntN(2) == 0 {
		// Those that the old disk doesn't know won't be asked by it on its own.
		late := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return earlier.knows[w.f.Machine(name).Node().ID()] })
		if len(late) > 0 {
			names = late
		}
		mend = w.leave(m, names[w.rng.IntN(len(names))])
	}
	m.RollBack(earlier.files)
	w.earlier[m.Name()] = m.Disks()
	w.e.Note("kv.roll-back", m.Name())
	m.Start()
	if m.Up() && m.Node().Started() {
		w.problem("%s takes part with a disk that was put back, and has asked nobody", m.Name())
	}
	look := func() { w.e.After(2*time.Second, "kv.found", func() { w.foundOut(m, earlier) }) }
	if mend == nil {
		look()
		return
	}
	w.back(func() {
		mend()
		look()
	})
}

// leave cuts a machine off from all others but one.
func (w *wholeNodes) leave(m *kv.Machine, one string) (mend func()) {
	w.res.Cuts++
	w.ill[m.Name()]++
	var cuts []*sim.CutHandle
	for _, x := range w.f.Machines() {
		if x != m && x.Name() != one {
			cuts = append(cuts, w.f.Network.Cut(m.Name(), x.Name(), sim.Blackhole), w.f.Network.Cut(x.Name(), m.Name(), sim.Blackhole))
		}
	}
	return func() {
		w.ill[m.Name()]--
		for _, c := range cuts {
			c.Mend()
		}
	}
}

// rememberers are the machines that can be reached and know that a disk had more.
func (w *wholeNodes) rememberers(m *kv.Machine, batches uint64) (names []string) {
	id := w.idOf(m)
	for _, x := range w.f.Machines() {
		if x != m && x.Up() && !x.Paused() && w.ill[x.Name()] == 0 && x.Node().Started() && x.Node().Remembers(id) > batches {
			names = append(names, x.Name())
		}
	}
	return names
}

// idOf is the node that was on a machine last.
func (w *wholeNodes) idOf(m *kv.Machine) (id shardmap.NodeID) {
	number := uint64(0)
	for i := range w.newest.Members() {
		if x := &w.newest.Members()[i]; x.Name == m.Name() && x.Number > number {
			id, number = x.ID, x.Number
		}
	}
	return id
}

// foundOut looks whether a folder that was put back was found out. If not, those who
// remember were struck before they could answer, which exceeds what is promised.
func (w *wholeNodes) foundOut(m *kv.Machine, earlier image) {
	if m.Disks() == earlier.disk && m.Up() && m.Node().Started() {
		w.res.Beyond = true
	}
}

// wasLost counts the disks that were found to have lost something.
func (w *wholeNodes) wasLost(*kv.Machine, error) {
	w.res.Lost++
	w.hurt = true
}
