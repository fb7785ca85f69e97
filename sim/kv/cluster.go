package kv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/kv/simdisk"
)

// Config describes a cluster.
type Config struct {
	Nodes []shardmap.NodeID
	// Latency between the middle of the network and each of its ends; 200 µs.
	Latency time.Duration
	// Sync is how long a sync of a disk takes, at least and at most; 500 µs to 2 ms.
	Sync [2]time.Duration
	Nuisances
	Replica replica.Config
	Store   logstore.Config
}

// Nuisances are what a network does to messages now and then.
type Nuisances struct {
	// Loss, Repeat and Delay are how many of 1,000 messages are lost, arrive twice, or
	// arrive up to a second late.
	Loss, Repeat, Delay int
	// Lies is how many of 1,000 acknowledgements claim more than there is; only a Cluster has
	// them.
	Lies int
}

// send puts a message on the network by a function, as often and as late as chance has it.
func (n *Nuisances) send(e *sim.Engine, rng *rand.Rand, post func()) {
	copies := 1
	switch luck := rng.IntN(1000); {
	case luck < n.Loss:
		return
	case luck < n.Loss+n.Repeat:
		copies = 2
	}
	for i := range copies {
		if i > 0 || rng.IntN(1000) < n.Delay {
			e.After(time.Duration(rng.Int64N(int64(time.Second))), "kv.late", post)
		} else {
			post()
		}
	}
}

// Cluster is nodes on one network.
type Cluster struct {
	Engine  *sim.Engine
	Network *sim.Network
	// OnEvent is told what happens to copies, if it isn't nil.
	OnEvent func(shardmap.NodeID, replica.Event)
	// OnCorrupt is told of a node that is given up, if it isn't nil.
	OnCorrupt func(shardmap.NodeID)

	cfg   Config
	nodes []*node
	byID  map[shardmap.NodeID]*node
	rng   *rand.Rand // of messages
	err   error
	// answers are the ways back, by the number that copies know requests by.
	answers []pendingAnswer
	// snapshots counts those that arrived to their end, mended the logs that lost something
	// and had it given back by their tails.
	snapshots, mended int
}

// node is a machine: its disk outlives its process.
type node struct {
	process
	c     *Cluster
	id    shardmap.NodeID
	disk  *simdisk.Disk
	rng   *rand.Rand
	slow  time.Duration // added to each sync
	store *logstore.Store
	cores map[shardmap.ID]*core
	// primaries are as the node was told last.
	primaries map[shardmap.ID]shardmap.NodeID

	syncing bool
	again   bool
}

type core struct {
	*replica.Core
	asked uint64 // number of the newest sync it wants
	timer sim.Timer
	wake  time.Duration
}

// New makes a cluster whose nodes are down.
func New(e *sim.Engine, cfg Config) *Cluster {
	if cfg.Latency == 0 {
		cfg.Latency = 200 * time.Microsecond
	}
	if cfg.Sync[1] == 0 {
		cfg.Sync = [2]time.Duration{500 * time.Microsecond, 2 * time.Millisecond}
	}
	c := &Cluster{Engine: e, Network: e.NewNetwork(e.NewFluid()), cfg: cfg, byID: make(map[shardmap.NodeID]*node),
		rng: e.Stream("kv.messages", "")}
	c.cfg.Nodes = nil
	for _, id := range cfg.Nodes {
		c.AddNode(id)
	}
	return c
}

// AddNode adds a machine with an empty disk. Its node is down.
func (c *Cluster) AddNode(id shardmap.NodeID) {
	n := &node{process: process{engine: c.Engine}, c: c, id: id, disk: simdisk.New(c.Engine.Stream("kv.crash", string(id)), 0), rng: c.Engine.Stream("kv.disk", string(id))}
	c.nodes = append(c.nodes, n)
	c.byID[id] = n
	c.cfg.Nodes = append(c.cfg.Nodes, id)
	c.Network.AddEndpoint(string(id), sim.EndpointSpec{Latency: c.cfg.Latency})
	c.Network.Disconnect(string(id))
}

// Nodes are the names of those that aren't given up.
func (c *Cluster) Nodes() []shardmap.NodeID { return c.cfg.Nodes }

// Err is the first thing that must not happen: a store that can't be opened, a message
// that can't be decoded.
func (c *Cluster) Err() error { return c.err }

