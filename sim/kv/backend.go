package kv

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	kvnode "github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/wire"
	"github.com/shardquake/shardquake/scenarios"
	"github.com/shardquake/shardquake/scenarios/kv"
	"github.com/shardquake/shardquake/scenarios/observed"
	"github.com/shardquake/shardquake/sim"
)

// Backend makes simulated key-value clusters for scenarios.
type Backend struct {
	// Node is the configuration of all nodes, for tests that build in a defect.
	Node kvnode.Config
}

var _ scenarios.Backend = (*Backend)(nil)

// formLimit is how long a cluster may take to form, in virtual time.
const formLimit = 5 * time.Minute

// Name implements [scenarios.Backend].
func (b *Backend) Name() string { return "sim" }

// Offers implements [scenarios.Backend].
func (b *Backend) Offers(_ context.Context, spec scenarios.ClusterSpec) (chaos.Target, error) {
	if _, err := kv.SpecOf(spec); err != nil {
		return chaos.Target{}, err
	}
	return targetOf(&simulated{spec: spec}), nil
}

// Start implements [scenarios.Backend]: all nodes have joined when it returns.
func (b *Backend) Start(_ context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	own, err := kv.SpecOf(spec)
	if err != nil {
		return nil, err
	}
	e := sim.NewEngine(sim.Config{Seed: opt.Seed, Start: spec.Began})
	if opt.OnEvent != nil {
		e.OnEvent(func(r sim.EventRecord) {
			opt.OnEvent(scenarios.Event{Index: r.Index, Run: e.Events(), At: time.Duration(r.Time), What: strings.TrimSpace(r.Type + " " + r.Entity), Hash: r.Hash})
		})
	}
	s := &simulated{e: e, spec: spec, own: own, callers: make(map[string]*Caller), clocks: make(map[string]*sim.Clock), ballast: make(map[string]int64)}
	cfg := FleetConfig{Settings: own.Settings, Node: b.Node, Walls: true}
	for _, n := range spec.Nodes {
		cfg.Machines = append(cfg.Machines, n.Name)
		if n.Late {
			cfg.Late = append(cfg.Late, n.Name)
		}
		if zone := n.Attributes["zone"]; zone != "" {
			cfg.Zones = append(cfg.Zones, zone)
		}
		cfg.Latency, cfg.Bandwidth = n.Latency/2, n.Network
	}
	s.f = NewFleet(e, cfg)
	for _, viewer := range spec.Viewers {
		s.callers[viewer], s.clocks[viewer] = s.f.NewCaller(viewer), e.Clock(viewer)
	}
	s.seen.init(s)
	opt.Progress("starting %d nodes", s.prompt())
	for i, m := range s.f.Machines() {
		m.Disk().SetCapacity(spec.Nodes[i].Disk)
		if !spec.Nodes[i].Late {
			m.Start()
		}
	}
	if err := s.script().Until(s.formed, sim.Time(formLimit)); err != nil {
		return nil, fmt.Errorf("the cluster did not form: %w", err)
	}
	return s, nil
}

// simulated is a cluster as scenarios see it.
type simulated struct {
	e       *sim.Engine
	f       *Fleet
	spec    scenarios.ClusterSpec
	own     *kv.Spec
	callers map[string]*Caller
	clocks  map[string]*sim.Clock
	ballast map[string]int64 // bytes, by machine
	seen    observer
	closed  bool
}

var _ kv.Cluster = (*simulated)(nil)

// prompt is how many nodes are started with the cluster.
func (s *simulated) prompt() (n int) {
	for _, x := range s.spec.Nodes {
		if !x.Late {
			n++
		}
	}
	return n
}

// formed reports whether all nodes that are started with the cluster belong to it.
func (s *simulated) formed() bool {
	l := s.f.Leader()
	return l != nil && len(l.node.Group().State().Members()) == s.prompt()
}

// script is what drives the engine.
func (s *simulated) script() sim.Script {
	return sim.Script{Engine: s.e, Clock: s.clocks[scenarios.ViewerClient], Broken: s.f.Err}
}

// Run implements [scenarios.Cluster].
func (s *simulated) Run(ctx context.Context, main func(run, cleanup context.Context) error) error {
	return s.script().Run(ctx, main)
}

// Clock implements [scenarios.Cluster].
func (s *simulated) Clock(viewer string) clock.Clock { return s.clocks[viewer] }

// Call implements [kv.Cluster].
func (s *simulated) Call(ctx context.Context, viewer, node string, m wire.Message) (wire.Message, error) {
	k := s.callers[viewer]
	if k == nil || s.f.Machine(node) == nil {
		return nil, fmt.Errorf("%s can't call %s: there is no such endpoint", viewer, node)
	}
	answered := s.e.NewEvent()
	var answer wire.Message
	number := k.next + 1
	k.Ask(node, m, time.Minute, func(a wire.Message) {
		answer = a
		answered.Set()
	})
	if err := answered.Wait(ctx); err != nil {
		k.end(number, nil)
		return nil, err
	}
	if answer == nil {
		return nil, fmt.Errorf("%s did not answer", node)
	}
	return answer, nil
}

// Nodes implements [scenarios.Cluster].
func (s *simulated) Nodes() []string {
	var names []string
	for _, n := range s.spec.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// Target implements [scenarios.Cluster].
func (s *simulated) Target() chaos.Target { return targetOf(s) }

// Observe implements [scenarios.Cluster].
func (s *simulated) Observe(ctx context.Context, sink func(observed.Observation)) error {
	s.seen.start(ctx, sink)
	return nil
}

// Notes implements [scenarios.Cluster].
func (s *simulated) Notes() []string {
	return []string{"the nodes are those of kvcluster, on simulated network, disks and clocks; every operation is simulated by itself"}
}

// Counters implements [scenarios.Cluster].
func (s *simulated) Counters() (events, traceHash uint64) { return s.e.Events(), s.e.TraceHash() }

// Close implements [scenarios.Cluster].
func (s *simulated) Close(context.Context) error {
	if s.closed {
		return nil
	}
	s.closed = true
	return s.e.Close()
}
