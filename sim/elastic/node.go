package elastic

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Node is one machine with its node. What is a field here survives the process:
// the disk and what stands on it.
type Node struct {
	c       *Cluster
	ordinal int
	cfg     NodeConfig

	disk *sim.Disk
	// Upgraded is what the node runs since it was upgraded; 0: what it was configured with.
	Upgraded state.Release
	// Limiter is indices.recovery.max_bytes_per_sec: what the node sends and
	// receives in recoveries passes it, both ways together.
	Limiter   *sim.Resource
	Persisted coordination.Persisted
	// Stores are the shards on disk; sorted by key beside the map.
	Stores map[store.Key]*store.Store
	Sorted []*store.Store
	stored int64 // bytes taken from the disk for all of them
	// base is the size of the stores, apart from files that are being copied, when summed.
	base   int64
	summed bool
	// copied is what recoveries have read from the disk and written to it.
	Copied struct{ Read, Written int64 }
	// sizes are the shards' sizes as last summed up; nil after a change.
	sizes []shardSize
	// Changes counts how often its shards or their sizes have become others.
	Changes uint64

	Proc  *Process // nil: no process
	Lives int
}

func newNode(c *Cluster, i int, cfg NodeConfig) *Node {
	n := &Node{c: c, ordinal: i, cfg: cfg, Stores: make(map[store.Key]*store.Store)}
	f := c.net.Fluid()
	n.disk = f.NewDisk(cfg.Name, sim.DiskSpec{Capacity: cfg.DiskBytes, Read: cfg.DiskReadBPS, Write: cfg.DiskWriteBPS})
	n.Limiter = f.Resource(cfg.Name+"/recovery", 0)
	if c.net.Endpoint(cfg.Name) == nil {
		c.net.AddEndpoint(cfg.Name, sim.EndpointSpec{Bandwidth: cfg.NetworkBPS, Latency: cfg.Latency})
	}
	c.net.Disconnect(cfg.Name)
	return n
}

// Name is node.name, also the host name of its URL.
func (n *Node) Name() string { return n.cfg.Name }

// ID is the persistent id.
func (n *Node) ID() string { return n.cfg.ID }

// Config is what the node was made from, with defaults filled in.
func (n *Node) Config() NodeConfig { return n.cfg }

// Cluster is the node's cluster.
func (n *Node) Cluster() *Cluster { return n.c }

// Load is what the node's operations make it do, up to now.
func (n *Node) Load() *load.Queue { return n.c.Fluid.Queue(n.ordinal) }

// Indexing reports whether background load writes to the node's disk.
func (n *Node) Indexing() bool { return n.c.Fluid.Queues[n.ordinal].Writes() }

// Stored are the bytes of the node's stores.
func (n *Node) Stored() int64 { return n.stored }

// Disk is the machine's data disk.
func (n *Node) Disk() *sim.Disk { return n.disk }

// Alive reports whether the process runs (a paused one does).
func (n *Node) Alive() bool { return n.Proc != nil }

// Serving reports whether the HTTP port is open: the process runs and has come so
// far in its start. A paused node's port is open but silent.
func (n *Node) Serving() bool { return n.Proc != nil && n.Proc.HTTP }

// Paused reports whether the process is frozen.
func (n *Node) Paused() bool { return n.Proc != nil && n.Proc.Paused }

// Incarnation counts the starts of the process: a request that began in one ends
// with a closed connection when it is over.
func (n *Node) Incarnation() int { return n.Lives }

// Settings is the node's elasticsearch.yml.
func (n *Node) Settings() settings.Settings { return n.cfg.Settings }

// Applied is the state that the node has applied. It is never nil; before the
// first one it has no master and the block "state not recovered / initialized".
func (n *Node) Applied() *state.State {
	if n.Proc == nil {
		return EmptyState(n.c.name)
	}
	return n.Proc.Applied
}

// Self is the node as it presents itself to the others. Don't modify it.
func (n *Node) Self() *state.Node {
	if n.Proc == nil {
		self := n.describe("")
		return &self
	}
	if n.Proc.presented == nil {
		self := n.describe(n.Proc.ephemeral)
		n.Proc.presented = &self
	}
	return n.Proc.presented
}

// Release is what the node runs, or will.
func (n *Node) Release() state.Release {
	if n.Upgraded != 0 {
		return n.Upgraded
	}
	return n.cfg.Release
}

