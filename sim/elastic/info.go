package elastic

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/diskmonitor"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// infoService polls the data nodes for disk usage and shard sizes, every
// cluster.info.update.interval and when a data node has joined
// (InternalClusterInfoService).
type infoService struct {
	m       *Master
	info    *allocation.ClusterInfo
	timer   sim.Timer
	polling bool
	again   bool // another poll was asked for while one was under way
	monitor diskmonitor.Monitor
	sizes   []nodeSizes // that info was made from
}

func newInfoService(m *Master) *infoService {
	return &infoService{m: m}
}

func (s *infoService) latest() *allocation.ClusterInfo { return s.info }

// start begins polling, at once.
func (s *infoService) start() {
	if heard := s.m.Process.Cluster.Heard; heard != nil { // a start in place: the next poll is somewhere in its period
		s.info = heard
		interval := settings.ClusterInfoInterval.Get(s.m.Process.Conf)
		s.schedule(time.Duration(s.m.Process.Cluster.e.Stream("info.phase", s.m.Process.Node.Name()).Int64N(int64(max(interval, 1)))))
		return
	}
	s.Poll()
	s.schedule(settings.ClusterInfoInterval.Get(s.m.Process.Conf))
}

func (s *infoService) schedule(in time.Duration) {
	p := s.m.Process
	s.timer = p.After(in, "info.poll", func() {
		s.Poll()
		s.schedule(settings.ClusterInfoInterval.Get(p.Conf))
	})
}

func (s *infoService) stop() { s.timer.Stop() }

// applied polls when a data node has joined.
func (s *infoService) applied(d *delta.Delta) {
	for _, n := range d.Joined {
		if n.CanContainData() && d.Old.Master == d.New.Master {
			s.Poll()
			return
		}
	}
}

// nodeInfo is a data node's answer.
type nodeInfo struct {
	usage    allocation.DiskUsage
	reserved allocation.Reservation
	shards   []shardSize
}

type shardSize struct {
	index   string
	shard   int
	primary bool
	bytes   int64
}

func (s *infoService) Poll() {
	if s.m.Over {
		return
	}
	if s.polling {
		s.again = true
		return
	}
	p := s.m.Process
	if !settings.DiskThresholdEnabled.Get(p.Conf) {
		// Nobody is asked, but who listens hears that nothing is known: blocks of a disk that was
		// full go now.
		s.sizes = nil
		s.arrived(&allocation.ClusterInfo{})
		return
	}
	var asked []*state.Node
	for _, n := range p.Applied.Nodes {
		if n.CanContainData() {
			asked = append(asked, n)
		}
	}
	if len(asked) == 0 {
		return
	}
	s.polling = true
	answers := make([]*nodeInfo, len(asked))
	report := Gather(len(asked), func() { s.finish(asked, answers) })
	for i, n := range asked {
		Send(p, p.Member(n.ID), askInfo{}, settings.ClusterInfoTimeout.Get(p.Conf),
			func(info *nodeInfo) { answers[i] = info; report() }, func(error) { report() })
	}
}

// finish puts the answers together. Of a node that did not answer the last known
// usage is dropped, as Elasticsearch does.
func (s *infoService) finish(asked []*state.Node, answers []*nodeInfo) {
	s.polling = false
	if s.m.Over {
		return
	}
	info := &allocation.ClusterInfo{
		Nodes:    make(map[string]allocation.DiskUsage, len(asked)),
		Reserved: make(map[string]allocation.Reservation),
	}
	for i, n := range asked {
		a := answers[i]
		if a == nil {
			continue
		}
		info.Nodes[n.ID] = a.usage
		if len(a.reserved.Shards) > 0 {
			info.Reserved[n.ID] = a.reserved
		}
	}
	s.addSizes(info, asked, answers)
	s.arrived(info)
	if s.again {
		s.again = false
		s.Poll()
	}
}

// arrived takes over new information and acts on it.
func (s *infoService) arrived(info *allocation.ClusterInfo) {
	p := s.m.Process
	s.info = info
	orders := s.monitor.Check(diskmonitor.View{State: p.Applied, Settings: p.Conf, Info: info, Now: p.Cluster.Now()})
	if orders.Reroute {
		s.m.Reroute.Ask("disk threshold monitor", coordination.High, s.monitorDone)
	}
	yes := "true"
	s.setBlocks(orders.Block, &yes)
	s.setBlocks(orders.Release, nil)
}

func (s *infoService) monitorDone() { s.monitor.Done(s.m.Process.Cluster.Now()) }

// setBlocks sets the flood-stage block of indices or takes it away.
func (s *infoService) setBlocks(names []string, value *string) {
	if len(names) == 0 {
		return
	}
	key := settings.IndexBlockReadOnlyAllowDelete.Key()
	s.m.Submit(coordination.Task{
		Source: "update-settings [" + names[0] + "]", Priority: coordination.Urgent,
		Update: func(st *state.State) (*state.State, error) {
			return s.m.ChangeIndexSettings(st, names, map[string]*string{key: value})
		},
		Published: func(_, _ *state.State) { s.monitorDone() },
	}, func(error) { s.monitorDone() })
}

