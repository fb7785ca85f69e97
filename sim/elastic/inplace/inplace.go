package inplace

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/scenarios/clusterfile"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// inPlace is a start of the whole cluster in a state that is given, as if it had been so
// for long: nobody is elected, nothing is published, no copy recovers but those that do so
// in the state.
type inPlace struct {
	c    *elastic.Cluster
	from *clusterfile.Cluster
	// ids are the nodes' ids by name.
	ids map[string]string
	st  *state.State
	// stale are what unassigned copies have left on the disks of members.
	stale []leftover
	notes []string
}

// leftover is a store without a copy in the table.
type leftover struct {
	node    *elastic.Node
	key     store.Key
	index   string
	id      string
	primary bool
	content elastic.Content
}

// StartInPlace starts every node that isn't Late in the state given: they hold what it says
// and follow its master. It is called instead of [Cluster.Start]. The notes say what of the
// state could not be taken over.
func Start(c *elastic.Cluster, from *clusterfile.Cluster) (notes []string, err error) {
	b := newInPlace(c)
	b.from = from
	c.Mix = c.Engine().Stream("elastic.index-order", c.Name()).Perm
	if err := b.buildState(); err != nil {
		return nil, err
	}
	if err := b.useDisks(); err != nil {
		return nil, err
	}
	if err := b.open(); err != nil {
		return nil, err
	}
	b.begin(b.heard())
	return b.notes, nil
}

// newInPlace gives every node that isn't Late a process.
func newInPlace(c *elastic.Cluster) *inPlace {
	b := &inPlace{c: c, ids: make(map[string]string)}
	c.Contents = make(map[string]elastic.Content)
	for _, n := range c.Nodes() {
		if !n.Config().Late {
			b.ids[n.Name()] = n.ID()
			warm(n)
		}
	}
	return b
}

// warm gives the node a process that has been running for long.
func warm(n *elastic.Node) {
	n.Lives++
	p := elastic.NewProcess(n)
	n.Proc = p
	n.Load().ProcessStarted()
	p.UpYet, p.UpAt = true, -sim.Time(0).Add(n.Cluster().Calibration.ColdFor)
	n.Cluster().Network().Connect(n.Name())
}

// useDisks takes the space of what is no copy, and puts the stores without a copy there.
func (b *inPlace) useDisks() error {
	for _, d := range b.from.Nodes {
		n := b.c.ByName[d.Name]
		if n == nil || n.Proc == nil {
			continue
		}
		if others := min(d.Disk.ByOthers.V, n.Disk().Free()); others > 0 {
			if err := n.Disk().Alloc("others", others); err != nil {
				return fmt.Errorf("node %s: %w", d.Name, err)
			}
		}
	}
	for _, l := range b.stale {
		if l.node.Stores[l.key] != nil {
			continue
		}
		st := l.node.NewStore(l.key, l.index)
		st.AllocationID, st.Primary, st.History = l.id, l.primary, l.key.UUID
		b.c.Put(st, l.content)
	}
	return nil
}

// open has every node apply the state: copies are there, or begin to recover where the
// state says that they do.
func (b *inPlace) open() error {
	before := elastic.EmptyState(b.c.Name())
	d := b.c.Deltas.Between(before, b.st)
	for _, n := range b.c.Nodes() {
		if n.Proc == nil {
			continue
		}
		n.Persisted = coordination.Persisted{Term: b.st.Term, Accepted: b.st, Committed: true}
		p := n.Proc
		p.Applied = before
		p.Coord = coordination.New(p.Coordination(), elastic.NewEnv(p))
		p.Apply(d)
		p.RefreshSettings()
	}
	for _, n := range b.c.Nodes() {
		if n.Proc != nil && !n.Account() {
			return fmt.Errorf("%w: the copies on %s take more than its disk of %d bytes has left; expected a larger disk", ErrUnfit, n.Name(), n.Disk().Total())
		}
	}
	return nil
}

// begin lets the nodes act: the master last, which has heard of disks and sizes.
func (b *inPlace) begin(heard *allocation.ClusterInfo) {
	var master *elastic.Process
	for _, n := range b.c.Nodes() {
		switch {
		case n.Proc == nil:
		case n.ID() == b.st.Master:
			master = n.Proc
		default:
			n.Proc.Coord.Form(b.st)
		}
	}
	b.c.Heard = heard
	master.Coord.Form(b.st)
	b.c.Contents, b.c.Heard = nil, nil
	m := master.Master
	unsettled := b.adoptDesired(m)
	m.Applied(b.c.Deltas.Between(emptyStateOf(master), b.st))
	if unsettled {
		m.Reroute.Ask("start in place", coordination.Normal, nil)
	}
}

