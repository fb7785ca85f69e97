package coordination

import (
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// bootstrap forms a new cluster once more than half of the nodes named in
// cluster.initial_master_nodes have been found (ClusterBootstrapService).
type bootstrap struct {
	c            *Coordinator
	requirements []string // names or ids
	permitted    bool
}

func newBootstrap(c *Coordinator) *bootstrap {
	b := &bootstrap{c: c, requirements: c.cfg.InitialMasters, permitted: true}
	if c.singleNode {
		b.requirements = []string{c.node.Name}
	}
	return b
}

// bootstrapped reports whether the node has a voting configuration.
func (c *Coordinator) bootstrapped() bool { return len(c.consensus.accepted.LastAccepted) > 0 }

// peersFound tries to bootstrap with the peers found so far.
func (b *bootstrap) peersFound() {
	if !b.permitted || !b.c.node.HasRole("master") || len(b.requirements) == 0 || b.c.bootstrapped() {
		return
	}
	if len(b.c.discovery.peers)*2+2 <= len(b.requirements) {
		return // cannot be enough
	}
	nodes := map[string]*state.Node{}
	for _, n := range b.c.electorate() {
		nodes[n.Name], nodes[n.ID], nodes[n.Address] = n, n, n
	}
	var config []string
	matched, self := 0, false
	for _, want := range b.requirements {
		n := nodes[want]
		if n == nil {
			config = append(config, "{bootstrap-placeholder}-"+want)
			continue
		}
		matched++
		self = self || n.ID == b.c.node.ID
		config = append(config, n.ID)
	}
	if !self {
		b.c.log("skipping cluster bootstrapping as local node does not match bootstrap requirements: %v", b.requirements)
		b.permitted = false
		return
	}
	if matched*2 > len(b.requirements) {
		b.start(config)
	}
}

// scheduleUnconfigured bootstraps with whoever is found after a while when nothing
// about discovery is configured.
func (b *bootstrap) scheduleUnconfigured() {
	c := b.c
	if c.singleNode || len(b.requirements) > 0 || len(c.env.Seeds()) > 0 || !c.node.HasRole("master") {
		return
	}
	c.in(settings.UnconfiguredBootstrapWait.Get(c.cfg.Settings), "coordination.bootstrap", func() {
		var config []string
		for _, n := range c.electorate() {
			config = append(config, n.ID)
		}
		b.start(config)
	})
}

func (b *bootstrap) start(config []string) {
	if !b.permitted {
		return
	}
	b.permitted = false
	slices.Sort(config)
	b.try(config)
}

// try sets the first voting configuration, again and again until enough of its nodes
// are there.
func (b *bootstrap) try(config []string) {
	c := b.c
	if c.bootstrapped() {
		return
	}
	v := votes{}
	for _, n := range c.electorate() {
		v.add(n)
	}
	if !v.quorum(config) {
		c.in(10*time.Second, "coordination.bootstrap", func() { b.try(config) })
		return
	}
	c.log("setting initial configuration to %v", config)
	st := c.consensus.accepted.Clone()
	st.LastAccepted, st.LastCommitted = config, config
	if st.ClusterUUID == unknownUUID {
		st.ClusterUUID = c.uuid()
	}
	if err := c.consensus.setInitial(st); err != nil {
		return
	}
	c.startScheduler()
}
