package allocation

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// routed is one copy while a pass works on it (ShardRouting). The two ends of a
// relocation are two routed copies, each naming the other's allocation in otherID.
type routed struct {
	shard   *shard
	node    *node // nil: unassigned
	other   *node // the other end of a relocation
	primary bool
	state   state.CopyState
	source  state.RecoverySource
	// forceStale marks an existing-store recovery forced by allocate_stale_primary.
	forceStale bool
	expected   int64
	failures   int // failed relocations in a row
	id         string
	otherID    string
	info       *state.UnassignedInfo

	// orig is the entry of the routing table the copy was read from, nil once it changed.
	orig *state.Copy
	// prev and next link the copies of a node in the order they came to it.
	prev, next *routed
	place      int32 // grows along that list
}

func (r *routed) active() bool       { return r.state == state.Started || r.state == state.Relocating }
func (r *routed) started() bool      { return r.state == state.Started }
func (r *routed) initializing() bool { return r.state == state.Initializing }
func (r *routed) relocating() bool   { return r.state == state.Relocating }
func (r *routed) unassigned() bool   { return r.state == state.Unassigned }

// isTarget reports whether the copy is the initializing end of a relocation.
func (r *routed) isTarget() bool { return r.initializing() && r.other != nil }

// shard is the copies of one shard.
type shard struct {
	index *index
	num   int
	table *state.ShardTable
	// assigned is in the order in which RoutingNodes lists a shard's copies,
	// relocation targets included.
	assigned []*routed
	// bytes by role (primary, replica); -1 unknown.
	bytes [2]int64
	// changes of metadata that follow from the pass's changes of routing.
	update *metadataUpdate
	// unassigned collects copies while the new table is built.
	unassigned []*routed
}

// role is the index of a role in shard.bytes.
func role(primary bool) int {
	if primary {
		return 0
	}
	return 1
}

// activePrimary is the shard's primary if it is active, else nil.
func (s *shard) activePrimary() *routed {
	for _, r := range s.assigned {
		if r.primary && r.active() {
			return r
		}
	}
	return nil
}

// byID finds an assigned copy by allocation id.
func (s *shard) byID(id string) *routed {
	for _, r := range s.assigned {
		if r.id == id {
			return r
		}
	}
	return nil
}

// index is an index and what the pass needs of its metadata and settings.
type index struct {
	pos    int // in the routing table's order
	meta   *state.Index
	set    *indexSettings
	shards []*shard
	copies int // per shard
	rank   int // in the order in which unassigned copies are taken
}

// node is a data node and its copies (RoutingNode).
type node struct {
	pos   int // in the pass's order of nodes
	id    string
	disco *state.Node // nil: the node has left

	head, tail       *routed
	size             int
	places           int32 // given out
	initializing     []*routed
	relocating       []*routed
	initialPrimaries int // primaries initializing, relocation targets excluded
	incoming         int // recoveries
	outgoing         int

	usage      DiskUsage
	usageKnown bool
	// unaccounted caches what recoveries will take of the disk: [0] as canAllocate
	// counts it, [1] with shards moving away subtracted.
	unaccounted [2]int64
	accounted   bool
}

// draft is a state's routing in dense form while it is being changed (RoutingNodes).
type draft struct {
	reader *reader
	src    source
	st     *state.State
	set    *clusterSettings

	nodes   []*node // in iteration order
	byID    map[string]*node
	indices []*index // in the routing table's order
	byName  map[string]*index
	shards  int // how many there are
	copies  int

	// The lists of UnassignedShards, and its counters. The counters are not what
	// they seem: Elasticsearch does not adjust them when it takes ignored shards
	// back, and a decider reads them.
	unassigned       []*routed
	ignored          []*routed
	primaries        int
	ignoredPrimaries int

	inactivePrimaries int
	inactiveShards    int
	relocatingShards  int

	mixed bool // some nodes run a newer version than others

	changed bool
	// simulating: what changes is thought of only, and needs no ids or metadata.
	simulating bool
	updates    []*shard // shards with an update, in the order they got it

	slab []routed
	room *room
}

