package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// catKey names a copy in _cat/shards.
type catKey struct {
	index string
	shard int
	node  string
}

// indices takes over the indices with their copies.
func (a *assembly) indices() error {
	rows := map[string]map[int][]catShard{}
	var order []string
	for _, c := range a.base.catShards {
		if rows[c.index] == nil {
			rows[c.index] = map[int][]catShard{}
			order = append(order, c.index)
		}
		if !slices.ContainsFunc(rows[c.index][c.shard], func(o catShard) bool { return o.node == c.node && o.primary == c.primary && c.node != "" }) {
			rows[c.index][c.shard] = append(rows[c.index][c.shard], c)
		}
	}
	st := a.base.state
	if st != nil && st.routed {
		order = st.order
	}
	inStream := a.streamOf()
	sizes := a.catSizes()
	for _, name := range order {
		var doc *indexDoc
		var routing map[int][]copyDoc
		if st != nil {
			doc, routing = st.indices[name], st.routing[name]
		}
		if routing == nil || st.routed && a.catIsNewer() && a.differs(name, routing, rows[name]) {
			routing = a.fromRows(rows[name], routing)
		} else if rows[name] != nil {
			a.differs(name, routing, rows[name])
		}
		ix, err := a.index(name, doc, routing)
		if err != nil {
			return err
		}
		ix.DataStream = inStream[name]
		a.sizes(&ix, sizes)
		a.c.Indices = append(a.c.Indices, ix)
	}
	a.lost(order, rows)
	a.guessSizes()
	a.load()
	return nil
}

