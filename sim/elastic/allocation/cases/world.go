package cases

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// dataPath is the one data path of every node.
const dataPath = "/data"

// world is what surrounds the allocator in a case: the clock, the disks, and the
// copies that nodes which left still hold.
type world struct {
	c       *Case
	nanos   int64
	nextID  int
	disks   map[string]Disk // of the members whose disk is known
	sizes   map[allocation.ShardKey]int64
	left    map[allocation.ShardID][]leftover
	put     []string // the order in which the nodes came into Elasticsearch's map
	st      *state.State
	service *allocation.Service
}

// leftover is a copy on the disk of a node that left.
type leftover struct {
	node, id string
	primary  bool
}

const startMillis = 1_700_000_000_000

// newWorld sets a case up for one type of allocator.
func newWorld(c *Case, allocator string) (*world, error) {
	w := &world{
		c: c, nanos: int64(1) << 60, disks: make(map[string]Disk), sizes: make(map[allocation.ShardKey]int64),
		left: make(map[allocation.ShardID][]leftover), put: c.NodeOrder,
	}
	values := maps.Clone(c.Settings)
	if values == nil {
		values = make(map[string]string)
	}
	values[settings.AllocationType.Key()] = allocator
	w.st = &state.State{Persistent: settings.Of(values), Routing: &state.RoutingTable{}}
	for _, n := range c.Nodes {
		w.join(n)
	}
	if err := w.addIndices(); err != nil {
		return nil, err
	}
	w.service = allocation.New(allocation.Config{NewAllocationID: w.newID, Fetcher: w})
	return w, nil
}

func (w *world) newID() string {
	w.nextID++
	return "n" + strconv.Itoa(w.nextID)
}

func (w *world) input() allocation.Input {
	return allocation.Input{Info: w.info(), NowNanos: w.nanos, NowMillis: startMillis + (w.nanos-1<<60)/1e6, NodeOrder: w.put}
}

func (w *world) join(n Node) {
	node := &state.Node{
		ID: n.ID, EphemeralID: n.ID, Name: n.Name, Host: n.Host, Address: n.Host + ":9300", Roles: slices.Sorted(slices.Values(n.Roles)),
	}
	for _, name := range slices.Sorted(maps.Keys(n.Attributes)) {
		node.Attributes = append(node.Attributes, state.Attribute{Name: name, Value: n.Attributes[name]})
	}
	st := w.st.Clone()
	st.Nodes = append(slices.Clone(st.Nodes), node)
	slices.SortStableFunc(st.Nodes, func(a, b *state.Node) int { return cmp.Compare(a.ID, b.ID) })
	w.st = st
	delete(w.disks, n.ID)
	if n.Disk != nil {
		w.disks[n.ID] = *n.Disk
	}
}

// addIndices reads the indices, in the order in which the routing table lists them.
func (w *world) addIndices() error {
	byName := make(map[string]*Index)
	for i := range w.c.Indices {
		byName[w.c.Indices[i].Name] = &w.c.Indices[i]
	}
	order := w.c.IndexOrder
	if len(order) != len(w.c.Indices) {
		return fmt.Errorf("index_order names %d indices, the case has %d", len(order), len(w.c.Indices))
	}
	for _, name := range order {
		idx := byName[name]
		if idx == nil {
			return fmt.Errorf("index_order names %q, which the case does not have", name)
		}
		if err := w.addIndex(idx); err != nil {
			return fmt.Errorf("index %s: %w", name, err)
		}
	}
	return nil
}

