package load

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// refusal is what of a group's operations is answered with an error at once: those that a
// block of the index forbids, and all of a deleted index. The load doesn't create an index
// anew, as if action.auto_create_index were false.
type refusal struct{ writes, reads, deleted bool }

// refusalOf reads it from the blocks of a state.
func refusalOf(blocks []state.IndexBlocks, index string) (r refusal) {
	for _, b := range blocks {
		if b.Index != index {
			continue
		}
		for _, x := range b.Blocks {
			r.writes = r.writes || slices.Contains(x.Levels, "write")
			r.reads = r.reads || slices.Contains(x.Levels, "read")
		}
	}
	return r
}

// blocksApplied follows the blocks of a state that the master has applied.
func (f *Fluid) blocksApplied(st *state.State) {
	if len(f.blocks) == len(st.Blocks) && (len(f.blocks) == 0 || &f.blocks[0] == &st.Blocks[0]) {
		return
	}
	f.blocks = st.Blocks
	for _, g := range f.Order {
		if r := refusalOf(f.blocks, g.index); !g.refuses.deleted && r != g.refuses {
			f.refuse(g, r)
		}
	}
}

// IndexDeleted has everything refused that is still sent to an index.
func (f *Fluid) IndexDeleted(uuid string, shards int) {
	for i := range shards {
		if g := f.groups[store.Key{UUID: uuid, Shard: i}]; g != nil && !g.refuses.deleted {
			f.refuse(g, refusal{writes: true, reads: true, deleted: true})
		}
	}
}

func (f *Fluid) refuse(g *Group, r refusal) {
	f.advance(g)
	if r.deleted && !g.refuses.deleted {
		f.deleted++
	}
	g.refuses = r
	f.regroup(g)
}

// forgetDeleted drops the group of a deleted index in whose place there is another of its
// name, which gets the operations from now on.
func (f *Fluid) forgetDeleted(index string, k store.Key) {
	if f.deleted == 0 {
		return
	}
	at := slices.IndexFunc(f.Order, func(g *Group) bool {
		return g.refuses.deleted && g.index == index && g.key.Shard == k.Shard
	})
	if at < 0 {
		return
	}
	g := f.Order[at]
	f.advance(g)
	f.aim(g) // nobody acts as its primary: nothing is sent there
	f.deleted--
	delete(f.groups, g.key)
	f.Order = slices.Delete(f.Order, at, at+1)
}

// CopyOpened looks at a shard's group again because one more copy may answer.
func (f *Fluid) CopyOpened(k store.Key) {
	if g := f.groups[k]; g != nil {
		f.advance(g)
		f.regroup(g)
	}
}
