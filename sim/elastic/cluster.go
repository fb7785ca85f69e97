package elastic

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/calibration"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/delta"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Cluster is a set of machines and what runs on them.
type Cluster struct {
	e           *sim.Engine
	net         *sim.Network
	cfg         Config
	Calibration calibration.Constants
	name        string

	nodes  []*Node
	ByName map[string]*Node
	ByID   map[string]*Node

	board      *coordination.Board
	rules      *coordination.Invariants
	Invariants invariants
	Deltas     delta.Cache
	Fluid      *load.Fluid
	Watch      Watcher

	// Turns counts what may change who is up, who leads and what a node has applied.
	Turns uint64
	// Adoptable are allocation ids that nodes open as started (CreateStarted).
	Adoptable map[string]bool
	// Contents are what those hold of a cluster that starts in place, by allocation id.
	Contents map[string]Content
	// Heard is what the master of a start in place knows of disks and sizes.
	Heard *allocation.ClusterInfo
	// Mix draws the orders in which routing tables list their indices; nil keeps them.
	Mix func(n int) []int
	// Snapshots is the room of snapshots, once there is a repository.
	Snapshots Snapshots
	// IDs makes allocation ids, UUIDs of indices and histories.
	IDs *rand.Rand
	// initialMasters are the names of the first voting configuration.
	initialMasters []string
}

// New builds a cluster; nothing runs yet.
func New(cfg Config) (*Cluster, error) {
	if cfg.ClusterName == "" {
		cfg.ClusterName = "shardquake"
	}
	if cfg.Calibration == (calibration.Constants{}) {
		cfg.Calibration = calibration.Default()
	}
	if len(cfg.Nodes) == 0 {
		return nil, fmt.Errorf("cluster %s: no nodes", cfg.ClusterName)
	}
	c := &Cluster{
		e: cfg.Engine, net: cfg.Network, cfg: cfg, Calibration: cfg.Calibration, name: cfg.ClusterName,
		ByName: make(map[string]*Node), ByID: make(map[string]*Node), Adoptable: make(map[string]bool),
		Watch: unwatched{}, Snapshots: noSnapshots{}, board: coordination.NewBoard(), rules: coordination.NewInvariants(),
		IDs: cfg.Engine.Stream("elastic.ids", cfg.ClusterName),
	}
	c.Fluid = load.New(c.e, c.net, &c.Calibration, len(cfg.Nodes))
	c.Invariants.init(c)
	for i, nc := range cfg.Nodes {
		if err := c.addNode(i, nc); err != nil {
			return nil, err
		}
	}
	if len(c.initialMasters) == 0 {
		return nil, fmt.Errorf("cluster %s: no master-eligible node starts with it", c.name)
	}
	c.net.OnClosed(c.connectionsClosed)
	c.net.OnCut(func(from, to string, _ sim.CutMode) { c.PathChanged(from, to) })
	c.net.OnMend(func(from, to string, _ sim.CutMode) { c.PathChanged(from, to) })
	return c, nil
}

func (c *Cluster) addNode(i int, nc NodeConfig) error {
	if nc.Name == "" || c.ByName[nc.Name] != nil {
		return fmt.Errorf("cluster %s: node name %q is empty or used twice", c.name, nc.Name)
	}
	if nc.ID == "" {
		nc.ID = state.NewID(c.e.Stream("elastic.node-id", nc.Name))
	}
	if c.ByID[nc.ID] != nil {
		return fmt.Errorf("cluster %s: node id %s is used twice", c.name, nc.ID)
	}
	if nc.Roles == nil {
		nc.Roles = []string{"data", "ingest", "master", "remote_cluster_client"}
	}
	slices.Sort(nc.Roles)
	slices.SortFunc(nc.Attributes, func(a, b state.Attribute) int { return strings.Compare(a.Name, b.Name) }) //determinism:allow sort-ties a node has one attribute of a name
	if nc.DiskBytes == 0 {
		nc.DiskBytes = 1 << 40
	}
	if nc.HeapBytes == 0 {
		nc.HeapBytes = 512 << 20
	}
	if nc.CPUs == 0 {
		nc.CPUs = 2
	}
	n := newNode(c, i, nc)
	c.nodes = append(c.nodes, n)
	c.Fluid.Place(i, load.Machine{
		Name: nc.Name, CPUs: nc.CPUs, HeapBytes: nc.HeapBytes, Settings: nc.Settings, Latency: nc.Latency, Disk: n.disk, Node: n,
	})
	c.ByName[n.Name()] = n
	c.ByID[n.ID()] = n
	if !nc.Late && slices.Contains(nc.Roles, "master") {
		c.initialMasters = append(c.initialMasters, nc.Name)
	}
	return nil
}