func (c *Cluster) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Disk is a node's disk.
func (c *Cluster) Disk(id shardmap.NodeID) *simdisk.Disk { return c.byID[id].disk }

// Bother changes what the network does to messages.
func (c *Cluster) Bother(n Nuisances) { c.cfg.Nuisances = n }

// Snapshots is how many have arrived to their end.
func (c *Cluster) Snapshots() int { return c.snapshots }

// Mended is how many logs had lost something and had it given back by their tails.
func (c *Cluster) Mended() int { return c.mended }

// IsNode reports whether an endpoint of the network is a node, and no client.
func (c *Cluster) IsNode(endpoint string) bool { return c.byID[shardmap.NodeID(endpoint)] != nil }

// Up reports whether a node's process runs.
func (c *Cluster) Up(id shardmap.NodeID) bool { return c.byID[id].up }

// Core is a node's copy of a shard, or nil.
func (c *Cluster) Core(id shardmap.NodeID, shard shardmap.ID) *replica.Core {
	n := c.byID[id]
	if !n.up || n.cores[shard] == nil {
		return nil
	}
	return n.cores[shard].Core
}

// Start starts a node's process on what its disk has. A node whose disk isn't what it
// was is given up: it may have forgotten what it promised and acknowledged, so its
// machine can come back only as another node.
func (c *Cluster) Start(id shardmap.NodeID) {
	n := c.byID[id]
	if n.up || !slices.Contains(c.cfg.Nodes, id) {
		return
	}
	store, err := logstore.Open(n.disk, c.cfg.Store)
	if errors.Is(err, storage.ErrFull) {
		c.Engine.Note("kv.no-room", string(id))
		return
	}
	if errors.Is(err, storage.ErrCorrupt) && c.OnCorrupt != nil {
		c.cfg.Nodes = slices.DeleteFunc(c.cfg.Nodes, func(x shardmap.NodeID) bool { return x == id })
		c.OnCorrupt(id)
		return
	}
	if err != nil {
		c.fail(fmt.Errorf("kv: node %s: %w", id, err))
		return
	}
	c.mended += int(min(store.Mended(), 1))
	n.store, n.cores, n.primaries, n.up = store, make(map[shardmap.ID]*core), make(map[shardmap.ID]shardmap.NodeID), true
	c.Network.Connect(string(id))
	c.Engine.Note("kv.start", string(id))
}

// Crash ends a node's process.
func (c *Cluster) Crash(id shardmap.NodeID) {
	n := c.byID[id]
	if !n.up {
		return
	}
	n.end()
	n.syncing, n.again = false, false
	for _, s := range n.shards() {
		n.cores[s].timer.Stop()
	}
	n.cores, n.store = nil, nil
	c.Network.Disconnect(string(id))
	n.disk.Crash()
	c.Engine.Note("kv.crash", string(id))
}

// Pause stops a node's process until Resume; what comes meanwhile waits.
func (c *Cluster) Pause(id shardmap.NodeID) { c.byID[id].pause() }

// Resume lets a paused node go on.
func (c *Cluster) Resume(id shardmap.NodeID) { c.byID[id].resume() }

// SlowDisk makes each sync of a node take longer.
func (c *Cluster) SlowDisk(id shardmap.NodeID, by time.Duration) { c.byID[id].slow = by }

// Configure tells a node a shard's configuration, now.
func (c *Cluster) Configure(id shardmap.NodeID, s shardmap.Shard) {
	n := c.byID[id]
	n.run(func() {
		n.primaries[s.ID] = s.Primary
		n.step(s.ID, replica.Configure{Shard: s})
		if s.Settled() && !s.HasReplica(id) {
			n.forget(s.ID, s.Epoch)
		}
	})
}

// Forget tells a node that a shard has been gone since a version of the map.
func (c *Cluster) Forget(id shardmap.NodeID, shard shardmap.ID, version uint64) {
	n := c.byID[id]
	n.run(func() { n.forget(shard, version) })
}

// forget removes a copy, if it doesn't know of a later epoch.
func (n *node) forget(shard shardmap.ID, epoch uint64) {
	k := n.cores[shard]
	if k == nil || k.Heard() > epoch {
		return
	}
	var b storage.Batch
	replica.Forget(&b, shard, max(k.Promised(), epoch))
	switch err := n.store.Apply(&b); {
	case errors.Is(err, storage.ErrFull): // another time
	case err != nil:
		n.c.Crash(n.id)
	default:
		k.timer.Stop()
		delete(n.cores, shard)
		n.sync()
	}
}

