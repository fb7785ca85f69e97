package importer

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
)

// What is assumed of a node that nobody describes.
const (
	assumedHeap  = 4 << 30
	assumedCPUs  = 8
	assumedDisk  = 100 << 30
	assumedCopy  = 1 << 30
	averageBytes = 1024 // of a document
)

// nodes takes over the members of the cluster.
func (a *assembly) nodes() {
	ids := a.members()
	taken := map[string]bool{}
	for _, id := range ids {
		d := a.nodeDoc(id)
		name := unique(address(cmp.Or(string(d.Name), id)), taken)
		a.names[id], a.ids[name] = name, id
		a.c.Nodes = append(a.c.Nodes, a.node(id, name, d))
	}
	for _, s := range a.all {
		for _, n := range s.nodes {
			if a.names[n.ID] == "" && s == a.base && s.state != nil {
				a.contradict("%s: %s is in the nodes' answers and not in the cluster state: it is left out", s.name, clip(cmp.Or(string(n.Name), n.ID)))
			}
		}
	}
	a.guessNodes()
}

// members are the ids of the nodes, of a cluster without a state their names.
func (a *assembly) members() []string {
	if st := a.base.state; st != nil && len(st.members) > 0 {
		return st.members
	}
	var ids []string
	for _, s := range append([]*snapshot{a.base}, a.all...) {
		if len(s.nodes) > 0 {
			for _, n := range s.nodes {
				ids = append(ids, n.ID)
			}
			slices.Sort(ids)
			return ids
		}
	}
	add := func(name string) {
		if name != "" && !slices.Contains(ids, name) {
			ids = append(ids, name)
		}
	}
	for _, n := range a.base.catNodes {
		add(n.name)
	}
	if len(ids) == 0 {
		for _, n := range a.base.catAllocation {
			add(n.node)
		}
		for _, s := range a.base.catShards {
			add(s.node)
			add(s.target)
		}
		slices.Sort(ids)
	}
	return ids
}

// nodeDoc is what all snapshots tell of a node, newer over older.
func (a *assembly) nodeDoc(id string) nodeDoc {
	out := nodeDoc{ID: id}
	for _, s := range append(slices.Clone(a.all), a.base) {
		if n := s.byNode[id]; n != nil {
			out.merge(n.nodeFields)
		}
	}
	// The newest has the last word.
	for _, s := range slices.Backward(a.all) {
		if n := s.byNode[id]; n != nil {
			out.merge(n.nodeFields)
		}
	}
	if n := a.base.byNode[id]; n != nil {
		out.merge(n.nodeFields)
	}
	if out.Name == "" {
		out.Name = text(id)
	}
	return out
}

// address makes a name fit to stand in an address.
func address(name string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune("/\\?#@%^`{|}[]:,", r) {
			return '_'
		}
		return r
	}, name)
}

// unique makes a name the only one, for Elasticsearch lets nodes share names.
func unique(name string, taken map[string]bool) string {
	out := name
	for i := 2; taken[out]; i++ {
		out = fmt.Sprintf("%s~%d", name, i)
	}
	taken[out] = true
	return out
}

func (a *assembly) node(id, name string, d nodeDoc) clusterfile.Node {
	n := clusterfile.Node{
		Name: name, ID: id, Host: string(d.Host), Address: string(d.Address), Version: string(d.Version), Roles: slices.Clone(d.Roles),
		HeapMax: number(d.JVM.Memory.HeapMax), HeapUsed: number(d.JVM.Memory.HeapUsed), Memory: number(d.OS.Memory.Total),
		Processors: number(d.OS.Allocated), Shutdown: strings.ToLower(a.base.shutdowns[id]),
		Disk: clusterfile.Disk{Total: number(d.FS.Total.Total), Available: number(d.FS.Total.Available)},
	}
	if !n.Processors.Known() {
		n.Processors = number(d.OS.Available)
	}
	a.uptime[name] = d.JVM.Uptime.v
	for _, k := range sortedKeys(d.Attributes) {
		if v := string(d.Attributes[k]); !strings.HasPrefix(k, "ml.") && k != "xpack.installed" && k != "transform.config_version" {
			if n.Attributes == nil {
				n.Attributes = map[string]string{}
			}
			n.Attributes[k] = v
		}
	}
	n.Settings = nodeSettings(d.Settings)
	a.fromCat(&n)
	for i, r := range n.Roles {
		if r == "cluster_manager" { // OpenSearch's word
			n.Roles[i] = "master"
		}
	}
	slices.Sort(n.Roles)
	return n
}

