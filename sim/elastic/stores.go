package elastic

import (
	"math/rand/v2"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// storeHost is the node as its stores know it.
type storeHost struct{ n *Node }

func (h storeHost) Changed() { h.n.Changed() }

func (h storeHost) IDs() *rand.Rand { return h.n.c.IDs }

func (h storeHost) Marked(st *store.Store) {
	h.n.c.e.Note("store.corrupted", h.n.Name()+" "+st.IndexName, uint64(st.Key.Shard))
}

// FoundDamaged fails the open copy of a store after whatever goes on has ended.
func (h storeHost) FoundDamaged(st *store.Store, reason string, e *Error) {
	if p := h.n.Proc; p != nil {
		p.FoundDamaged(st, reason, e)
	}
}

// FoundDamaged fails the open copy of a store after whatever goes on has ended.
func (p *Process) FoundDamaged(st *store.Store, reason string, e *Error) {
	p.After(0, "store.corrupted", func() {
		if s := p.Shards[st.Key]; s != nil && s.Store == st && s.Phase != Closed {
			s.failCorrupted(reason, e)
		}
	})
}

// NewStore makes an empty store on the node.
func (n *Node) NewStore(key store.Key, index string) *store.Store {
	st := store.New(storeHost{n}, n.ordinal, key, index)
	n.c.Fluid.Attach(st)
	n.Stores[key] = st
	i, _ := slices.BinarySearchFunc(n.Sorted, key, compareStores)
	n.Sorted = slices.Insert(n.Sorted, i, st)
	n.Changed()
	return st
}

// deleteStore removes a store from the disk.
func (n *Node) deleteStore(key store.Key) {
	st := n.Stores[key]
	if st == nil {
		return
	}
	n.c.Fluid.Detach(st)
	delete(n.Stores, key)
	if i, ok := slices.BinarySearchFunc(n.Sorted, key, compareStores); ok {
		n.Sorted = slices.Delete(n.Sorted, i, i+1)
	}
	n.Changed()
	n.Account()
}

func compareStores(st *store.Store, k store.Key) int { return store.CompareKeys(st.Key, k) }

// Changed notes that the node's shards or their sizes are not what they were.
func (n *Node) Changed() {
	n.sizes, n.summed = nil, false
	n.Changes++
}

// dropUnusedStores deletes copies that the routing table doesn't want on this node
// once every copy that it does want is active (IndicesStore).
func (p *Process) dropUnusedStores() {
	if len(p.Node.Stores) == len(p.Shards) {
		return
	}
	for _, st := range p.Node.Sorted {
		k := st.Key
		if p.Shards[k] != nil {
			continue
		}
		t, m := delta.TableOf(p.Applied, k)
		if m == nil || !deletable(t, p.Node.ID()) {
			continue
		}
		p.askWhetherActive(k, t)
	}
}

// deletable reports whether all copies of a shard are started, none of them on the node.
func deletable(t *state.ShardTable, node string) bool {
	for _, c := range t.Copies {
		if c.State != state.Started || c.Node == node {
			return false
		}
	}
	return len(t.Copies) > 0
}

// askWhetherActive asks every node with a copy whether that is active; when all say
// so the store here is deleted.
func (p *Process) askWhetherActive(k store.Key, t *state.ShardTable) {
	yes := 0
	for _, cp := range t.Copies {
		Send(p, p.Member(cp.Node), askActive{k}, shardActiveTimeout, func(active bool) {
			if active {
				yes++
			}
			if yes == len(t.Copies) {
				p.deleteIfStillUnused(k, t)
			}
		}, func(error) {})
	}
}

func (p *Process) deleteIfStillUnused(k store.Key, asked *state.ShardTable) {
	t, _ := delta.TableOf(p.Applied, k)
	if t == asked && p.Shards[k] == nil {
		p.Node.deleteStore(k)
	}
}