// lost tells of indices that only one of the answers has.
func (a *assembly) lost(order []string, rows map[string]map[int][]catShard) {
	have := map[string]bool{}
	for _, name := range order {
		have[name] = true
	}
	var missing []string
	for _, name := range sortedKeys(rows) {
		if !have[name] {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		a.contradict("%s: _cat/shards has %s, which the cluster state has not: left out", a.base.name, clip(list(missing)))
	}
	if st := a.base.state; st != nil && st.routed {
		missing = nil
		for _, name := range sortedKeys(st.indices) {
			if !have[name] {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			a.contradict("%s: the cluster state describes %s and does not say where the copies are: left out", a.base.name, clip(list(missing)))
		}
	}
}

// catIsNewer reports whether the table of copies is known to be newer than the state.
func (a *assembly) catIsNewer() bool {
	at := func(kinds ...kind) (newest int64) {
		for _, f := range a.base.files {
			if slices.ContainsFunc(kinds, func(k kind) bool { return k.String() == f.Kind }) {
				newest = max(newest, f.At)
			}
		}
		return newest
	}
	state, cat := at(clusterState), at(catJSON, catText)
	return state > 0 && cat > state+999 // files of one second are of one moment
}

// differs compares the copies of an index in the state and in _cat/shards, and tells.
func (a *assembly) differs(index string, routing map[int][]copyDoc, rows map[int][]catShard) bool {
	if rows == nil {
		return false
	}
	which := "the cluster state"
	if a.catIsNewer() {
		which = "_cat/shards, the newer one,"
	}
	different := false
	for num := range len(routing) {
		var in, cat []string
		for _, c := range routing[num] {
			in = append(in, place(bool(c.Primary), c.State, a.names[string(c.Node)]))
		}
		for _, c := range rows[num] {
			cat = append(cat, place(c.primary, c.state, c.node))
		}
		slices.Sort(in)
		slices.Sort(cat)
		if !slices.Equal(in, cat) {
			different = true
			a.contradict("[%s][%d]: the cluster state says %s, _cat/shards says %s: %s is taken", clip(index), num, strings.Join(in, ", "), strings.Join(cat, ", "), which)
		}
	}
	return different
}

func place(primary bool, state, node string) string {
	role := "replica"
	if primary {
		role = "primary"
	}
	if node == "" {
		return role + " " + state
	}
	return role + " " + state + " on " + node
}

// fromRows are copies as _cat/shards has them, with what the state knows of the same ones.
func (a *assembly) fromRows(rows map[int][]catShard, state map[int][]copyDoc) map[int][]copyDoc {
	out := map[int][]copyDoc{}
	for num, list := range rows {
		for i, r := range list {
			id := a.ids[r.node]
			c := copyDoc{State: r.state, Primary: truth(r.primary), Node: text(cmp.Or(id, r.node)), RelocatingNode: text(a.ids[r.target])}
			for _, s := range state[num] {
				if s.Node == c.Node && c.Node != "" {
					c.Allocation, c.Unassigned, c.Source = s.Allocation, s.Unassigned, s.Source
				}
			}
			if c.Allocation.ID == "" && r.node != "" {
				c.Allocation.ID = text(fmt.Sprintf("%s-%d-%d", r.index, num, i))
			}
			if r.state == clusterfile.NoNode {
				c.Node, c.Unassigned = "", &unassignedDoc{Reason: text(cmp.Or(r.reason, "NODE_LEFT")), At: text(r.at)}
			}
			out[num] = append(out[num], c)
		}
	}
	return out
}

func (a *assembly) streamOf() map[string]string {
	out := map[string]string{}
	for _, d := range a.c.DataStreams {
		for _, ix := range d.Indices {
			out[ix] = d.Name
		}
	}
	return out
}

// index describes one index.
func (a *assembly) index(name string, doc *indexDoc, routing map[int][]copyDoc) (clusterfile.Index, error) {
	ix := clusterfile.Index{Name: name, Settings: a.indexSettings(name, doc)}
	copies, highest := 1, -1
	for num, list := range routing {
		highest, copies = max(highest, num), max(copies, len(list))
	}
	ix.ShardCount = setting(ix.Settings, "index.number_of_shards", highest+1)
	ix.Replicas = setting(ix.Settings, "index.number_of_replicas", copies-1)
	if ix.ShardCount < 1 || ix.ShardCount > 1024 || highest >= ix.ShardCount {
		return ix, fmt.Errorf("index %s: %d shards are told of, its number_of_shards is %d", clip(name), highest+1, ix.ShardCount)
	}
	ix.Created, ix.UUID = number(integerOf(ix.Settings["index.creation_date"])), ix.Settings["index.uuid"]
	if doc != nil {
		ix.Closed, ix.System, ix.Version = doc.State == "close", bool(doc.System), doc.Version.v
		ix.Aliases, ix.Phase = slices.Sorted(slices.Values(doc.Aliases)), string(doc.ILM.Phase)
		if doc.WriteLoad.ok {
			ix.ForecastLoad = clusterfile.Float{V: doc.WriteLoad.v, Tag: clusterfile.Measured}
		}
		ix.ForecastSize = number(doc.ShardSize)
	}
	if len(ix.Aliases) == 0 {
		ix.Aliases, _ = first(a, func(s *snapshot) ([]string, bool) { v, ok := s.aliases[name]; return v, ok })
	}
	ix.Policy = cmp.Or(ix.Settings["index.lifecycle.name"], a.base.managed[name])
	ix.Phase = cmp.Or(ix.Phase, a.base.phases[name])
	desired := a.base.desired[name]
	for num := range ix.ShardCount {
		s := clusterfile.Shard{PrimaryTerm: 1, Desired: a.named(desired[num])}
		if doc != nil {
			s.PrimaryTerm = max(1, doc.Terms[strconv.Itoa(num)].v)
			s.InSync = slices.Sorted(slices.Values(doc.InSync[strconv.Itoa(num)]))
		}
		if a.base.info != nil {
			s.KnownPrimary, s.KnownReplica = a.knownSize(name, num, true), a.knownSize(name, num, false)
		}
		if err := a.copies(&s, name, num, routing[num]); err != nil {
			return ix, err
		}
		ix.Shards = append(ix.Shards, s)
	}
	return ix, nil
}

// knownSize is the size of a shard that the master had heard of, by role.
func (a *assembly) knownSize(index string, num int, primary bool) clusterfile.Number {
	v, ok := a.base.info.sizes[sizeKey{index, num, primary}]
	return number(integer{v, ok})
}

func setting(s clusterfile.Settings, key string, otherwise int) int {
	if n, err := strconv.Atoi(s[key]); err == nil {
		return n
	}
	return otherwise
}

func integerOf(s string) (w integer) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		w = integer{v, true}
	}
	return w
}

// indexSettings are those of the metadata, else of _settings.
func (a *assembly) indexSettings(name string, doc *indexDoc) clusterfile.Settings {
	var f flat
	if doc != nil {
		f = doc.Settings
	}
	if len(f) == 0 {
		f, _ = first(a, func(s *snapshot) (flat, bool) { f, ok := s.indexSettings[name]; return f, ok })
	}
	kept, secret := withoutSecrets(f)
	if len(secret) > 0 {
		a.contradictSecret(name, secret)
	}
	delete(kept, "index.creation_date_string")
	delete(kept, "index.version.created_string")
	return kept
}