// addSizes adds the shards' sizes: those of the last time when no node has others.
func (s *infoService) addSizes(info *allocation.ClusterInfo, asked []*state.Node, answers []*nodeInfo) {
	same, total := s.info != nil && len(s.sizes) == len(asked), 0
	placed := same // every copy is where it was
	sizes := make([]nodeSizes, len(asked))
	for i, n := range asked {
		sizes[i].node = n.ID
		if answers[i] != nil {
			sizes[i].shards = answers[i].shards
			total += len(answers[i].shards)
		}
		placed = placed && s.sizes[i].node == n.ID && samePlaces(s.sizes[i].shards, sizes[i].shards)
		same = same && placed && sameSlice(s.sizes[i].shards, sizes[i].shards)
	}
	s.sizes = sizes
	if same {
		info.ShardBytes, info.DataPaths = s.info.ShardBytes, s.info.DataPaths
		return
	}
	info.ShardBytes = make(map[allocation.ShardKey]int64, total)
	for _, n := range sizes {
		for _, sz := range n.shards {
			info.ShardBytes[allocation.ShardKey{Index: sz.index, Shard: sz.shard, Primary: sz.primary}] = sz.bytes
		}
	}
	if placed {
		info.DataPaths = s.info.DataPaths
		return
	}
	info.DataPaths = make(map[allocation.NodeShard]string, total)
	for _, n := range sizes {
		for _, sz := range n.shards {
			info.DataPaths[allocation.NodeShard{Node: n.node, Index: sz.index, Shard: sz.shard}] = store.DataPath
		}
	}
}

// samePlaces reports whether two lists name the same shards.
func samePlaces(a, b []shardSize) bool {
	return sameSlice(a, b) || slices.EqualFunc(a, b, func(x, y shardSize) bool { return x.shard == y.shard && x.index == y.index })
}

// nodeSizes are a node's shards as it told them.
type nodeSizes struct {
	node   string
	shards []shardSize
}

// sameSlice reports whether two lists are one and the same, unchanged.
func sameSlice(a, b []shardSize) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// localInfo is this node's answer.
func (p *Process) localInfo() *nodeInfo {
	n := p.Node
	n.Account()
	info := &nodeInfo{usage: allocation.DiskUsage{Path: store.DataPath, TotalBytes: n.disk.Total(), FreeBytes: n.disk.Free()}}
	if n.Limiter.Flows() > 0 || p.recovering() {
		for _, s := range p.Sorted {
			if r := s.Recovery; r != nil && r.Reserved() > 0 {
				info.reserved.Bytes += r.Reserved()
				info.reserved.Shards = append(info.reserved.Shards, allocation.ShardID{Index: s.Index, Shard: s.Key.Shard})
			}
		}
	}
	if n.sizes == nil {
		n.sizes = make([]shardSize, 0, len(p.Sorted))
		for _, s := range p.Sorted {
			if s.Phase != Recovering {
				n.sizes = append(n.sizes, shardSize{s.Index, s.Key.Shard, s.Routing.Primary, s.Store.Bytes()})
			}
		}
	}
	info.shards = n.sizes
	return info
}

// recovering reports whether any copy on the node is not active yet.
func (p *Process) recovering() bool {
	return slices.ContainsFunc(p.Sorted, func(s *Shard) bool { return s.Phase == Recovering })
}

// Account brings the disk's usage up to date with everything stored on it. It reports
// false when the disk is full: what doesn't fit is not there.
func (n *Node) Account() bool {
	if !n.summed || n.Indexing() {
		n.summed, n.base, n.sizes = true, 0, nil
		for _, st := range n.Sorted {
			n.base += st.Bytes() - st.Partial
		}
	}
	want := n.base
	if n.Proc != nil {
		for _, r := range n.Proc.Running {
			if !r.Copied {
				r.Shard.Store.Partial = r.Progress()
				want += r.Shard.Store.Partial
			}
		}
	}
	if want <= n.stored {
		n.disk.Release(store.DataPath, n.stored-want)
		n.stored = want
		return true
	}
	more := min(want-n.stored, n.disk.Free())
	if err := n.disk.Alloc(store.DataPath, more); err != nil {
		return false
	}
	n.stored += more
	return n.stored == want
}

// HasRoom reports whether so many bytes fit on the disk. Only one that seemed full when it was
// last looked at is looked at again: a recovery that has failed gives its part back.
func (n *Node) HasRoom(bytes int64) bool {
	if n.disk.Free() < bytes {
		n.Account()
	}
	return n.disk.Free() >= bytes
}
