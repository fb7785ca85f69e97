package inplace

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/indexmeta"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// buildState makes the cluster state of what is described.
func (b *inPlace) buildState() error {
	from, c := b.from, b.c
	st := &state.State{
		ClusterName: c.Name(), ClusterUUID: cmp.Or(from.UUID, state.NewID(c.IDs)), StateUUID: state.NewID(c.IDs),
		Version: max(1, from.Coordination.StateVersion.V), Routing: &state.RoutingTable{Version: 1},
		Persistent: b.known("persistent", from.Persistent), Transient: b.known("transient", from.Transient),
	}
	for _, n := range c.Nodes() {
		if n.Proc != nil {
			st.Nodes = append(st.Nodes, n.Self())
		}
	}
	slices.SortStableFunc(st.Nodes, func(x, y *state.Node) int { return strings.Compare(x.ID, y.ID) })
	st.Term = max(1, from.Coordination.Term.V)
	if err := b.vote(st); err != nil {
		return err
	}
	for _, n := range from.Nodes {
		if id := b.ids[n.Name]; id != "" && (n.Shutdown == state.ShutdownRestart || n.Shutdown == state.ShutdownRemove) {
			st = st.WithShutdown(&state.Shutdown{Node: id, Type: n.Shutdown, Reason: "registered before", StartedMillis: b.wallMillis()})
		}
	}
	// Elasticsearch walks its indices in an order that is random per node: it is the seed's.
	order := c.Engine().Stream("elastic.index-order", c.Name()).Perm(len(from.Indices))
	for _, i := range order {
		meta, table, err := b.index(&from.Indices[i], st)
		if err != nil {
			return err
		}
		st.Indices, st.Routing.Indices = append(st.Indices, meta), append(st.Routing.Indices, table)
	}
	for _, meta := range st.Indices {
		if len(indexmeta.BlocksOf(meta)) > 0 {
			st = indexmeta.WithBlocks(st, meta)
		}
	}
	b.st = st
	return nil
}

// vote takes over the voting configuration and the master.
func (b *inPlace) vote(st *state.State) error {
	ids := func(names []string) []string {
		var out []string
		for _, n := range names {
			out = append(out, cmp.Or(b.ids[n], n)) // one that is no member votes by its id
		}
		slices.Sort(out)
		return out
	}
	k := b.from.Coordination
	st.LastCommitted, st.LastAccepted, st.Exclusions = ids(k.Committed), ids(k.Accepted), ids(k.Exclusions)
	if len(st.LastCommitted) == 0 {
		for _, n := range st.Nodes {
			if n.HasRole("master") {
				st.LastCommitted = append(st.LastCommitted, n.ID)
			}
		}
	}
	if len(st.LastAccepted) == 0 {
		st.LastAccepted = st.LastCommitted
	}
	if st.Master = b.ids[k.Master]; st.Master == "" {
		for _, id := range st.LastCommitted {
			if st.Node(id) != nil {
				st.Master = id
				break
			}
		}
		if st.Master == "" {
			return errNoMaster
		}
		b.notes = append(b.notes, "nobody was elected in the cluster that was described; "+st.Node(st.Master).Name+" leads it here")
	}
	return nil
}

// known are the settings that the model has; the others are told.
func (b *inPlace) known(scope string, from clusterfile.Settings) settings.Settings {
	out := make(map[string]string)
	var skipped []string
	for _, key := range slices.Sorted(maps.Keys(from)) {
		entry := settings.ClusterRegistry().Lookup(key)
		if entry == nil || entry.Check(key, from[key]) != nil {
			skipped = append(skipped, key)
			continue
		}
		out[key] = from[key]
	}
	if len(skipped) > 0 {
		b.notes = append(b.notes, fmt.Sprintf("%s settings that are not simulated: %s", scope, strings.Join(skipped, ", ")))
	}
	return settings.Of(out)
}

// index makes an index's metadata and table.
func (b *inPlace) index(ix *clusterfile.Index, st *state.State) (*state.Index, *state.IndexTable, error) {
	set := make(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(ix.Settings)) {
		entry := settings.IndexRegistry().Lookup(key)
		if entry != nil && !privateSetting(key) && entry.Check(key, ix.Settings[key]) == nil {
			set[key] = ix.Settings[key]
		}
	}
	set[settings.IndexShards.Key()], set[settings.IndexReplicas.Key()] = fmt.Sprint(ix.ShardCount), fmt.Sprint(ix.Replicas)
	meta := indexmeta.NewIndex(ix.Name, cmp.Or(ix.UUID, state.NewID(b.c.IDs)), ix.Created.Or(b.from.At.Or(b.wallMillis())), settings.Of(set), []byte(indexmeta.DescribedMapping))
	meta.System, meta.Closed, meta.Version = ix.System, ix.Closed, max(1, ix.Version)
	if ix.ForecastLoad.Known() {
		meta.ForecastWriteLoad = &ix.ForecastLoad.V
	}
	if ix.ForecastSize.Known() {
		meta.ForecastShardBytes = &ix.ForecastSize.V
	}
	table := &state.IndexTable{Index: ix.Name}
	for num := range ix.Shards {
		s := &ix.Shards[num]
		meta.PrimaryTerms[num] = max(1, s.PrimaryTerm)
		meta.InSync[num] = slices.Sorted(slices.Values(s.InSync))
		t := &state.ShardTable{Index: ix.Name, Shard: num}
		for i := range s.Copies {
			t.Copies = append(t.Copies, b.copy(ix, meta, num, i))
		}
		table.Shards = append(table.Shards, t)
	}
	return meta, table, nil
}

// privateSetting reports whether a setting is written by the metadata itself.
func privateSetting(key string) bool {
	switch key {
	case "index.uuid", "index.creation_date", "index.provided_name", "index.version.created":
		return true
	}
	return false
}