func (n *node) shards() []shardmap.ID {
	ids := make([]shardmap.ID, 0, len(n.cores))
	for id := range n.cores {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// step gives an input to a copy and does what it wants.
func (n *node) step(shard shardmap.ID, in replica.Input) {
	if !n.up {
		return // it has crashed in the course of this event
	}
	k := n.cores[shard]
	if k == nil {
		r, err := replica.New(n.c.cfg.Replica, shard, n.id, n.store)
		if err != nil {
			n.c.fail(fmt.Errorf("kv: node %s: %w", n.id, err))
			return
		}
		k = &core{Core: r}
		n.cores[shard] = k
	}
	out := k.Step(n.now(), in)
	for _, e := range out.Events {
		n.c.Engine.Note("kv."+e.Kind.String(), string(n.id)+"/"+string(shard), e.Epoch)
		if n.c.OnEvent != nil {
			n.c.OnEvent(n.id, e)
		}
		switch e.Kind {
		case replica.Failed:
			n.c.Crash(n.id)
			return
		case replica.Born:
			n.step(e.Shard, replica.Reload{})
		}
	}
	for _, m := range out.Messages {
		h := m.(interface{ Header() *wire.Copy }).Header()
		to := h.To
		if to == "" {
			to = n.primaries[h.Shard]
		}
		n.c.send(string(n.id), string(to), m, nil)
	}
	for _, a := range out.Answers {
		n.c.answer(n, a)
	}
	if out.Sync > 0 {
		k.asked = out.Sync
		n.sync()
	}
	if out.Wake != k.wake {
		k.timer.Stop()
		if k.wake = out.Wake; k.wake > 0 {
			k.timer = n.later(k.wake-n.now(), "kv.tick", func() { n.step(shard, replica.Tick{}) })
		}
	}
}

// sync begins a sync of the disk, or another one after that under way.
func (n *node) sync() {
	if n.syncing {
		n.again = true
		return
	}
	n.syncing, n.again = true, false
	mark, end := n.disk.Mark(), n.store.Mark()
	shards := n.shards()
	asked := make([]uint64, len(shards))
	for i, s := range shards {
		asked[i] = n.cores[s].asked
	}
	span := n.c.cfg.Sync
	d := span[0] + time.Duration(n.rng.Int64N(int64(span[1]-span[0])+1)) + n.slow
	n.later(d, "kv.sync", func() {
		n.disk.SyncTo(mark)
		n.store.MarkDurable(end)
		n.syncing = false
		if n.again {
			n.sync()
		}
		for i, s := range shards {
			n.step(s, replica.Synced{Number: asked[i]})
		}
	})
}

// send sends a message in the bytes of the wire protocol. Gone, if not nil, is called
// when the sender learns that nobody listens.
func (c *Cluster) send(from, to string, m wire.Message, gone func()) {
	frame, err := wire.Append(nil, m)
	if err != nil {
		c.fail(fmt.Errorf("kv: from %s to %s: %w", from, to, err))
		return
	}
	c.cfg.send(c.Engine, c.rng, func() {
		deliver := func() { c.deliver(from, to, frame) }
		c.Network.SendOr(from, to, len(frame), deliver, func(error) {
			if gone != nil {
				gone()
			}
		})
	})
}

func (c *Cluster) deliver(from, to string, frame []byte) {
	m, rest, err := wire.Decode(frame)
	if err != nil || len(rest) > 0 {
		c.fail(fmt.Errorf("kv: from %s to %s: %d bytes left, %w", from, to, len(rest), err))
		return
	}
	if p, ok := m.(*wire.SnapshotPage); ok && p.Done {
		c.snapshots++
	}
	if a, ok := m.(*wire.Ack); ok && c.cfg.Lies > 0 && c.rng.IntN(1000) < c.cfg.Lies {
		a.Match += 1 << 20
	}
	n := c.byID[shardmap.NodeID(to)]
	if n == nil {
		return
	}
	n.run(func() { n.step(m.(interface{ Header() *wire.Copy }).Header().Shard, replica.Message{M: m}) })
}