// heard is what the master knows of disks and sizes: what it said, else how it is.
func (b *inPlace) heard() *allocation.ClusterInfo {
	info := &allocation.ClusterInfo{
		Nodes: make(map[string]allocation.DiskUsage), Reserved: make(map[string]allocation.Reservation),
		ShardBytes: make(map[allocation.ShardKey]int64), DataPaths: make(map[allocation.NodeShard]string),
	}
	for _, d := range b.from.Nodes {
		n := b.c.ByName[d.Name]
		if n == nil || n.Proc == nil || !slices.ContainsFunc(n.Config().Roles, func(r string) bool { return strings.HasPrefix(r, "data") }) {
			continue
		}
		usage := allocation.DiskUsage{Path: store.DataPath, TotalBytes: n.Disk().Total(), FreeBytes: n.Disk().Free()}
		if b.from.MasterInfo {
			usage.TotalBytes, usage.FreeBytes = d.Disk.KnownTotal.V, d.Disk.KnownAvailable.V
			if !d.Disk.KnownTotal.Known() {
				continue
			}
		}
		info.Nodes[n.ID()] = usage
	}
	for i := range b.from.Indices {
		ix := &b.from.Indices[i]
		for num := range ix.Shards {
			b.hear(info, ix.Name, num, &ix.Shards[num])
		}
	}
	return info
}

// hear enters the sizes of a shard's copies.
func (b *inPlace) hear(info *allocation.ClusterInfo, index string, num int, s *clusterfile.Shard) {
	for i := range s.Copies {
		cp := &s.Copies[i]
		bytes := cp.Bytes
		if b.from.MasterInfo {
			bytes = s.KnownReplica
			if cp.Primary {
				bytes = s.KnownPrimary
			}
		}
		if !bytes.Known() || cp.State != clusterfile.Started && cp.State != clusterfile.Relocating {
			continue
		}
		info.ShardBytes[allocation.ShardKey{Index: index, Shard: num, Primary: cp.Primary}] = bytes.V
		info.DataPaths[allocation.NodeShard{Node: b.ids[cp.Node], Index: index, Shard: num}] = store.DataPath
	}
}

// emptyStateOf is a state before the first.
func emptyStateOf(p *elastic.Process) *state.State { return elastic.EmptyState(p.Cluster.Name()) }

// adoptDesired gives the master the desired balance that it would have computed by now: the
// cluster's own where it told one, else where the copies are. It reports whether something
// is left to do.
func (b *inPlace) adoptDesired(m *elastic.Master) (unsettled bool) {
	desired := make(map[string][]*allocation.Assignment, len(b.st.Indices))
	described := b.describedDesired()
	for _, meta := range b.st.Indices {
		list := make([]*allocation.Assignment, meta.Shards)
		for num, t := range b.st.Routing.Index(meta.Name).Shards {
			a := &allocation.Assignment{Total: len(t.Copies), Nodes: described[allocation.ShardID{Index: meta.Name, Shard: num}]}
			var held []string
			for _, cp := range t.Copies {
				at := cp.Node
				if cp.State == state.Relocating {
					at = cp.Other
				}
				if at != "" {
					held = append(held, at)
				}
				unsettled = unsettled || cp.State != state.Started
			}
			if len(a.Nodes) == 0 {
				a.Nodes = held
			}
			for _, at := range held {
				unsettled = unsettled || !slices.Contains(a.Nodes, at)
			}
			a.Unassigned = a.Total - len(a.Nodes)
			list[num] = a
		}
		desired[meta.UUID] = list
	}
	m.Alloc.Adopt(desired)
	return unsettled
}

// describedDesired are the nodes where the cluster's own desired balance wants copies, where it
// told that.
func (b *inPlace) describedDesired() map[allocation.ShardID][]string {
	out := make(map[allocation.ShardID][]string)
	if b.from == nil {
		return out
	}
	for i := range b.from.Indices {
		ix := &b.from.Indices[i]
		for num := range ix.Shards {
			for _, name := range ix.Shards[num].Desired {
				if id := b.ids[name]; id != "" {
					key := allocation.ShardID{Index: ix.Name, Shard: num}
					out[key] = append(out[key], id)
				}
			}
		}
	}
	return out
}

// errNoMaster says that nobody leads what is to be started.
var errNoMaster = errors.New("the cluster has no elected master, and none of its nodes that is in the voting configuration could be one")