// copy makes a copy's entry in the table, and remembers what it holds.
func (b *inPlace) copy(ix *clusterfile.Index, meta *state.Index, num, i int) *state.Copy {
	s := &ix.Shards[num]
	d := &s.Copies[i]
	out := &state.Copy{
		Index: ix.Name, Shard: num, Primary: d.Primary, Node: b.ids[d.Node], Other: b.ids[d.To],
		AllocationID: d.ID, OtherID: d.TargetID, ExpectedBytes: -1, RelocationFailures: d.RelocationFailures,
	}
	holds := elastic.Content{Bytes: d.Bytes.V, Docs: d.Docs.V, MaxSeqNo: -1}
	if d.Sequence != nil {
		holds.MaxSeqNo = d.Sequence.Max
	}
	if d.Node != "" && out.AllocationID == "" {
		out.AllocationID = state.NewID(b.c.IDs)
	}
	switch d.State {
	case clusterfile.Started, clusterfile.Relocating:
		out.State = state.Started
		if d.State == clusterfile.Relocating {
			out.State, out.ExpectedBytes = state.Relocating, d.Bytes.V
			out.OtherID = cmp.Or(out.OtherID, state.NewID(b.c.IDs))
		}
		if !slices.Contains(meta.InSync[num], out.AllocationID) { // it could not have started otherwise
			meta.InSync[num] = slices.Sorted(slices.Values(append(meta.InSync[num], out.AllocationID)))
		}
		b.c.Adoptable[out.AllocationID] = true
		b.c.Contents[out.AllocationID] = holds
	case clusterfile.Initializing, clusterfile.NoNode:
		out.State = state.Initializing
		if d.State == clusterfile.NoNode {
			out.State = state.Unassigned
		}
		out.Source, out.Info = sourceNamed(d, len(meta.InSync[num]) > 0), b.unassigned(d)
		b.leave(ix, meta, num, d, out)
	}
	return out
}

// sourceNamed is where a copy gets its data from.
func sourceNamed(d *clusterfile.Copy, was bool) state.RecoverySource {
	for r := state.EmptyStore; r <= state.Peer; r++ {
		if d.Recovery == r.String() {
			return r
		}
	}
	switch {
	case !d.Primary:
		return state.Peer
	case was:
		return state.ExistingStore
	}
	return state.EmptyStore
}

// idOf is a node's id by its name, also of one that joins later; a name that nobody has
// stands for itself.
func (b *inPlace) idOf(name string) string {
	if n := b.c.ByName[name]; n != nil {
		return n.ID()
	}
	return name
}

// wallMillis is what the clocks of the nodes show, in milliseconds since 1970.
func (b *inPlace) wallMillis() int64 {
	for _, n := range b.c.Nodes() {
		if n.Proc != nil {
			return n.Proc.Clock.Now().UnixMilli()
		}
	}
	return 0
}

// unassigned is why and since when a copy has no node.
func (b *inPlace) unassigned(d *clusterfile.Copy) *state.UnassignedInfo {
	u := d.Unassigned
	if u == nil {
		u = &clusterfile.Unassigned{Reason: string(state.NodeLeft)}
	}
	info := &state.UnassignedInfo{
		Reason: state.Reason(u.Reason), Delayed: u.Delayed, FailedAllocations: u.Failed, LastNode: b.idOf(u.LastNode),
		LastStatus: cmp.Or(state.AllocationStatus(u.Status), state.NoAttempt), Message: u.Details,
	}
	for _, n := range u.FailedNodes {
		info.FailedNodes = append(info.FailedNodes, cmp.Or(b.ids[n], n))
	}
	slices.Sort(info.FailedNodes)
	age := int64(0)
	if u.At.Known() { // a cluster without a time counts from its start
		age = max(0, b.from.At.V-u.At.V)
	}
	info.AtMillis, info.AtNanos = b.wallMillis()-age, int64(b.c.Engine().Now())-age*1e6
	return info
}

// leave puts the data of a copy that has no node, or recovers from its own disk, where it
// was: on its node, or on the last one if that is a member or joins later.
func (b *inPlace) leave(ix *clusterfile.Index, meta *state.Index, num int, d *clusterfile.Copy, cp *state.Copy) {
	if cp.Source != state.ExistingStore {
		return
	}
	at := b.c.ByID[cp.Node]
	if at == nil && cp.Info != nil {
		at = b.c.ByID[cp.Info.LastNode]
	}
	if at == nil || at.Proc == nil && !at.Config().Late || len(meta.InSync[num]) == 0 {
		return
	}
	l := leftover{node: at, key: store.Key{UUID: meta.UUID, Shard: num}, index: ix.Name, id: meta.InSync[num][0], primary: true, content: elastic.Content{Bytes: d.Bytes.V, Docs: d.Docs.V, MaxSeqNo: -1}}
	b.stale = append(b.stale, l)
}

// InNodeFiles are the settings of a cluster that stand in every node's file: those that
// are not dynamic, which a running cluster tells with each of its nodes.
func InNodeFiles(from *clusterfile.Cluster) map[string]string {
	out := make(map[string]string)
	for _, n := range from.Nodes {
		for _, key := range slices.Sorted(maps.Keys(n.Settings)) {
			if e := settings.ClusterRegistry().Lookup(key); e != nil && e.Check(key, n.Settings[key]) == nil {
				out[key] = n.Settings[key]
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(from.Persistent)) {
		if e := settings.ClusterRegistry().Lookup(key); e != nil && !e.Dynamic() && e.Check(key, from.Persistent[key]) == nil {
			out[key] = from.Persistent[key]
		}
	}
	return out
}
