package inplace

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/diskmonitor"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/metadata"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// ErrForms says why a described cluster can't start as one that formed long ago: what
// happens while it forms and is loaded matters.
var ErrForms = errors.New("how the cluster forms matters")

// described is the state that a cluster comes to when it forms, its indices are created
// one after the other and filled. Nothing runs for it: the allocator is asked what it would
// decide, and every recovery that it begins is over at once.
type described struct {
	c *elastic.Cluster
	// master is the node that is elected; plan is what it decides.
	master *elastic.Node
	plan   *elastic.Planner
	st     *state.State
	// held says that copies lie where the description puts them, and are held there.
	held bool
}

// StartFormed starts every node that isn't Late as a cluster that formed long ago and holds
// the indices, with their data. It is called instead of [elastic.Cluster.Start]. Copies that have a
// placement are held there, by transient settings, as held says. An error that wraps
// ErrForms is of a cluster that only forming can tell about; the cluster is of no use then.
func StartFormed(c *elastic.Cluster, specs []IndexSpec) (held bool, err error) {
	b := newInPlace(c)
	d := &described{c: c}
	if err := d.begin(); err != nil {
		return false, err
	}
	for _, placed := range [...]bool{false, true} {
		for _, spec := range specs {
			if (spec.Placement != nil) != placed {
				continue
			}
			if err := d.add(spec); err != nil {
				return false, err
			}
		}
		if !placed && len(d.st.Indices) > 0 {
			if err := d.rest(); err != nil {
				return false, err
			}
		}
	}
	for _, spec := range specs {
		d.fill(spec)
	}
	info, err := d.disks()
	if err != nil {
		return false, err
	}
	b.st = d.st
	if err := b.open(); err != nil {
		return false, err
	}
	b.begin(info)
	d.master.Proc.Master.Know(info)
	return d.held, nil
}

// begin makes the state of a cluster that has formed and is empty.
func (d *described) begin() error {
	c := d.c
	st := &state.State{
		ClusterName: c.Name(), ClusterUUID: state.NewID(c.IDs), StateUUID: state.NewID(c.IDs), Version: 1,
		Routing: &state.RoutingTable{Version: 1}, Persistent: c.BaseSettings(),
	}
	st.Term = 1
	var masters []string
	for _, n := range c.Nodes() {
		if n.Proc == nil {
			continue
		}
		st.Nodes = append(st.Nodes, n.Self())
		if slices.Contains(n.Config().Roles, "master") && !slices.Contains(n.Config().Roles, "voting_only") {
			masters = append(masters, n.ID())
		}
	}
	if len(masters) == 0 {
		return fmt.Errorf("%w: no node that is there from the start may be elected", ErrForms)
	}
	slices.SortStableFunc(st.Nodes, func(x, y *state.Node) int { return strings.Compare(x.ID, y.ID) })
	// Who was elected is chance.
	st.Master = masters[c.Engine().Stream("elastic.elected", c.Name()).IntN(len(masters))]
	d.master = c.ByID[st.Master]
	d.master.Proc.Applied = st
	d.master.Proc.RefreshSettings()
	st.LastCommitted = coordination.InitialVoters(st, settings.AutoShrinkVotingConfiguration.Get(d.master.ClusterSettings()))
	st.LastAccepted = st.LastCommitted
	d.st = st
	d.plan = elastic.NewPlanner(d.master.Proc, d.sizes())
	return nil
}

// add creates an index, as by a request, or with its copies where the placement puts them.
func (d *described) add(spec IndexSpec) (err error) {
	if spec.Placement == nil {
		if d.st, err = metadata.WithIndex(d.plan.Master(), d.st, metadata.CreateIndexRequest{Name: spec.Name, Settings: spec.Full()}); err != nil {
			return fmt.Errorf("%w: %w", ErrForms, err)
		}
		return d.settle(spec.Name)
	}
	if !d.held { // before the first, as the copies of others are where the allocator put them
		none := "none"
		d.held, d.st = true, d.st.Clone()
		d.st.Transient = d.st.Transient.With(map[string]*string{settings.RebalanceEnable.Key(): &none, settings.AllocationEnable.Key(): &none})
	}
	rows, err := assignCopies(d.c.Engine().Stream("elastic.placement", spec.Name), spec.Shards, 1+spec.Replicas, spec.Placement)
	if err != nil {
		return fmt.Errorf("index %s: %w", spec.Name, err)
	}
	if d.st, err = startedIndex(d.c, d.st, spec, rows, d.master.Proc.Clock.Now().UnixMilli()); err != nil {
		return fmt.Errorf("%w: %w", ErrForms, err)
	}
	return nil
}