func (a *assembly) contradictSecret(index string, keys []string) {
	text := fmt.Sprintf("settings of %s left out because their names or values look like secrets: %s", clip(index), strings.Join(keys, ", "))
	a.c.Unmodelled = append(a.c.Unmodelled, text)
}

// copies describes the copies of a shard.
func (a *assembly) copies(s *clusterfile.Shard, index string, num int, docs []copyDoc) error {
	for _, d := range docs {
		if d.Node != "" && a.names[string(d.Node)] == "" {
			a.contradict("[%s][%d] has a copy on %s, which is no member of the cluster: it counts as unassigned", clip(index), num, clip(string(d.Node)))
			d = copyDoc{State: clusterfile.NoNode, Primary: d.Primary, Unassigned: &unassignedDoc{Reason: "NODE_LEFT"}}
		}
		if d.State == clusterfile.Initializing && d.RelocatingNode != "" {
			continue // the target of a relocation stands with its source
		}
		c := clusterfile.Copy{
			Primary: bool(d.Primary), State: d.State, Node: a.names[string(d.Node)], ID: string(d.Allocation.ID),
			Recovery: string(d.Source.Type), RelocationFailures: int(d.Relocation.Attempts.v),
		}
		if c.State == clusterfile.Relocating {
			c.To, c.TargetID = a.names[string(d.RelocatingNode)], string(d.Allocation.Relocation)
			if c.To == "" {
				a.contradict("[%s][%d] relocates from %s to a node that is not told: it counts as started", clip(index), num, c.Node)
				c.State, c.TargetID = clusterfile.Started, ""
			}
		}
		c.Unassigned = a.unassigned(d)
		s.Copies = append(s.Copies, c)
	}
	primaries := 0
	for _, c := range s.Copies {
		if c.Primary {
			primaries++
		}
	}
	switch {
	case primaries > 1:
		return fmt.Errorf("[%s][%d] has %d primaries", clip(index), num, primaries)
	case primaries == 0:
		a.contradict("no source tells of the primary of [%s][%d]: it counts as unassigned", clip(index), num)
		lost := clusterfile.Copy{Primary: true, State: clusterfile.NoNode, Recovery: "EXISTING_STORE", Unassigned: &clusterfile.Unassigned{Reason: "NODE_LEFT"}}
		s.Copies = append([]clusterfile.Copy{lost}, s.Copies...)
	}
	if s.InSync == nil {
		for _, c := range s.Copies {
			if c.ID != "" && (c.State == clusterfile.Started || c.State == clusterfile.Relocating) {
				s.InSync = append(s.InSync, c.ID)
			}
		}
		slices.Sort(s.InSync)
		if !a.told["in-sync"] {
			a.told["in-sync"] = true
			a.assume(50, "in-sync copies", "every started copy", "no source holds _cluster/state", "which copies may become primary")
		}
	}
	return nil
}

func (a *assembly) unassigned(d copyDoc) *clusterfile.Unassigned {
	u := d.Unassigned
	if u == nil || d.State != clusterfile.NoNode && d.State != clusterfile.Initializing {
		return nil
	}
	out := &clusterfile.Unassigned{
		Reason: string(u.Reason), Delayed: bool(u.Delayed), Failed: int(u.Failed.v), FailedNodes: a.named(u.FailedNodes),
		Status: status(string(u.Status)), Details: string(u.Details), LastNode: a.lastNode(string(u.Details)),
	}
	if at := millis(string(u.At)); at > 0 {
		out.At = clusterfile.Seen(at)
		a.base.seen(0)
	}
	return out
}

// lastNode is the node that a copy was on: the state tells it only in words.
func (a *assembly) lastNode(details string) string {
	for _, before := range []string{"node_left [", "failed shard on node ["} {
		if _, rest, ok := strings.Cut(details, before); ok {
			id, _, _ := strings.Cut(rest, "]")
			return cmp.Or(a.names[id], id)
		}
	}
	return ""
}

// status is an allocation status in the words of the API.
func status(s string) string {
	switch s {
	case "deciders_no":
		return "no"
	case "deciders_throttled":
		return "throttled"
	case "fetching_shard_data":
		return "awaiting_info"
	case "delayed_allocation":
		return "allocation_delayed"
	}
	return s
}