func (w *world) addIndex(idx *Index) error {
	set := settings.Of(idx.Settings)
	number := func(key string, otherwise int) (int, error) {
		text, ok := set.Get(key)
		if !ok {
			return otherwise, nil
		}
		return strconv.Atoi(text)
	}
	shards, err := number("index.number_of_shards", len(idx.Shards))
	if err != nil {
		return err
	}
	replicas, err := number("index.number_of_replicas", 1)
	if err != nil {
		return err
	}
	meta := &state.Index{
		Name: idx.Name, UUID: idx.UUID, CreationDate: idx.CreationDate, Shards: shards, Replicas: replicas, Settings: set,
		PrimaryTerms: make([]int64, shards), InSync: make([][]string, shards),
		ForecastWriteLoad: idx.ForecastWriteLoad, ForecastShardBytes: idx.ForecastShardBytes,
	}
	if len(idx.Shards) != shards {
		return fmt.Errorf("%d shards given, index.number_of_shards is %d", len(idx.Shards), shards)
	}
	table := &state.IndexTable{Index: idx.Name, Shards: make([]*state.ShardTable, shards)}
	for i, sh := range idx.Shards {
		if sh.Shard != i {
			return fmt.Errorf("shard %d stands at place %d", sh.Shard, i)
		}
		t, err := w.shardTable(idx.Name, sh, meta)
		if err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
		w.orderCopies(t.Copies)
		table.Shards[i] = t
		w.addSizes(idx.Name, sh)
	}
	w.st.Indices = append(w.st.Indices, meta)
	w.st.Routing.Indices = append(w.st.Routing.Indices, table)
	return nil
}

// orderCopies lists a shard's copies as a routing table does: by the order of their
// nodes, unassigned ones last.
func (w *world) orderCopies(copies []*state.Copy) {
	place := func(c *state.Copy) int {
		if c.Node == "" {
			return len(w.c.NodeOrder)
		}
		return slices.Index(w.c.NodeOrder, c.Node)
	}
	slices.SortStableFunc(copies, func(a, b *state.Copy) int { return cmp.Compare(place(a), place(b)) })
}

func (w *world) addSizes(index string, sh Shard) {
	if sh.SizeBytes == nil {
		return
	}
	if s := sh.SizeBytes.Primary; s != nil {
		w.sizes[allocation.ShardKey{Index: index, Shard: sh.Shard, Primary: true}] = *s
	}
	if s := sh.SizeBytes.Replica; s != nil {
		w.sizes[allocation.ShardKey{Index: index, Shard: sh.Shard}] = *s
	}
}

var copyStates = map[string]state.CopyState{
	"UNASSIGNED": state.Unassigned, "INITIALIZING": state.Initializing, "STARTED": state.Started, "RELOCATING": state.Relocating,
}

func (w *world) shardTable(index string, sh Shard, meta *state.Index) (*state.ShardTable, error) {
	t := &state.ShardTable{Index: index, Shard: sh.Shard}
	primaries := 0
	for _, c := range sh.Copies {
		st, ok := copyStates[c.State]
		if !ok {
			return nil, fmt.Errorf("unknown state %q", c.State)
		}
		out := &state.Copy{
			Index: index, Shard: sh.Shard, Primary: c.Primary, State: st, Node: c.Node, Other: c.RelocatingNode,
			AllocationID: c.AllocationID, ExpectedBytes: -1,
		}
		if c.Primary {
			primaries++
		}
		if st != state.Unassigned && w.st.Node(c.Node) == nil {
			return nil, fmt.Errorf("a copy is on node %q, which the case does not have", c.Node)
		}
		switch st {
		case state.Unassigned, state.Initializing:
			out.Source = state.Peer
			if c.Primary {
				out.Source = state.EmptyStore
			}
			out.Info = w.unassignedInfo(c.Unassigned)
		case state.Relocating:
			out.OtherID = w.newID()
			fallthrough
		default:
			meta.InSync[sh.Shard] = append(meta.InSync[sh.Shard], c.AllocationID)
		}
		t.Copies = append(t.Copies, out)
	}
	if primaries != 1 {
		return nil, fmt.Errorf("%d primaries", primaries)
	}
	slices.Sort(meta.InSync[sh.Shard])
	return t, nil
}

func (w *world) unassignedInfo(u *Unassigned) *state.UnassignedInfo {
	if u == nil {
		u = &Unassigned{Reason: string(state.IndexCreated)}
	}
	return &state.UnassignedInfo{
		Reason: state.Reason(u.Reason), AtNanos: w.nanos - u.AgeMillis*1e6, AtMillis: startMillis - u.AgeMillis, Delayed: u.Delayed,
		FailedAllocations: u.FailedAllocations, FailedNodes: slices.Sorted(slices.Values(u.FailedNodes)), LastNode: u.LastNode,
		LastStatus: state.NoAttempt,
	}
}