// Start starts every node that isn't Late, all at once.
func (c *Cluster) Start() {
	for _, n := range c.nodes {
		if !n.cfg.Late {
			n.start()
		}
	}
}

// Engine is the engine that the cluster lives in.
func (c *Cluster) Engine() *sim.Engine { return c.e }

// Network is the network between the nodes and their viewers.
func (c *Cluster) Network() *sim.Network { return c.net }

// Name is cluster.name.
func (c *Cluster) Name() string { return c.name }

// Uses says that requests have put settings into force.
func (c *Cluster) Uses(keys []string) {
	if c.cfg.InUse != nil {
		c.cfg.InUse(keys)
	}
}

// Distribution is which Elasticsearch the nodes run.
func (c *Cluster) Distribution() Distribution {
	if c.cfg.Distribution == "" {
		return DefaultDistribution
	}
	return c.cfg.Distribution
}

// Nodes are all nodes, alive or not, in order of the configuration.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// Node finds a node by name, or nil.
func (c *Cluster) Node(name string) *Node { return c.ByName[name] }

// NodeByID finds a node by its persistent id, or nil.
func (c *Cluster) NodeByID(id string) *Node { return c.ByID[id] }

// Err is the first violation of an invariant, or nil.
func (c *Cluster) Err() error {
	if err := c.rules.Err(); err != nil {
		return err
	}
	return c.Invariants.err
}

// connectionsClosed tells a node that a peer's connections are gone.
func (c *Cluster) connectionsClosed(ev sim.Closed) {
	at, peer := c.ByName[ev.At], c.ByName[ev.Peer]
	if at == nil || peer == nil || at.Proc == nil {
		return
	}
	p := at.Proc
	p.Run(func() { p.disconnected(peer) })
}

// PathChanged passes a change of a link on to whoever reckons with it.
func (c *Cluster) PathChanged(from, to string) {
	a, b := c.ByName[from], c.ByName[to]
	if a == nil || b == nil {
		return
	}
	c.board.PathChanged(a.ID(), b.ID())
	c.Fluid.TopologyChanged()
}

// BaseSettings are the persistent settings of the first state.
func (c *Cluster) BaseSettings() settings.Settings { return c.cfg.Persistent }

// Now is the time since the start of the run.
func (c *Cluster) Now() time.Duration { return time.Duration(c.e.Now()) }

// AnyNode is the first node that serves requests.
func (c *Cluster) AnyNode() (*Node, error) {
	var names []string
	for _, n := range c.nodes {
		if n.Serving() && !n.Paused() {
			return n, nil
		}
		names = append(names, n.Name())
	}
	return nil, fmt.Errorf("none of the nodes %s serves requests", strings.Join(names, ", "))
}

// Leader is the elected master, of two that believe it the one with the higher term; nil
// when there is none.
func (c *Cluster) Leader() *Node {
	var best *Node
	for _, n := range c.nodes {
		if n.Proc != nil && n.Proc.Master != nil && (best == nil || n.Proc.Coord.Term() > best.Proc.Coord.Term()) {
			best = n
		}
	}
	return best
}
