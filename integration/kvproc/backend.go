package kvproc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/integration/guard"
	"github.com/shardquake/shardquake/integration/lease"
	"github.com/shardquake/shardquake/integration/leased"
	"github.com/shardquake/shardquake/integration/machine"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/tcp"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv"
	"github.com/shardquake/shardquake/scenarios/kvload"
	"github.com/shardquake/shardquake/scenarios/observed"
)

// formLimit is how long the nodes may take to become a cluster.
const formLimit = 10 * time.Minute

// Backend runs scenarios of system kv on processes.
type Backend struct {
	// Command is that of [Options].
	Command []string
}

var _ scenarios.Backend = (*Backend)(nil)

// Name implements [scenarios.Backend].
func (b *Backend) Name() string { return "real" }

// Offers implements [scenarios.Backend].
func (b *Backend) Offers(_ context.Context, spec scenarios.ClusterSpec) (chaos.Target, error) {
	if _, err := kv.SpecOf(spec); err != nil {
		return chaos.Target{}, err
	}
	if err := spec.OfThisMachine(); err != nil {
		return chaos.Target{}, err
	}
	if len(b.Command) == 0 {
		if _, err := lease.Command(); err != nil {
			return chaos.Target{}, fmt.Errorf("%w: %w", scenarios.ErrUnavailable, err)
		}
	}
	return (&scenarioCluster{spec: spec, nodes: &Cluster{}}).Target(), nil
}

// Start implements [scenarios.Backend]: all nodes have joined when it returns.
func (b *Backend) Start(ctx context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	own, err := kv.SpecOf(spec)
	if err != nil {
		return nil, err
	}
	c := &scenarioCluster{spec: spec, own: own, clock: guard.New(clock.NewReal(opt.Seed)), clients: make(map[string]*tcp.Client)}
	c.seen.init(c)
	opt.Progress("starting %d processes", len(spec.Nodes))
	options := Options{Command: b.Command, Viewers: spec.Viewers, OnEvent: c.seen.happened,
		Heartbeat: own.Settings.Heartbeat, Replicas: int(own.Settings.Replicas), ManualBalance: own.Settings.ManualBalance}
	for _, n := range spec.Nodes {
		options.Nodes = append(options.Nodes, NodeSpec{Name: n.Name, Zone: n.Attributes["zone"], Disk: n.Disk, Late: n.Late})
	}
	c.nodes, err = Start(ctx, options)
	if err == nil {
		if c.keeper, err = c.nodes.beginJournal(ctx, spec.Name, opt.Journal); err != nil {
			err = errors.Join(err, c.nodes.Close())
		}
	}
	if errors.Is(err, lease.ErrCommand) {
		err = fmt.Errorf("%w: %w", scenarios.ErrUnavailable, err)
	}
	if err != nil {
		return nil, aborted(ctx, err)
	}
	if c.canary, err = watchMachine(context.WithoutCancel(ctx), c.nodes.folder); err != nil {
		return nil, errors.Join(err, c.keeper.Close(ctx), c.nodes.Close())
	}
	c.machine = machine.Start(ctx)
	if err := c.form(ctx); err != nil {
		c.canary.close()
		c.machine.Stop()
		return nil, aborted(ctx, errors.Join(err, c.keeper.Close(context.WithoutCancel(ctx)), c.nodes.Close()))
	}
	return c, nil
}

// aborted marks the error of a start that was interrupted as that and nothing worse.
func aborted(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("%w while the nodes started: %w", scenarios.ErrAborted, err)
}

// scenarioCluster is a cluster of processes as the runner sees it.
type scenarioCluster struct {
	nodes *Cluster
	spec  scenarios.ClusterSpec
	own   *kv.Spec
	clock *guard.Clock
	// keeper has the leases on what is in force.
	keeper *lease.Keeper
	seen   observer
	// canary notices when the machine stands still.
	canary  *canary
	machine *machine.Watch

	mu      sync.Mutex
	clients map[string]*tcp.Client // by viewer
	closed  bool
}

var _ kv.Cluster = (*scenarioCluster)(nil)

