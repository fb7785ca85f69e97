//determinism:realtime drives a node's core by real time, real disks and real connections

package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

const (
	// inputs is how many inputs wait for the core before connections have to.
	inputs = 4096
	// stopGrace is how long calls under way may take when a node stops.
	stopGrace = 3 * time.Second
)

// NodeConfig configures a node in a process.
type NodeConfig struct {
	Config
	// Listen is where the node listens; an address beyond the loopback needs a Key.
	Listen string
	// Node is the core's configuration; its Name is that of Config.
	Node node.Config
	// OnEvent is told what happens on the node, from its one goroutine; nil: nobody is.
	OnEvent func(node.Event)
	// Logf is told what goes wrong with connections; nil: nobody is.
	Logf func(format string, args ...any)
}

// Node is a node of the cluster in a process: a core, and all that it needs to be driven.
// One goroutine owns the core. What connections bring waits in a queue for it; another
// goroutine syncs the disk, once for all that is waiting for it.
type Node struct {
	cfg     NodeConfig
	core    *node.Node
	engine  storage.Engine
	server  *server
	peers   *Peers
	start   time.Time
	inputs  chan input
	syncs   *syncer
	over    chan struct{} // closed when the core takes nothing more
	asks    map[uint64]asked
	nextAsk uint64
	cluster atomic.Uint64
	silent  map[string]bool // machines without an address, told once
}

// input is what waits for the core. With a caller it is a call; one with a look only looks.
type input struct {
	m      wire.Message
	caller *caller
	call   uint64
	look   func(*node.Node)
}

// asked is who waits for an answer.
type asked struct {
	caller *caller
	call   uint64
}

// NewNode opens a node on an engine and listens. Nothing happens before Run; the engine
// remains the caller's, to be closed after it.
func NewNode(ctx context.Context, cfg NodeConfig, engine storage.Engine) (*Node, error) {
	cfg.Config = cfg.withDefaults()
	cfg.Node.Name = cfg.Name
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	n := &Node{cfg: cfg, engine: engine, start: time.Now(), inputs: make(chan input, inputs), over: make(chan struct{}),
		syncs: newSyncer(engine), asks: make(map[uint64]asked), silent: make(map[string]bool)}
	cfg.Cluster = n.cluster.Load
	core, err := node.Open(cfg.Node, engine, 0)
	if err != nil {
		return nil, err
	}
	l, err := listen(ctx, cfg.Listen, cfg.Config)
	if err != nil {
		return nil, err
	}
	n.core = core
	n.server = newServer(cfg.Config, l, n, cfg.Logf)
	n.peers = NewPeers(cfg.Config)
	return n, nil
}

// Address is where the node listens.
func (n *Node) Address() net.Addr { return n.server.listener.Addr() }

// Links are the counts of the links to other nodes.
func (n *Node) Links() []LinkStats { return n.peers.Stats() }

// Look calls f with the core between two of its steps. It must not keep it, nor step it. Look
// reports false, perhaps without having called f, when the node has ended.
func (n *Node) Look(f func(*node.Node)) bool {
	done := make(chan struct{})
	n.queue(input{look: func(core *node.Node) {
		f(core)
		close(done)
	}})
	select {
	case <-done:
		return true
	case <-n.over:
		return false
	}
}

// Run drives the node until ctx ends, which it returns nil for, or until the node has to
// end: its disk failed, or the cluster has removed it.
func (n *Node) Run(ctx context.Context) error {
	go n.server.accept()
	go n.syncs.run()
	err := n.drive(ctx)
	close(n.over)
	n.server.close()
	n.peers.Close()
	return errors.Join(err, n.syncs.close())
}

// received implements handler.
func (n *Node) received(m wire.Message) { n.queue(input{m: m}) }

// asked implements handler.
func (n *Node) asked(c *caller, call uint64, m wire.Message) {
	n.queue(input{m: m, caller: c, call: call})
}

func (n *Node) queue(in input) {
	select {
	case n.inputs <- in:
	case <-n.over:
	}
}