// mostRounds bounds how often recoveries begin until all copies of a new index are there.
const mostRounds = 1000

// settle completes recoveries and moves until the allocator begins none. The balance that is
// desired is computed when there is a new index: what is started on the way to it changes
// nothing of it.
func (d *described) settle(index string) error {
	d.st, _ = d.plan.Compute(d.st)
	for range mostRounds {
		r := d.underway()
		switch {
		case len(r.copies) > 0:
			d.st = d.plan.Started(d.st, r.copies)
			if !r.moves && r.waiting == 0 {
				return nil
			}
			d.st = d.plan.Reroute(d.st)
		case r.waiting > 0:
			return fmt.Errorf("%w: not all copies of %s find a node", ErrForms, index)
		default:
			return nil
		}
	}
	return fmt.Errorf("%w: the copies come to no rest when %s is created", ErrForms, index)
}

// underway is what recovers.
type underway struct {
	copies  []*state.Copy
	moves   bool // some of them are moves
	waiting int  // copies without a node
}

func (d *described) underway() (r underway) {
	for _, ix := range d.st.Routing.Indices {
		for _, t := range ix.Shards {
			for _, cp := range t.Copies {
				switch cp.State {
				case state.Initializing:
					r.copies = append(r.copies, cp)
				case state.Relocating:
					r.copies, r.moves = append(r.copies, cp.Target()), true
				case state.Unassigned:
					r.waiting++
				}
			}
		}
	}
	return r
}

// rest verifies that the allocator wants nothing else.
func (d *described) rest() error {
	st, changed := d.plan.Compute(d.plan.Reroute(d.st))
	d.st = st
	if changed || len(d.underway().copies) > 0 {
		return fmt.Errorf("%w: the allocator goes on moving copies when all indices are there", ErrForms)
	}
	return nil
}

// fill says what the copies of an index hold.
func (d *described) fill(spec IndexSpec) {
	for i, t := range d.st.Routing.Index(spec.Name).Shards {
		holds := elastic.Content{Bytes: load.Part(spec.Bytes, i, spec.Shards) + store.EmptyStoreBytes, Docs: load.Part(spec.Docs, i, spec.Shards), MaxSeqNo: -1}
		for _, cp := range t.Copies {
			d.c.Adoptable[cp.AllocationID] = true
			d.c.Contents[cp.AllocationID] = holds
		}
	}
}

// sizes are the disks and the copies on them, as a master hears of them.
func (d *described) sizes() *allocation.ClusterInfo {
	info := &allocation.ClusterInfo{
		Nodes: make(map[string]allocation.DiskUsage), Reserved: make(map[string]allocation.Reservation),
		ShardBytes: make(map[allocation.ShardKey]int64), DataPaths: make(map[allocation.NodeShard]string),
	}
	used := make(map[string]int64)
	for _, ix := range d.st.Routing.Indices {
		for num, t := range ix.Shards {
			for _, cp := range t.Copies {
				bytes := d.c.Contents[cp.AllocationID].Bytes
				used[cp.Node] += bytes
				info.ShardBytes[allocation.ShardKey{Index: ix.Index, Shard: num, Primary: cp.Primary}] = bytes
				info.DataPaths[allocation.NodeShard{Node: cp.Node, Index: ix.Index, Shard: num}] = store.DataPath
			}
		}
	}
	for _, n := range d.st.Nodes {
		if n.CanContainData() {
			disk := d.c.ByID[n.ID].Disk()
			info.Nodes[n.ID] = allocation.DiskUsage{Path: store.DataPath, TotalBytes: disk.Total(), FreeBytes: disk.Free() - used[n.ID]}
		}
	}
	return info
}

// disks is what the master knows of them. Where the data does not fit, or copies would
// leave a disk at once, time decides what is where when the cluster comes to rest.
func (d *described) disks() (*allocation.ClusterInfo, error) {
	info := d.sizes()
	for _, n := range d.st.Nodes {
		if u, known := info.Nodes[n.ID]; known && u.FreeBytes < 0 {
			return nil, fmt.Errorf("%w: the data does not fit on %s", ErrForms, n.Name)
		}
	}
	var monitor diskmonitor.Monitor
	orders := monitor.Check(diskmonitor.View{State: d.st, Settings: d.master.ClusterSettings(), Info: info, Now: d.c.Now()})
	for _, id := range slices.Concat(orders.OverFlood, orders.OverHigh) {
		return nil, fmt.Errorf("%w: the disk of %s is above the high watermark", ErrForms, d.c.ByID[id].Name())
	}
	return info, nil
}
