package elastic

import (
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// infoService polls the data nodes for disk usage and shard sizes, every
// cluster.info.update.interval and when a data node has joined
// (InternalClusterInfoService).
type infoService struct {
	m       *master
	info    *allocation.ClusterInfo
	timer   sim.Timer
	polling bool
	again   bool // another poll was asked for while one was under way
	monitor diskMonitor
}

func newInfoService(m *master) *infoService {
	return &infoService{m: m, monitor: newDiskMonitor(m)}
}

func (s *infoService) latest() *allocation.ClusterInfo { return s.info }

// start begins polling, at once.
func (s *infoService) start() {
	s.poll()
	s.schedule()
}

func (s *infoService) schedule() {
	p := s.m.p
	s.timer = p.after(settings.ClusterInfoInterval.Get(p.conf), "info.poll", func() {
		s.poll()
		s.schedule()
	})
}

func (s *infoService) stop() { s.timer.Stop() }

// applied polls when a data node has joined.
func (s *infoService) applied(d *delta) {
	for _, n := range d.joined {
		if holdsData(n) && d.old.Master == d.new.Master {
			s.poll()
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

func (s *infoService) poll() {
	if s.m.over {
		return
	}
	if s.polling {
		s.again = true
		return
	}
	p := s.m.p
	if !settings.DiskThresholdEnabled.Get(p.conf) {
		return
	}
	var asked []*state.Node
	for _, n := range p.applied.Nodes {
		if holdsData(n) {
			asked = append(asked, n)
		}
	}
	if len(asked) == 0 {
		return
	}
	s.polling = true
	answers := make([]*nodeInfo, len(asked))
	report := gather(len(asked), func() { s.finish(asked, answers) })
	for i, n := range asked {
		p.request(p.node(n.ID), rpc{
			name: "info.stats", bytes: 512, timeout: settings.ClusterInfoTimeout.Get(p.conf),
			handle: func(q *process, reply func(int64, func())) {
				info := q.localInfo()
				reply(int64(1024+64*len(info.shards)), func() { answers[i] = info; report() })
			},
			failed: func(error) { report() },
		})
	}
}

// finish puts the answers together. Of a node that did not answer the last known
// usage is dropped, as Elasticsearch does.
func (s *infoService) finish(asked []*state.Node, answers []*nodeInfo) {
	s.polling = false
	if s.m.over {
		return
	}
	info := &allocation.ClusterInfo{
		Nodes:      make(map[string]allocation.DiskUsage, len(asked)),
		ShardBytes: make(map[allocation.ShardKey]int64),
		DataPaths:  make(map[allocation.NodeShard]string),
		Reserved:   make(map[string]allocation.Reservation),
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
		for _, sz := range a.shards {
			info.ShardBytes[allocation.ShardKey{Index: sz.index, Shard: sz.shard, Primary: sz.primary}] = sz.bytes
			info.DataPaths[allocation.NodeShard{Node: n.ID, Index: sz.index, Shard: sz.shard}] = a.usage.Path
		}
	}
	s.info = info
	s.monitor.onInfo(info)
	if s.again {
		s.again = false
		s.poll()
	}
}

// dataPath is where every node keeps its data.
const dataPath = "/usr/share/elasticsearch/data/nodes/0"

// localInfo is this node's answer.
func (p *process) localInfo() *nodeInfo {
	p.n.account()
	info := &nodeInfo{usage: allocation.DiskUsage{Path: dataPath, TotalBytes: p.n.disk.Total(), FreeBytes: p.n.disk.Free()}}
	for _, s := range p.hosted() {
		if r := s.recovery; r != nil && r.reserved() > 0 {
			info.reserved.Bytes += r.reserved()
			info.reserved.Shards = append(info.reserved.Shards, allocation.ShardID{Index: s.index, Shard: s.key.shard})
		}
		if s.phase == recovering {
			continue
		}
		info.shards = append(info.shards, shardSize{s.index, s.key.shard, s.routing.Primary, s.store.bytes()})
	}
	return info
}

// account brings the disk's usage up to date with everything stored on it.
func (n *Node) account() {
	for _, k := range n.storeKeys() {
		st := n.stores[k]
		if n.proc != nil {
			if s := n.proc.shards[k]; s != nil && s.recovery != nil && !s.recovery.over && !s.recovery.copied {
				st.partial = s.recovery.progress()
			}
		}
		st.account()
	}
}

// minReroute is before all reroutes.
const minReroute = -1 << 62 * time.Nanosecond