// info is the cluster info of a round.
func (w *world) info() *allocation.ClusterInfo {
	info := &allocation.ClusterInfo{
		Nodes: make(map[string]allocation.DiskUsage), ShardBytes: w.sizes, DataPaths: make(map[allocation.NodeShard]string),
	}
	for _, n := range w.st.Nodes {
		if d, ok := w.disks[n.ID]; ok {
			info.Nodes[n.ID] = allocation.DiskUsage{Path: dataPath, TotalBytes: d.TotalBytes, FreeBytes: d.FreeBytes}
		}
	}
	w.st.Routing.Each(func(c *state.Copy) {
		if c.Active() {
			info.DataPaths[allocation.NodeShard{Node: c.Node, Index: c.Index, Shard: c.Shard}] = dataPath
		}
	})
	return info
}

// started moves the bytes of a copy that started.
func (w *world) started(c *state.Copy) {
	size, ok := w.sizes[allocation.ShardKey{Index: c.Index, Shard: c.Shard, Primary: c.Primary}]
	if !ok {
		return
	}
	w.addFree(c.Node, -size)
	if c.Other != "" {
		w.addFree(c.Other, size)
	}
}

func (w *world) addFree(node string, by int64) {
	if d, ok := w.disks[node]; ok {
		d.FreeBytes = max(0, min(d.TotalBytes, d.FreeBytes+by))
		w.disks[node] = d
	}
}

// leave takes a node out; what it held stays on its disk.
func (w *world) leave(id string) {
	w.st.Routing.Each(func(c *state.Copy) {
		if c.Node == id && c.Active() {
			key := allocation.ShardID{Index: c.Index, Shard: c.Shard}
			w.left[key] = append(w.without(key, id), leftover{node: id, id: c.AllocationID, primary: c.Primary})
		}
	})
	st := w.st.Clone()
	st.Nodes = slices.DeleteFunc(slices.Clone(st.Nodes), func(n *state.Node) bool { return n.ID == id })
	delete(w.disks, id)
	w.st = st
}

// without are the copies left on the disks of other nodes.
func (w *world) without(key allocation.ShardID, node string) []leftover {
	return slices.DeleteFunc(slices.Clone(w.left[key]), func(l leftover) bool { return l.node == node })
}

// dropLeftovers lets members forget copies that are of no use any more.
func (w *world) dropLeftovers() {
	for _, t := range w.st.Routing.Indices {
		for _, s := range t.Shards {
			key := allocation.ShardID{Index: s.Index, Shard: s.Shard}
			if len(w.left[key]) == 0 {
				continue
			}
			complete := !slices.ContainsFunc(s.Copies, func(c *state.Copy) bool { return !c.Active() })
			w.left[key] = slices.DeleteFunc(w.left[key], func(l leftover) bool {
				holds := slices.ContainsFunc(s.Copies, func(c *state.Copy) bool { return c.Node == l.node || c.Other == l.node })
				return w.st.Node(l.node) != nil && (complete || holds)
			})
		}
	}
}

// Primaries implements [allocation.ShardFetcher].
func (w *world) Primaries(index string, shard int) ([]allocation.StoredPrimary, bool) {
	var answers []allocation.StoredPrimary
	for _, l := range w.left[allocation.ShardID{Index: index, Shard: shard}] {
		if w.st.Node(l.node) != nil {
			answers = append(answers, allocation.StoredPrimary{Node: l.node, AllocationID: l.id, Primary: l.primary})
		}
	}
	return answers, true
}

// Stores implements [allocation.ShardFetcher].
func (w *world) Stores(index string, shard int) ([]allocation.StoredReplica, bool) {
	same := func(node string) allocation.StoredReplica {
		return allocation.StoredReplica{Node: node, MatchingBytes: 1, RetainedSeqNo: -1}
	}
	var answers []allocation.StoredReplica
	if p := w.st.Routing.Index(index).Shards[shard].Primary(); p != nil && p.Active() {
		answers = append(answers, same(p.Node))
	}
	for _, l := range w.left[allocation.ShardID{Index: index, Shard: shard}] {
		if w.st.Node(l.node) != nil && (len(answers) == 0 || answers[0].Node != l.node) {
			answers = append(answers, same(l.node))
		}
	}
	return answers, true
}
