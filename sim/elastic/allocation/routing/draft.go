package routing

import (
	"cmp"
	"slices"

	"github.com/shardquake/shardquake/sim/elastic/allocation/javaorder"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Copy is one copy while a pass works on it (ShardRouting). The two ends of a
// relocation are two copies, each naming the other's allocation in otherID.
type Copy struct {
	Shard   *Shard
	Node    *Node // nil: unassigned
	Other   *Node // the other end of a relocation
	Primary bool
	State   state.CopyState
	Source  state.RecoverySource
	// ForceStale marks an existing-store recovery forced by allocate_stale_primary.
	ForceStale bool
	Expected   int64
	Failures   int // failed relocations in a row
	ID         string
	OtherID    string
	Info       *state.UnassignedInfo

	// WasIgnored says whether the reroute before a computation had ignored the copy.
	WasIgnored Known
	// Orig is the entry of the routing table the copy was read from, nil once it changed.
	Orig *state.Copy
	// prev and next link the copies of a node in the order they came to it.
	prev, Next *Copy
	place      int32 // grows along that list
}

// Known is an answer that is worked out once.
type Known uint8

// The answers.
const (
	Unknown Known = iota
	KnownSo
	KnownNot
)

func (r *Copy) Active() bool       { return r.State == state.Started || r.State == state.Relocating }
func (r *Copy) Started() bool      { return r.State == state.Started }
func (r *Copy) Initializing() bool { return r.State == state.Initializing }
func (r *Copy) Relocating() bool   { return r.State == state.Relocating }
func (r *Copy) Unassigned() bool   { return r.State == state.Unassigned }

// IsTarget reports whether the copy is the initializing end of a relocation.
func (r *Copy) IsTarget() bool { return r.Initializing() && r.Other != nil }

// Shard is the copies of one shard.
type Shard struct {
	Index  *Index
	Number int
	table  *state.ShardTable
	// Assigned is in the order in which RoutingNodes lists a shard's copies,
	// relocation targets included.
	Assigned []*Copy
	// Bytes by role (primary, replica); -1 unknown.
	Bytes [2]int64
	// changes of metadata that follow from the pass's changes of routing.
	update *metadataUpdate
	// unassigned collects copies while the new table is built.
	unassigned []*Copy
}

// Role is the index of a role in shard.bytes.
func Role(primary bool) int {
	if primary {
		return 0
	}
	return 1
}

// ActivePrimary is the shard's primary if it is active, else nil.
func (s *Shard) ActivePrimary() *Copy {
	for _, r := range s.Assigned {
		if r.Primary && r.Active() {
			return r
		}
	}
	return nil
}

// ByID finds an assigned copy by allocation id.
func (s *Shard) ByID(id string) *Copy {
	for _, r := range s.Assigned {
		if r.ID == id {
			return r
		}
	}
	return nil
}

// Index is an index and what the pass needs of its metadata and settings.
type Index struct {
	Pos      int // in the routing table's order
	Meta     *state.Index
	Settings *IndexSettings
	Shards   []*Shard
	Copies   int // per shard
	Rank     int // in the order in which unassigned copies are taken
}

// Node is a data node and its copies (RoutingNode).
type Node struct {
	Pos   int // in the pass's order of nodes
	ID    string
	Disco *state.Node // nil: the node has left

	Head, tail       *Copy
	Size             int
	places           int32 // given out
	Initializing     []*Copy
	Relocating       []*Copy
	InitialPrimaries int // primaries initializing, relocation targets excluded
	Incoming         int // recoveries
	Outgoing         int

	Usage      DiskUsage
	UsageKnown bool
	// Unaccounted caches what recoveries will take of the disk: [0] as canAllocate
	// counts it, [1] with shards moving away subtracted.
	Unaccounted [2]int64
	Accounted   bool
}

// DiskUsage is a node's data path as its last stats told it.
type DiskUsage struct {
	Path       string
	TotalBytes int64
	FreeBytes  int64
}

// Draft is a state's routing in dense form while it is being changed (RoutingNodes).
type Draft struct {
	reader   *Reader
	src      Source
	State    *state.State
	Settings *ClusterSettings

	Nodes   []*Node // in iteration order
	ByID    map[string]*Node
	Indices []*Index // in the routing table's order
	ByName  map[string]*Index
	shards  int // how many there are
	copies  int

	// The lists of UnassignedShards, and its counters. The counters are not what
	// they seem: Elasticsearch does not adjust them when it takes ignored shards
	// back, and a decider reads them.
	Unassigned       []*Copy
	Ignored          []*Copy
	Primaries        int
	IgnoredPrimaries int

	InactivePrimaries int
	InactiveShards    int
	RelocatingShards  int

	Mixed bool // some nodes run other versions than others

	Changed bool
	// simulating: what changes is thought of only, and needs no ids or metadata.
	Simulating bool
	updates    []*Shard // shards with an update, in the order they got it

	slab []Copy
	room *room
}

// Source is what a draft is made from.
type Source struct {
	State *state.State
	// Settings are those of the cluster over the master's elasticsearch.yml.
	Settings settings.Settings
	// NodeOrder is the order in which nodes came into the map of them, where it is known.
	NodeOrder []string
	// Sizes are an index's sizes by shard and role, [unknownSize] where nothing is known;
	// nil when no sizes are.
	Sizes func(index string, shards int) [][2]int64
	// NewID makes the id of a new allocation.
	NewID func() string
	// Mix draws the order in which the new table lists its indices; nil keeps it.
	Mix func(n int) []int
	// Only are the indices whose copies are looked at; nil: all. The others stay as they are,
	// and nodes and counters know nothing of their copies.
	Only map[string]bool
}

// Reader makes drafts one after another. It keeps what the next may use of the last one: the
// memory, and what was read of indices' settings.
type Reader struct {
	settings map[*state.Index]*IndexSettings
	room     *room // of the last draft that is done
}

// room is the memory that a draft reads a state into: megabytes on a large cluster, so the
// next draft takes over that of one that is done.
type room struct {
	slots    []*Copy
	routed   []Copy
	shards   []Shard
	pointers []*Shard // to shards
}

// takeRoom is memory for a state of that many copies and shards.
func (s *Reader) takeRoom(copies, shards int) *room {
	r := s.room
	s.room = nil
	if r != nil && cap(r.routed) >= copies && len(r.shards) >= shards && cap(r.slots) >= 2*copies+shards && cap(r.routed) <= 2*copies+64 {
		return r
	}
	return newRoom(copies+copies/8+16, shards+shards/8) // the next state is often a little larger
}

func newRoom(copies, shards int) *room {
	r := &room{
		slots: make([]*Copy, 0, 2*copies+shards), routed: make([]Copy, 0, copies),
		shards: make([]Shard, shards), pointers: make([]*Shard, shards),
	}
	for i := range r.shards {
		r.pointers[i] = &r.shards[i]
	}
	return r
}

// Close gives the draft's memory to the next one. Nothing of it may be used any more.
func (p *Draft) Close() {
	if p.src.Only == nil { // what a part of the state took is too small for the next
		p.reader.room = p.room
	}
	*p = Draft{}
}

// Forget drops the memory that was kept for the next draft.
func (s *Reader) Forget() { s.room = nil }

// Read makes a draft of a state.
func (s *Reader) Read(src Source) *Draft {
	p := &Draft{
		reader: s, src: src, State: src.State, Settings: newClusterSettings(src.Settings),
		ByID: make(map[string]*Node), ByName: make(map[string]*Index, len(src.State.Indices)),
	}
	p.readIndices()
	table := p.readNodes()
	p.readCopies(&table)
	p.orderNodes(table)
	return p
}

// readIndices takes over metadata and settings, and ranks indices as
// PriorityComparator does.
func (p *Draft) readIndices() {
	metas := make(map[string]*state.Index, len(p.State.Indices))
	for _, m := range p.State.Indices {
		metas[m.Name] = m
	}
	cache := make(map[*state.Index]*IndexSettings, len(p.State.Indices))
	for _, t := range p.State.Routing.Indices {
		m := metas[t.Index]
		set := p.reader.settings[m]
		if set == nil {
			set = newIndexSettings(m)
		}
		cache[m] = set
		idx := &Index{Pos: len(p.Indices), Meta: m, Settings: set, Copies: m.Replicas + 1}
		p.Indices = append(p.Indices, idx)
		p.ByName[m.Name] = idx
	}
	p.reader.settings = cache
	ranked := slices.Clone(p.Indices)
	slices.SortStableFunc(ranked, compareIndices)
	for i, idx := range ranked {
		idx.Rank = i
	}
}

// compareIndices puts the index first whose copies are allocated first.
func compareIndices(a, b *Index) int {
	if a.Meta.System != b.Meta.System {
		if a.Meta.System {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(b.Settings.priority, a.Settings.priority),
		cmp.Compare(b.Meta.CreationDate, a.Meta.CreationDate),
		cmp.Compare(b.Meta.Name, a.Meta.Name),
	)
}

// readNodes lists the data nodes, by id.
func (p *Draft) readNodes() javaorder.Table {
	for _, n := range p.State.Nodes {
		if n.CanContainData() {
			p.addNode(n.ID, n)
		}
	}
	table := javaorder.NewTableFor(len(p.Nodes))
	table.Grow(len(p.Nodes))
	return table
}

func (p *Draft) addNode(id string, disco *state.Node) *Node {
	n := &Node{ID: id, Disco: disco}
	p.Nodes = append(p.Nodes, n)
	p.ByID[id] = n
	if first := p.Nodes[0].Disco; disco != nil && first != nil {
		p.Mixed = p.Mixed || first.Release != disco.Release
	}
	return n
}

// nodeOf finds a node by id. Of a node that has left it makes one, which
// disassociateDeadNodes takes out again.
func (p *Draft) nodeOf(id string, table *javaorder.Table) *Node {
	n := p.ByID[id]
	if n == nil {
		n = p.addNode(id, nil)
		table.Grow(1)
	}
	return n
}

// orderNodes puts the nodes into the iteration order of their HashMap.
func (p *Draft) orderNodes(table javaorder.Table) {
	if put := p.src.NodeOrder; len(put) > 0 {
		slices.SortStableFunc(p.Nodes, func(a, b *Node) int { return cmp.Compare(Standing(put, a.ID), Standing(put, b.ID)) })
	}
	javaorder.Sort(table, p.Nodes, func(n *Node) int32 { return javaorder.StringHash(n.ID) })
	for i, n := range p.Nodes {
		n.Pos = i
	}
}

// readCopies fills nodes, shards and lists from the routing table, in its order.
func (p *Draft) readCopies(table *javaorder.Table) {
	shards, copies := 0, 0
	for _, t := range p.State.Routing.Indices {
		if !p.reads(t) {
			continue
		}
		shards += len(t.Shards)
		for _, s := range t.Shards {
			copies += len(s.Copies)
		}
	}
	if p.src.Only == nil {
		p.room = p.reader.takeRoom(copies, shards)
	} else {
		p.room = newRoom(copies, shards)
	}
	slots, pointers := p.room.slots, p.room.pointers[:shards]
	p.slab = p.room.routed
	p.shards, p.copies = shards, copies
	for i, t := range p.State.Routing.Indices {
		if !p.reads(t) {
			continue
		}
		idx := p.Indices[i]
		idx.Shards, pointers = pointers[:len(t.Shards):len(t.Shards)], pointers[len(t.Shards):]
		sizes := p.src.Sizes(idx.Meta.Name, len(t.Shards))
		for num, st := range t.Shards {
			s := idx.Shards[num]
			*s = Shard{Index: idx, Number: num, table: st, Bytes: [2]int64{UnknownSize, UnknownSize}}
			if sizes != nil {
				s.Bytes = sizes[num]
			}
			room := len(st.Copies) + 1
			s.Assigned, slots = slots[:0:room], slots[room:room:cap(slots)]
			p.readShard(s, st, table)
		}
	}
}

// reads reports whether the copies of an index are looked at.
func (p *Draft) reads(t *state.IndexTable) bool { return p.src.Only == nil || p.src.Only[t.Index] }

func (p *Draft) readShard(s *Shard, st *state.ShardTable, table *javaorder.Table) {
	var primary *Node
	for _, c := range st.Copies {
		if c.Primary && c.Node != "" {
			primary = p.nodeOf(c.Node, table)
		}
	}
	for _, c := range st.Copies {
		r := p.newRouted()
		*r = Copy{
			Shard: s, Primary: c.Primary, State: c.State, Source: c.Source, ForceStale: c.ForceStale,
			Expected: c.ExpectedBytes, Failures: c.RelocationFailures, ID: c.AllocationID, OtherID: c.OtherID,
			Info: c.Info, Orig: c,
		}
		if c.State == state.Unassigned {
			p.addUnassigned(r)
			continue
		}
		if r.Node = primary; !c.Primary {
			r.Node = p.nodeOf(c.Node, table)
		}
		switch c.State {
		case state.Relocating:
			r.Other = p.nodeOf(c.Other, table)
			p.RelocatingShards++
			p.place(r)
			target := p.newRouted()
			p.fillTarget(target, r)
			p.place(target)
			p.countInitial(target, primary)
		case state.Initializing:
			p.place(r)
			p.InactiveShards++
			if c.Primary {
				p.InactivePrimaries++
			}
			p.countInitial(r, primary)
		default:
			p.place(r)
		}
	}
}

// place puts a copy on its node and into its shard's list.
func (p *Draft) place(r *Copy) {
	r.Node.add(r)
	r.Shard.Assigned = append(r.Shard.Assigned, r)
}

// countInitial counts a recovery found in the state. primary is the node that the
// routing table names as the primary's, even while the primary relocates.
func (p *Draft) countInitial(r *Copy, primary *Node) {
	r.Node.Incoming++
	if r.Source == state.Peer {
		primary.Outgoing++
	}
}

func (p *Draft) newRouted() *Copy {
	if len(p.slab) == cap(p.slab) {
		p.slab = make([]Copy, 0, max(64, cap(p.slab)/2))
	}
	p.slab = p.slab[:len(p.slab)+1]
	return &p.slab[len(p.slab)-1]
}

// Standing is where an id stands in a list, behind it when it isn't there.
func Standing(list []string, id string) int {
	if i := slices.Index(list, id); i >= 0 {
		return i
	}
	return len(list)
}
