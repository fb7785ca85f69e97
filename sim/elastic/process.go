package elastic

import (
	"context"
	"errors"
	"time"

	"github.com/shardquake/shardquake/sim"
	"github.com/shardquake/shardquake/sim/elastic/coordination"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
	"github.com/shardquake/shardquake/sim/elastic/store"
)

// process is one life of a node: what is a field here is lost with it.
type process struct {
	n         *Node
	c         *Cluster
	ephemeral string
	presented *state.Node // [Node.Self]
	clock     *sim.Clock
	started   sim.Time

	dead    bool
	paused  bool
	backlog []func() // what a frozen process will do when it goes on
	upYet   bool     // the transport is open
	upAt    sim.Time // since when
	http    bool     // the HTTP port is open

	coord   *coordination.Coordinator
	applied *state.State
	conf    settings.Settings // in force with the applied state
	applier applier

	shards  map[store.Key]*shard
	byIndex map[string][]*shard // by index UUID, in order of creation
	sorted  []*shard            // by index and number
	running []*recoveryRun      // recoveries whose target this node is
	// locked is until when the directory of a copy that was closed is in use; opening are the
	// allocation ids that wait for one.
	locked  map[store.Key]sim.Time
	opening map[store.Key]string

	snapshotting map[string]bool // shards of snapshots that were begun here

	master *master // non-nil while the node is the elected master

	open    [][]*request // by ordinal of the peer: requests without an answer yet
	calls   []*call      // blocking calls of outside processes
	stateWs []*stateWait
	traffic traffic
	pools   [poolKinds]pool
	readers readers // of points in time
}

// traffic counts what the transport layer carried.
type traffic struct {
	rxCount, txCount, rxBytes, txBytes int64
}

func newProcess(n *Node) *process {
	c := n.c
	c.turns++
	return &process{
		n: n, c: c, clock: c.e.Clock(n.Name()), started: c.e.Now(),
		ephemeral: state.NewID(c.e.Stream("elastic.ephemeral", n.Name())),
		applied:   emptyState(c.name), conf: n.cfg.Settings,
		shards: make(map[store.Key]*shard), byIndex: make(map[string][]*shard),
		open: make([][]*request, len(c.cfg.Nodes)), locked: make(map[store.Key]sim.Time), opening: make(map[store.Key]string),
	}
}

// emptyState is what a node has before it has applied any.
func emptyState(cluster string) *state.State {
	return &state.State{
		ClusterName: cluster, ClusterUUID: "_na_", Routing: &state.RoutingTable{},
		Global: []state.Block{coordination.NotRecoveredBlock()},
	}
}

// up opens the transport and begins discovery.
func (p *process) up() {
	c := p.c
	p.upYet, p.upAt = true, c.e.Now()
	c.net.Connect(p.n.Name())
	p.refreshSettings()
	p.coord = coordination.New(p.coordination(), &env{p})
	c.board.NodeChanged(p.n.ID())
	p.coord.Start()
	p.after(30*time.Second, "node.http", p.openHTTP) // discovery.initial_state_timeout
}

// openHTTP opens the port, once the node has joined a cluster or waited long enough.
func (p *process) openHTTP() {
	if !p.http {
		p.http = true
		p.c.turns++
		p.c.fluid.countLive()
		p.c.watch.nodeChanged(p.n)
	}
}

// run does f in the process: now, or when it goes on if it is frozen, or never if
// it is dead.
func (p *process) run(f func()) {
	switch {
	case p.dead:
	case p.paused:
		p.backlog = append(p.backlog, f)
	default:
		f()
	}
}

// after does f in the process d from now.
func (p *process) after(d time.Duration, name string, f func()) sim.Timer {
	return p.c.e.After(d, name, func() { p.run(f) })
}

func (p *process) setPaused(paused bool) {
	p.paused = paused
	for !p.paused && !p.dead && len(p.backlog) > 0 {
		f := p.backlog[0]
		p.backlog = p.backlog[1:]
		f()
	}
}

// die ends the process.
func (p *process) die(graceful bool) {
	p.dead = true
	p.c.turns++
	p.backlog = nil
	if p.coord != nil {
		p.coord.Stop()
	}
	if p.master != nil {
		p.master.stop()
		p.master = nil
	}
	for _, s := range p.hosted() {
		s.processEnded(graceful)
	}
	for _, list := range p.open {
		for _, r := range list {
			r.over = true
			r.timer.Stop()
		}
	}
	p.open = nil
	calls := p.calls
	p.calls = nil
	for _, k := range calls {
		k.finish(errNodeGone)
	}
	p.clock.Kill()
}

// call is a blocking call of a process outside the node (a client's, which runs the
// node's request handler on its behalf).
type call struct {
	p    *process
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

// cost is what d of a warm process's time takes this one.
func (p *process) cost(d time.Duration) time.Duration {
	if cal := &p.c.cal; cal.Cold > 1 && p.c.e.Now() < p.upAt.Add(cal.ColdFor) {
		return d * time.Duration(cal.Cold)
	}
	return d
}

// await begins something in the process and parks the caller until done is called.
// It returns done's error, the context's, or errNodeGone.
func (p *process) await(ctx context.Context, begin func(done func(error))) error {
	if p.dead {
		return errNodeGone
	}
	k := &call{p: p, ev: p.c.e.NewEvent()}
	p.calls = append(p.calls, k)
	p.run(func() { begin(k.finish) })
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

// node finds a member of the applied state as a machine, or nil.
func (p *process) node(id string) *Node { return p.c.byID[id] }

// self reports whether the id is the node's own.
func (p *process) self(id string) bool { return id == p.n.ID() }

// refreshSettings reads the settings in force again.
func (p *process) refreshSettings() {
	p.conf = p.n.cfg.Settings.Merged(p.applied.Settings())
	p.n.limiter.SetCapacity(max(0, settings.RecoveryMaxBytesPerSec.Get(p.conf)))
}

// errNodeGone ends calls into a process that was killed; the caller sees its
// connection closed.
var errNodeGone = errors.New("node is gone")

// IsNodeGone reports whether the node died during the call: the client's
// connection closes without an answer.
func IsNodeGone(err error) bool { return errors.Is(err, errNodeGone) }