func (n *Node) now() time.Duration { return time.Since(n.start) }

// drive owns the core.
func (n *Node) drive(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	stopping, grace := ctx.Done(), (<-chan time.Time)(nil)
	for {
		var out node.Effects
		select {
		case in := <-n.inputs:
			if in.look != nil {
				in.look(n.core)
				continue
			}
			out = n.core.Step(n.now(), n.take(in))
		case number := <-n.syncs.done:
			out = n.core.Step(n.now(), node.Synced{Number: number})
		case <-timer.C:
			out = n.core.Step(n.now(), node.Tick{})
		case err := <-n.syncs.failed:
			return fmt.Errorf("node %s: sync: %w", n.cfg.Name, err)
		case <-stopping:
			_ = n.server.listener.Close()
			stopping, grace = nil, time.After(stopGrace)
			continue
		case <-grace:
			return nil
		}
		if out.Exit != nil {
			return out.Exit
		}
		n.perform(out)
		timer.Reset(max(0, out.Wake-n.now()))
		if stopping == nil && len(n.asks) == 0 && len(n.inputs) == 0 {
			return nil
		}
	}
}

// take makes an input of the core's of what has come.
func (n *Node) take(in input) node.Input {
	if in.caller == nil {
		return node.Received{M: in.m}
	}
	n.nextAsk++
	n.asks[n.nextAsk] = asked{in.caller, in.call}
	return node.Asked{ID: n.nextAsk, M: in.m}
}

// perform does what the core wants.
func (n *Node) perform(out node.Effects) {
	for _, e := range out.Messages {
		n.send(e)
	}
	for _, a := range out.Answers {
		q, ok := n.asks[a.ID]
		if !ok {
			continue
		}
		delete(n.asks, a.ID)
		if err := q.caller.answer(q.call, a.M); err != nil && !errors.Is(err, ErrClosed) {
			n.cfg.Logf("answer to a client: %v", err)
		}
	}
	if out.Sync != 0 {
		n.syncs.ask(out.Sync)
	}
	for _, e := range out.Events {
		if n.cfg.OnEvent != nil {
			n.cfg.OnEvent(e)
		}
	}
	if n.cluster.Load() == 0 && n.core.State().Known() {
		n.cluster.Store(n.core.State().Cluster())
	}
}

func (n *Node) send(e node.Envelope) {
	err := n.peers.Send(e.Machine, e.M)
	switch {
	case err == nil:
	case !errors.Is(err, ErrAddress):
		n.cfg.Logf("message to %s: %v", e.Machine, err)
	case !n.silent[e.Machine]:
		n.silent[e.Machine] = true
		n.cfg.Logf("message to %s: %v", e.Machine, err)
	}
}

// syncer syncs the engine in a goroutine of its own: one sync for all who asked before it
// began.
type syncer struct {
	engine storage.Engine
	wanted chan struct{} // holds one element while something is wanted
	newest atomic.Uint64
	done   chan uint64
	failed chan error
	stop   chan struct{}
	ended  chan struct{}
}

func newSyncer(engine storage.Engine) *syncer {
	return &syncer{engine: engine, wanted: make(chan struct{}, 1), done: make(chan uint64), failed: make(chan error),
		stop: make(chan struct{}), ended: make(chan struct{})}
}

func (s *syncer) ask(number uint64) {
	s.newest.Store(number)
	select {
	case s.wanted <- struct{}{}:
	default:
	}
}

func (s *syncer) run() {
	defer close(s.ended)
	for {
		select {
		case <-s.wanted:
		case <-s.stop:
			return
		}
		number := s.newest.Load()
		if err := s.engine.Sync(); err != nil {
			select {
			case s.failed <- err:
			case <-s.stop:
			}
			return
		}
		select {
		case s.done <- number:
		case <-s.stop:
			return
		}
	}
}

// close ends the goroutine and makes what was written last durable.
func (s *syncer) close() error {
	close(s.stop)
	<-s.ended
	return s.engine.Sync()
}