func (n *Node) describe(ephemeral string) state.Node {
	return state.Node{
		ID: n.cfg.ID, EphemeralID: ephemeral, Name: n.cfg.Name, Host: n.cfg.Name,
		Address: "10.0." + strconv.Itoa((n.ordinal+1)/250) + "." + strconv.Itoa((n.ordinal+1)%250) + ":9300",
		Roles:   n.cfg.Roles, Attributes: n.cfg.Attributes, Release: n.Release(),
	}
}

// ClusterSettings are the settings in force on the node: transient over persistent
// of the applied state, over elasticsearch.yml.
func (n *Node) ClusterSettings() settings.Settings {
	return n.cfg.Settings.Merged(n.Applied().Settings())
}

// StartNode starts a node's process, on whatever its disk holds. It is there at
// once, and joins when it has come up.
func (c *Cluster) StartNode(name string) error {
	n, err := c.Lookup(name)
	if err != nil {
		return err
	}
	if n.Proc != nil {
		return fmt.Errorf("node %s runs already", name)
	}
	n.start()
	return nil
}

// Kill ends a node's process at once. What it knew is lost, its disk stays.
func (c *Cluster) Kill(name string) error {
	n, err := c.Lookup(name)
	if err != nil {
		return err
	}
	if n.Proc == nil {
		return fmt.Errorf("node %s doesn't run", name)
	}
	n.kill(false)
	return nil
}

// Stop asks a node's process to end; done is called when it has.
func (c *Cluster) Stop(name string, done func()) error {
	n, err := c.Lookup(name)
	if err != nil {
		return err
	}
	if n.Proc == nil {
		return fmt.Errorf("node %s doesn't run", name)
	}
	p := n.Proc
	// A frozen process handles the signal when it goes on.
	p.Run(func() {
		p.HTTP = false
		p.After(c.Calibration.NodeStop, "node.stop", func() {
			n.kill(true)
			if done != nil {
				done()
			}
		})
	})
	return nil
}

// Pause freezes a node's process: its connections stay open and silent.
func (c *Cluster) Pause(name string) error { return c.setPaused(name, true) }

// Resume lets a frozen process go on; it catches up with what it missed.
func (c *Cluster) Resume(name string) error { return c.setPaused(name, false) }

func (c *Cluster) setPaused(name string, paused bool) error {
	n, err := c.Lookup(name)
	if err != nil {
		return err
	}
	if n.Proc == nil {
		return fmt.Errorf("node %s doesn't run", name)
	}
	if n.Proc.Paused == paused {
		return nil
	}
	c.e.Note("node.pause="+strconv.FormatBool(paused), name)
	n.Proc.setPaused(paused)
	c.board.NodeChanged(n.ID())
	c.Fluid.TopologyChanged()
	return nil
}

func (c *Cluster) Lookup(name string) (*Node, error) {
	n := c.ByName[name]
	if n == nil {
		return nil, fmt.Errorf("unknown node %q", name)
	}
	return n, nil
}

// AwaitAwake waits while the process is frozen; IsNodeGone(err) when it died meanwhile.
func (n *Node) AwaitAwake(ctx context.Context) error {
	if n.Proc == nil {
		return ErrNodeGone
	}
	if !n.Proc.Paused {
		return nil
	}
	return n.Proc.Await(ctx, func(done func(error)) { done(nil) })
}

// start begins a process. Nothing answers before it has come up.
func (n *Node) start() {
	n.Lives++
	c := n.c
	c.e.Note("node.start", n.Name())
	p := NewProcess(n)
	n.Proc = p
	c.Fluid.Queues[n.ordinal].ProcessStarted()
	d := c.Calibration.NodeStart
	if len(n.Stores) == 0 && n.Persisted.Accepted == nil {
		d = c.Calibration.NodeStartEmpty
	}
	// Processes that start together don't come up in the same nanosecond.
	d += time.Duration(c.e.Stream("node.start", n.Name()).Int64N(int64(d)/20 + 1))
	p.After(d, "node.up", p.up)
}

// kill ends the process. A graceful end has synced everything.
func (n *Node) kill(graceful bool) {
	p := n.Proc
	if p == nil {
		return
	}
	n.c.e.Note("node.kill", n.Name())
	p.die(graceful)
	n.Proc = nil
	n.c.net.Disconnect(n.Name())
	n.c.board.NodeChanged(n.ID())
	n.c.Fluid.TopologyChanged()
	n.c.Watch.NodeChanged(n)
}