// form waits until the nodes are a cluster and gives it the settings described.
func (c *scenarioCluster) form(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, formLimit)
	defer cancel()
	if err := c.nodes.Await(ctx); err != nil {
		return fmt.Errorf("%w: %w", scenarios.ErrUnavailable, err)
	}
	direct := tcp.NewClient(c.nodes.Direct())
	defer direct.Close()
	for {
		r, err := direct.Command(ctx, wire.Command{Kind: wire.ChangeSettings, Settings: &c.own.Settings})
		switch {
		case err == nil && r.Status == wire.OK:
			return nil
		case err == nil && r.Status == wire.Invalid:
			return fmt.Errorf("settings of the cluster: %s", r.Reason)
		case ctx.Err() != nil:
			return fmt.Errorf("%w: settings of the cluster: %w", scenarios.ErrUnavailable, errors.Join(ctx.Err(), err))
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// Run implements [scenarios.Cluster].
func (c *scenarioCluster) Run(ctx context.Context, main func(run, cleanup context.Context) error) error {
	return c.clock.Run(ctx, c.keeper.OnLost, main)
}

// Clock implements [scenarios.Cluster]: real endpoints outside the nodes share one.
func (c *scenarioCluster) Clock(string) clock.Clock { return c.clock }

// Call implements [kv.Cluster].
func (c *scenarioCluster) Call(ctx context.Context, viewer, node string, m wire.Message) (wire.Message, error) {
	client, err := c.client(viewer)
	if err != nil {
		return nil, err
	}
	return client.Call(ctx, node, m)
}

func (c *scenarioCluster) client(viewer string) (*tcp.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client := c.clients[viewer]; client != nil {
		return client, nil
	}
	if !slices.Contains(c.spec.Viewers, viewer) || c.closed {
		return nil, fmt.Errorf("there is no viewer %q", viewer)
	}
	client := tcp.NewClient(c.nodes.Config(viewer))
	c.clients[viewer] = client
	return client, nil
}

// Nodes implements [scenarios.Cluster].
func (c *scenarioCluster) Nodes() []string { return c.nodes.Names() }

// Target implements [scenarios.Cluster]. An operator works from where the clients are. What
// the target supports it says before the processes are started, too.
func (c *scenarioCluster) Target() chaos.Target {
	return leased.Target(chaos.Target{
		Links: c.nodes, Processes: c.nodes, Disks: c.nodes,
		DiskSpeeds: chaos.FixedSpeeds("the processes share this machine's disk, which can't be slowed down for one of them alone"),
		Operator:   kvload.NewOperator(c, scenarios.ViewerClient, c.Nodes()),
	}, undoing{c.nodes}, c.keeper)
}

// Observe implements [scenarios.Cluster].
func (c *scenarioCluster) Observe(ctx context.Context, sink func(observed.Observation)) error {
	return c.seen.start(ctx, sink)
}

// Notes implements [scenarios.Cluster].
func (c *scenarioCluster) Notes() []string {
	notes := []string{
		"the nodes are processes on this machine, with pebble on its disk and a proxy on every directed link",
		"latency, network and disk throughput and CPUs of the description are not reproduced: the nodes share this machine's",
		"a disk's size is counted, not reserved",
	}
	if note := c.canary.note(); note != "" {
		notes = append(notes, note)
	}
	return notes
}

// Stalled implements [scenarios.Stalling].
func (c *scenarioCluster) Stalled() time.Duration {
	total, _ := c.canary.stalled()
	return total
}

// MachineBegin implements [scenarios.Watched].
func (c *scenarioCluster) MachineBegin() { c.machine.Begin() }

// Machine implements [scenarios.Watched].
func (c *scenarioCluster) Machine() observed.Machine {
	m := c.machine.Report()
	m.Died = c.nodes.Died()
	return m
}

// Counters implements [scenarios.Cluster]: real runs have neither.
func (c *scenarioCluster) Counters() (events, traceHash uint64) { return 0, 0 }

// Close implements [scenarios.Cluster].
func (c *scenarioCluster) Close(ctx context.Context) error {
	c.mu.Lock()
	clients := c.clients
	c.clients, c.closed = make(map[string]*tcp.Client), true
	c.mu.Unlock()
	c.seen.stop()
	c.canary.close()
	c.machine.Stop()
	for _, client := range clients {
		client.Close()
	}
	return errors.Join(c.nodes.Close(), c.keeper.Close(ctx))
}