// nodeSettings are those of a node's file that decide about shards and elections.
func nodeSettings(f flat) clusterfile.Settings {
	var out clusterfile.Settings
	for _, k := range sortedKeys(f) {
		of := func(prefix string) bool { return strings.HasPrefix(k, prefix) }
		if !of("cluster.routing.") && !of("indices.recovery.") && !of("cluster.fault_detection.") && !of("cluster.election.") && !of("gateway.") && !of("cluster.info.") {
			continue
		}
		if out == nil {
			out = clusterfile.Settings{}
		}
		out[k] = f[k]
	}
	return out
}

// fromCat fills in what only _cat tells.
func (a *assembly) fromCat(n *clusterfile.Node) {
	for _, s := range a.all {
		for _, c := range s.catNodes {
			if c.name != n.Name {
				continue
			}
			if n.Roles == nil {
				n.Roles = c.roles
			}
			n.Version = cmp.Or(n.Version, c.version)
			n.HeapMax, n.Disk.Total = known(n.HeapMax, c.heap), known(n.Disk.Total, c.disk)
		}
		for _, c := range s.catAllocation {
			if c.node == n.Name && !n.Disk.Available.Known() {
				n.Disk.Total, n.Disk.Available = known(c.total, n.Disk.Total), c.available
			}
		}
		for _, c := range s.catAttrs {
			if c.node != n.Name || strings.HasPrefix(c.name, "ml.") || c.name == "xpack.installed" || c.name == "transform.config_version" {
				continue
			}
			if n.Attributes == nil {
				n.Attributes = map[string]string{}
			}
			if _, ok := n.Attributes[c.name]; !ok {
				n.Attributes[c.name] = c.value
			}
		}
	}
}

func known(n, otherwise clusterfile.Number) clusterfile.Number {
	if n.Known() {
		return n
	}
	return otherwise
}

// guessNodes fills in what nobody tells of nodes.
func (a *assembly) guessNodes() {
	var heap, cpus, roles []string
	for i := range a.c.Nodes {
		n := &a.c.Nodes[i]
		if !n.HeapMax.Known() {
			n.HeapMax = clusterfile.Guessed(assumedHeap)
			heap = append(heap, n.Name)
		}
		if !n.Processors.Known() {
			n.Processors = clusterfile.Guessed(assumedCPUs)
			cpus = append(cpus, n.Name)
		}
		if n.Roles == nil {
			n.Roles = []string{"data", "ingest", "master", "remote_cluster_client"}
			roles = append(roles, n.Name)
		}
	}
	if len(roles) > 0 {
		a.assume(70, "roles of "+list(roles), "master, data and ingest", "neither _nodes nor _cluster/state nor _cat/nodes was given", "who may hold copies and who may be elected")
	}
	if len(heap) > 0 {
		a.assume(20, "heap of "+list(heap), "4gb", "no source holds _nodes or _nodes/stats", "circuit breakers, indexing buffers")
	}
	if len(cpus) > 0 {
		a.assume(25, "processors of "+list(cpus), "8", "no source holds _nodes", "how much load a node bears")
	}
}

// list names some of many.
func list(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// disks adds up what the copies take, and guesses disks that nobody tells of.
func (a *assembly) disks() {
	held := map[string]int64{}
	for i := range a.c.Indices {
		for _, s := range a.c.Indices[i].Shards {
			for _, c := range s.Copies {
				held[c.Node] += c.Bytes.V
			}
		}
	}
	var guessed []string
	info := a.base.info
	a.c.MasterInfo = info != nil
	for i := range a.c.Nodes {
		n := &a.c.Nodes[i]
		d := &n.Disk
		if info != nil {
			known := info.disks[a.ids[n.Name]]
			d.KnownTotal, d.KnownAvailable = number(known.Total), number(known.Available)
		}
		d.ByCopies = clusterfile.Computed(held[n.Name])
		switch {
		case !d.Total.Known():
			d.Total = clusterfile.Guessed(max(assumedDisk, 2*held[n.Name]))
			guessed = append(guessed, n.Name)
			fallthrough
		case !d.Available.Known():
			d.Available = clusterfile.Guessed(max(0, d.Total.V-held[n.Name]))
		}
		d.ByOthers = clusterfile.Computed(max(0, d.Total.V-d.Available.V-held[n.Name]))
	}
	if len(guessed) > 0 {
		a.assume(90, "disks of "+list(guessed), "100gb, or twice what their copies take", "neither _nodes/stats nor _cat/allocation was given", "watermarks: whether a node's copies fit elsewhere")
	}
}
