package elastic

import (
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/recovery"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// fetcher asks the data nodes what they hold on disk of unassigned shards, over the
// network, and keeps the answers until the shard's copies change (GatewayAllocator,
// AsyncShardFetch).
type fetcher struct {
	m *Master
	// View is the state that is being computed: its nodes are asked.
	View      *state.State
	primaries map[allocation.ShardID]*fetch
	stores    map[allocation.ShardID]*fetch
}

// fetch is what was asked about one shard.
type fetch struct {
	asked   map[string]string // by node id: the node's ephemeral id when it was asked
	answers map[string]storeAnswer
	waiting int
	result  fetched
}

// fetched is what complete answers came to. Reroutes ask for it again and again while a copy waits
// for its turn.
type fetched struct {
	of        []*state.Node // that were asked
	ids       []string      // of the data nodes among them
	primaries []allocation.StoredPrimary
	stores    []allocation.StoredReplica
	primary   string // the node of the primary that stores were compared with; "" none
}

var _ allocation.ShardFetcher = (*fetcher)(nil)

func newFetcher(m *Master) *fetcher {
	return &fetcher{m: m, primaries: make(map[allocation.ShardID]*fetch), stores: make(map[allocation.ShardID]*fetch)}
}

// InFlight is how many answers are awaited.
func (f *fetcher) InFlight() int {
	waiting := 0
	for _, cache := range []map[allocation.ShardID]*fetch{f.primaries, f.stores} {
		for _, w := range cache {
			waiting += w.waiting
		}
	}
	return waiting
}

// forget drops what is known of a shard (applyStartedShards, applyFailedShards).
func (f *fetcher) forget(k store.Key) {
	if _, meta := delta.TableOf(f.m.Process.Applied, k); meta != nil {
		id := allocation.ShardID{Index: meta.Name, Shard: k.Shard}
		delete(f.primaries, id)
		delete(f.stores, id)
	}
}

// applied drops what is known of shards that are complete or gone.
func (f *fetcher) applied(d *delta.Delta) {
	if len(f.primaries)+len(f.stores) == 0 {
		return
	}
	for _, n := range d.Left {
		f.nodeLeft(n)
	}
	for _, m := range d.Removed {
		for i := range m.Shards {
			delete(f.primaries, allocation.ShardID{Index: m.Name, Shard: i})
			delete(f.stores, allocation.ShardID{Index: m.Name, Shard: i})
		}
	}
}

// nodeLeft waits no longer for a node that is gone.
func (f *fetcher) nodeLeft(n *state.Node) {
	complete := 0
	for _, cache := range []map[allocation.ShardID]*fetch{f.primaries, f.stores} {
		//determinism:allow map-order each entry changes by itself; a sum is all that comes out
		for _, w := range cache {
			complete += w.without(n)
		}
	}
	if complete > 0 {
		f.m.Reroute.Ask("async_shard_fetch", coordination.High, nil)
	}
}

// without forgets a node; it returns 1 when that was the last answer awaited.
func (w *fetch) without(n *state.Node) int {
	if w.asked[n.ID] != n.EphemeralID {
		return 0
	}
	_, answered := w.answers[n.ID]
	delete(w.asked, n.ID)
	delete(w.answers, n.ID)
	w.result = fetched{}
	if answered {
		return 0
	}
	w.waiting--
	if w.waiting > 0 {
		return 0
	}
	return 1
}

// Primaries implements [allocation.ShardFetcher].
func (f *fetcher) Primaries(index string, shard int) ([]allocation.StoredPrimary, bool) {
	w, ok := f.ask(f.primaries, index, shard)
	if !ok {
		return nil, false
	}
	if w.result.primaries != nil {
		return w.result.primaries, true
	}
	out := []allocation.StoredPrimary{}
	for _, id := range w.result.ids {
		a := w.answers[id]
		if !a.found {
			continue
		}
		p := allocation.StoredPrimary{Node: id, AllocationID: a.allocationID, Primary: a.primary}
		if a.failure != nil {
			p.Failure = a.failure
		}
		out = append(out, p)
	}
	w.result.primaries = out
	return out, true
}

// Stores implements [allocation.ShardFetcher].
func (f *fetcher) Stores(index string, shard int) ([]allocation.StoredReplica, bool) {
	w, ok := f.ask(f.stores, index, shard)
	if !ok {
		return nil, false
	}
	on, primary := f.primaryAnswer(index, shard, w.answers)
	if w.result.stores != nil && w.result.primary == on {
		return w.result.stores, true
	}
	out := make([]allocation.StoredReplica, 0, len(w.result.ids))
	for _, id := range w.result.ids {
		a := w.answers[id]
		r := allocation.StoredReplica{Node: id, Empty: !a.found || a.failure != nil, RetainedSeqNo: -1}
		if primary != nil {
			if lease, ok := primary.leases.Get(id); ok {
				r.RetainedSeqNo = lease.Retaining
			}
			if !r.Empty {
				r.MatchingBytes = recovery.Matching(primary.segments, a.segments)
			}
		}
		out = append(out, r)
	}
	w.result.stores, w.result.primary = out, on
	return out, true
}

// primaryAnswer is the node that holds the active primary and its answer; nil where there is none.
func (f *fetcher) primaryAnswer(index string, shard int, answers map[string]storeAnswer) (on string, a *storeAnswer) {
	t := f.m.Process.Applied.Routing.Index(index)
	if t == nil || shard >= len(t.Shards) {
		return "", nil
	}
	pr := t.Shards[shard].Primary()
	if pr == nil || !pr.Active() {
		return "", nil
	}
	answer, ok := answers[pr.Node]
	if !ok || !answer.found {
		return "", nil
	}
	return pr.Node, &answer
}

// ask gives what all data nodes have answered, or sends the questions that are still open.
func (f *fetcher) ask(cache map[allocation.ShardID]*fetch, index string, shard int) (*fetch, bool) {
	p := f.m.Process
	id := allocation.ShardID{Index: index, Shard: shard}
	w := cache[id]
	if w == nil {
		w = &fetch{asked: make(map[string]string), answers: make(map[string]storeAnswer)}
		cache[id] = w
	}
	if f.View == nil {
		f.View = p.Applied
	}
	if sameList(w.result.of, f.View.Nodes) {
		return w, true
	}
	var ids []string // in order
	for _, n := range f.View.Nodes {
		if !n.CanContainData() {
			continue
		}
		ids = append(ids, n.ID)
		if w.asked[n.ID] != n.EphemeralID {
			if _, answered := w.answers[n.ID]; answered || w.asked[n.ID] == "" {
				w.waiting++
			}
			w.asked[n.ID] = n.EphemeralID
			delete(w.answers, n.ID)
			f.send(cache, id, w, n)
		}
	}
	w.result = fetched{}
	if w.waiting > 0 {
		return nil, false
	}
	w.result.of, w.result.ids = f.View.Nodes, ids
	return w, true
}

// sameList reports whether two lists of nodes are one: states share it while nobody joins or leaves.
func sameList(a, b []*state.Node) bool { return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] }