// source is what a draft is made from.
type source struct {
	st *state.State
	// settings are those of the cluster over the master's elasticsearch.yml.
	settings settings.Settings
	// nodeOrder is the order in which nodes came into the map of them, where it is known.
	nodeOrder []string
	// sizes are an index's sizes by shard and role, [unknownSize] where nothing is known;
	// nil when no sizes are.
	sizes func(index string, shards int) [][2]int64
	// newID makes the id of a new allocation.
	newID func() string
	// mix draws the order in which the new table lists its indices; nil keeps it.
	mix func(n int) []int
}

// reader makes drafts one after another. It keeps what the next may use of the last one: the
// memory, and what was read of indices' settings.
type reader struct {
	settings map[*state.Index]*indexSettings
	room     *room // of the last draft that is done
}

// room is the memory that a draft reads a state into: megabytes on a large cluster, so the
// next draft takes over that of one that is done.
type room struct {
	slots    []*routed
	routed   []routed
	shards   []shard
	pointers []*shard // to shards
}

// takeRoom is memory for a state of that many copies and shards.
func (s *reader) takeRoom(copies, shards int) *room {
	r := s.room
	s.room = nil
	if r != nil && cap(r.routed) >= copies && len(r.shards) >= shards && cap(r.slots) >= 2*copies+shards && cap(r.routed) <= 2*copies+64 {
		return r
	}
	r = &room{
		slots: make([]*routed, 0, 2*copies+shards), routed: make([]routed, 0, copies+copies/8+16),
		shards: make([]shard, shards), pointers: make([]*shard, shards),
	}
	for i := range r.shards {
		r.pointers[i] = &r.shards[i]
	}
	return r
}

// close gives the draft's memory to the next one. Nothing of it may be used any more.
func (p *draft) close() {
	p.reader.room = p.room
	*p = draft{}
}

// forget drops the memory that was kept for the next draft.
func (s *reader) forget() { s.room = nil }

// read makes a draft of a state.
func (s *reader) read(src source) *draft {
	p := &draft{
		reader: s, src: src, st: src.st, set: newClusterSettings(src.settings),
		byID: make(map[string]*node), byName: make(map[string]*index, len(src.st.Indices)),
	}
	p.readIndices()
	table := p.readNodes()
	p.readCopies(&table)
	p.orderNodes(table)
	return p
}

// readIndices takes over metadata and settings, and ranks indices as
// PriorityComparator does.
func (p *draft) readIndices() {
	metas := make(map[string]*state.Index, len(p.st.Indices))
	for _, m := range p.st.Indices {
		metas[m.Name] = m
	}
	cache := make(map[*state.Index]*indexSettings, len(p.st.Indices))
	for _, t := range p.st.Routing.Indices {
		m := metas[t.Index]
		set := p.reader.settings[m]
		if set == nil {
			set = newIndexSettings(m)
		}
		cache[m] = set
		idx := &index{pos: len(p.indices), meta: m, set: set, copies: m.Replicas + 1}
		p.indices = append(p.indices, idx)
		p.byName[m.Name] = idx
	}
	p.reader.settings = cache
	ranked := slices.Clone(p.indices)
	slices.SortStableFunc(ranked, compareIndices)
	for i, idx := range ranked {
		idx.rank = i
	}
}

