package elastic

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/load"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// Process is one life of a node: what is a field here is lost with it.
type Process struct {
	Node      *Node
	Cluster   *Cluster
	ephemeral string
	presented *state.Node // [Node.Self]
	Clock     *sim.Clock
	Started   sim.Time

	dead    bool
	Paused  bool
	backlog []func() // what a frozen process will do when it goes on
	UpYet   bool     // the transport is open
	UpAt    sim.Time // since when
	HTTP    bool     // the HTTP port is open

	Coord   *coordination.Coordinator
	Applied *state.State
	Conf    settings.Settings // in force with the applied state
	applier applier

	Shards  map[store.Key]*Shard
	byIndex map[string][]*Shard // by index UUID, in order of creation
	Sorted  []*Shard            // by index and number
	Running []*Recovery         // recoveries whose target this node is
	// locked is until when the directory of a copy that was closed is in use; opening are the
	// allocation ids that wait for one.
	locked  map[store.Key]sim.Time
	opening map[store.Key]string

	Master *Master // non-nil while the node is the elected master

	open    map[int][]*underway // by ordinal of a peer that was asked: requests without an answer yet
	calls   []*call             // blocking calls of outside processes
	stateWs []*stateWait
	Traffic traffic
	Pools   *load.Pools
	kept    map[string]any // what rooms keep here
}

// traffic counts what the transport layer carried.
type traffic struct {
	RxCount, TxCount, RxBytes, TxBytes int64
}

func NewProcess(n *Node) *Process {
	c := n.c
	c.Turns++
	p := &Process{
		Node: n, Cluster: c, Clock: c.e.Clock(n.Name()), Started: c.e.Now(),
		ephemeral: state.NewID(c.e.Stream("elastic.ephemeral", n.Name())),
		Applied:   EmptyState(c.name), Conf: n.cfg.Settings,
		Shards: make(map[store.Key]*Shard), byIndex: make(map[string][]*Shard),
		open: make(map[int][]*underway), locked: make(map[store.Key]sim.Time), opening: make(map[store.Key]string),
	}
	p.Pools = c.Fluid.NewPools(n.ordinal, p)
	return p
}

// EmptyState is what a node has before it has applied any.
func EmptyState(cluster string) *state.State {
	return &state.State{
		ClusterName: cluster, ClusterUUID: "_na_", Routing: &state.RoutingTable{},
		Global: []state.Block{coordination.NotRecoveredBlock()},
	}
}

// up opens the transport and begins discovery.
func (p *Process) up() {
	c := p.Cluster
	p.UpYet, p.UpAt = true, c.e.Now()
	c.net.Connect(p.Node.Name())
	p.RefreshSettings()
	p.Coord = coordination.New(p.Coordination(), NewEnv(p))
	c.board.NodeChanged(p.Node.ID())
	p.Coord.Start()
	p.After(30*time.Second, "node.http", p.openHTTP) // discovery.initial_state_timeout
}

// openHTTP opens the port, once the node has joined a cluster or waited long enough.
func (p *Process) openHTTP() {
	if !p.HTTP {
		p.HTTP = true
		p.Cluster.Turns++
		p.Cluster.Fluid.CountLive()
		p.Cluster.Watch.NodeChanged(p.Node)
	}
}

// Run does f in the process: now, or when it goes on if it is frozen, or never if
// it is dead.
func (p *Process) Run(f func()) {
	switch {
	case p.dead:
	case p.Paused:
		p.backlog = append(p.backlog, f)
	default:
		f()
	}
}

// After does f in the process d from now.
func (p *Process) After(d time.Duration, name string, f func()) sim.Timer {
	return p.Cluster.e.After(d, name, func() { p.Run(f) })
}

func (p *Process) setPaused(paused bool) {
	p.Paused = paused
	for !p.Paused && !p.dead && len(p.backlog) > 0 {
		f := p.backlog[0]
		p.backlog = p.backlog[1:]
		f()
	}
}

// die ends the process.
func (p *Process) die(graceful bool) {
	p.dead = true
	p.Cluster.Turns++
	p.backlog = nil
	if p.Coord != nil {
		p.Coord.Stop()
	}
	if p.Master != nil {
		p.Master.stop()
		p.Master = nil
	}
	for _, s := range p.Hosted() {
		s.processEnded(graceful)
	}
	for _, peer := range slices.Sorted(maps.Keys(p.open)) {
		for _, r := range p.open[peer] {
			r.over = true
			r.timer.Stop()
		}
	}
	p.open = nil
	calls := p.calls
	p.calls = nil
	for _, k := range calls {
		k.finish(ErrNodeGone)
	}
	p.Clock.Kill()
}

// call is a blocking call of a process outside the node (a client's, which runs the
// node's request handler on its behalf).
type call struct {
	p    *Process
	ev   *sim.Event
	err  error
	over bool
}

func (k *call) finish(err error) {
	if k.over {
		return
	}
	k.over, k.err = true, err
	k.ev.Set()
}

// Kept is what a room keeps in a process under its name: it is lost with the process.
func Kept[T any](p *Process, room string) *T {
	v, ok := p.kept[room].(*T)
	if !ok {
		v = new(T)
		if p.kept == nil {
			p.kept = make(map[string]any)
		}
		p.kept[room] = v
	}
	return v
}

// synced calls then when what a process has written is on its node's disk for good: at once
// unless the disk is slow, for the time of a healthy one is part of an operation's cost.
func (p *Process) synced(then func()) {
	if d := p.Node.disk.Delay(); d > 0 {
		p.After(d, "disk.sync", then)
		return
	}
	then()
}

// cost is what d of a warm process's time takes this one.
func (p *Process) cost(d time.Duration) time.Duration {
	if cal := &p.Cluster.Calibration; cal.Cold > 1 && p.Cluster.e.Now() < p.UpAt.Add(cal.ColdFor) {
		return d * time.Duration(cal.Cold)
	}
	return d
}

// Await begins something in the process and parks the caller until done is called.
// It returns done's error, the context's, or errNodeGone.
func (p *Process) Await(ctx context.Context, begin func(done func(error))) error {
	if p.dead {
		return ErrNodeGone
	}
	k := &call{p: p, ev: p.Cluster.e.NewEvent()}
	p.calls = append(p.calls, k)
	p.Run(func() { begin(k.finish) })
	err := k.ev.Wait(ctx)
	k.over = true
	for i, o := range p.calls {
		if o == k {
			p.calls = append(p.calls[:i], p.calls[i+1:]...)
			break
		}
	}
	if err != nil {
		return err
	}
	return k.err
}

// Member finds a member of the applied state as a machine, or nil.
func (p *Process) Member(id string) *Node { return p.Cluster.ByID[id] }

// Self reports whether the id is the node's own.
func (p *Process) Self(id string) bool { return id == p.Node.ID() }

// RefreshSettings reads the settings in force again.
func (p *Process) RefreshSettings() {
	p.Conf = p.Node.cfg.Settings.Merged(p.Applied.Settings())
	p.Node.Limiter.SetCapacity(max(0, settings.RecoveryMaxBytesPerSec.Get(p.Conf)))
}

// ErrNodeGone ends calls into a process that was killed; the caller sees its
// connection closed.
var ErrNodeGone = errors.New("node is gone")

// IsNodeGone reports whether the node died during the call: the client's
// connection closes without an answer.
func IsNodeGone(err error) bool { return errors.Is(err, ErrNodeGone) }