// send asks one node. When the last answer has come the master reroutes.
func (f *fetcher) send(cache map[allocation.ShardID]*fetch, id allocation.ShardID, w *fetch, n *state.Node) {
	p := f.m.Process
	var uuid string
	if meta := f.View.Index(id.Index); meta != nil {
		uuid = meta.UUID
	}
	arrived := func(a storeAnswer) {
		if _, have := w.answers[n.ID]; have || w.asked[n.ID] != n.EphemeralID {
			return // the node has left meanwhile
		}
		w.answers[n.ID] = a
		w.waiting--
		if w.waiting == 0 && cache[id] == w && !f.m.Over {
			f.m.Reroute.Ask("async_shard_fetch", coordination.High, nil)
		}
	}
	Send(p, p.Member(n.ID), askStore{store.Key{UUID: uuid, Shard: id.Shard}}, 0, arrived, func(error) { arrived(storeAnswer{}) })
}

// describeStore is what the node holds of a shard.
func (p *Process) describeStore(k store.Key) storeAnswer {
	st := p.Node.Stores[k]
	if st == nil || (st.History == "" && st.AllocationID == "") {
		return storeAnswer{}
	}
	a := storeAnswer{found: true, allocationID: st.AllocationID, primary: st.Primary, segments: slices.Clone(st.Segments)}
	if err := st.Unreadable(); err != nil {
		a.failure = AsError(err)
	}
	if s := p.Shards[k]; s != nil && s.Tracker != nil {
		s.Tracker.SyncLeases()
	}
	a.leases = st.Leases.Clone()
	return a
}