// compareIndices puts the index first whose copies are allocated first.
func compareIndices(a, b *index) int {
	if a.meta.System != b.meta.System {
		if a.meta.System {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(b.set.priority, a.set.priority),
		cmp.Compare(b.meta.CreationDate, a.meta.CreationDate),
		cmp.Compare(b.meta.Name, a.meta.Name),
	)
}

// readNodes lists the data nodes, by id.
func (p *draft) readNodes() javaorder.Table {
	for _, n := range p.st.Nodes {
		if n.CanContainData() {
			p.addNode(n.ID, n)
		}
	}
	table := javaorder.NewTableFor(len(p.nodes))
	table.Grow(len(p.nodes))
	return table
}

func (p *draft) addNode(id string, disco *state.Node) *node {
	n := &node{id: id, disco: disco}
	p.nodes = append(p.nodes, n)
	p.byID[id] = n
	p.mixed = p.mixed || disco != nil && disco.Newer
	return n
}

// nodeOf finds a node by id. Of a node that has left it makes one, which
// disassociateDeadNodes takes out again.
func (p *draft) nodeOf(id string, table *javaorder.Table) *node {
	n := p.byID[id]
	if n == nil {
		n = p.addNode(id, nil)
		table.Grow(1)
	}
	return n
}

// orderNodes puts the nodes into the iteration order of their HashMap.
func (p *draft) orderNodes(table javaorder.Table) {
	if put := p.src.nodeOrder; len(put) > 0 {
		slices.SortStableFunc(p.nodes, func(a, b *node) int { return cmp.Compare(standing(put, a.id), standing(put, b.id)) })
	}
	javaorder.Sort(table, p.nodes, func(n *node) int32 { return javaorder.StringHash(n.id) })
	for i, n := range p.nodes {
		n.pos = i
	}
}

// readCopies fills nodes, shards and lists from the routing table, in its order.
func (p *draft) readCopies(table *javaorder.Table) {
	shards, copies := 0, 0
	for _, t := range p.st.Routing.Indices {
		shards += len(t.Shards)
		for _, s := range t.Shards {
			copies += len(s.Copies)
		}
	}
	p.room = p.reader.takeRoom(copies, shards)
	slots, pointers := p.room.slots, p.room.pointers[:shards]
	p.slab = p.room.routed
	p.shards, p.copies = shards, copies
	for i, t := range p.st.Routing.Indices {
		idx := p.indices[i]
		idx.shards, pointers = pointers[:len(t.Shards):len(t.Shards)], pointers[len(t.Shards):]
		sizes := p.src.sizes(idx.meta.Name, len(t.Shards))
		for num, st := range t.Shards {
			s := idx.shards[num]
			*s = shard{index: idx, num: num, table: st, bytes: [2]int64{unknownSize, unknownSize}}
			if sizes != nil {
				s.bytes = sizes[num]
			}
			room := len(st.Copies) + 1
			s.assigned, slots = slots[:0:room], slots[room:room:cap(slots)]
			p.readShard(s, st, table)
		}
	}
}

func (p *draft) readShard(s *shard, st *state.ShardTable, table *javaorder.Table) {
	var primary *node
	for _, c := range st.Copies {
		if c.Primary && c.Node != "" {
			primary = p.nodeOf(c.Node, table)
		}
	}
	for _, c := range st.Copies {
		r := p.newRouted()
		*r = routed{
			shard: s, primary: c.Primary, state: c.State, source: c.Source, forceStale: c.ForceStale,
			expected: c.ExpectedBytes, failures: c.RelocationFailures, id: c.AllocationID, otherID: c.OtherID,
			info: c.Info, orig: c,
		}
		if c.State == state.Unassigned {
			p.addUnassigned(r)
			continue
		}
		r.node = p.nodeOf(c.Node, table)
		switch c.State {
		case state.Relocating:
			r.other = p.nodeOf(c.Other, table)
			p.relocatingShards++
			p.place(r)
			target := p.newRouted()
			p.fillTarget(target, r)
			p.place(target)
			p.countInitial(target, primary)
		case state.Initializing:
			p.place(r)
			p.inactiveShards++
			if c.Primary {
				p.inactivePrimaries++
			}
			p.countInitial(r, primary)
		default:
			p.place(r)
		}
	}
}

// place puts a copy on its node and into its shard's list.
func (p *draft) place(r *routed) {
	r.node.add(r)
	r.shard.assigned = append(r.shard.assigned, r)
}

// countInitial counts a recovery found in the state. primary is the node that the
// routing table names as the primary's, even while the primary relocates.
func (p *draft) countInitial(r *routed, primary *node) {
	r.node.incoming++
	if r.source == state.Peer {
		primary.outgoing++
	}
}

func (p *draft) newRouted() *routed {
	if len(p.slab) == cap(p.slab) {
		p.slab = make([]routed, 0, max(64, cap(p.slab)/2))
	}
	p.slab = p.slab[:len(p.slab)+1]
	return &p.slab[len(p.slab)-1]
}

// standing is where an id stands in a list, behind it when it isn't there.
func standing(list []string, id string) int {
	if i := slices.Index(list, id); i >= 0 {
		return i
	}
	return len(list)
}
