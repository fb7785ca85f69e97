//determinism:realtime links between nodes, each with a goroutine that dials and writes

package tcp

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Peers are a node's links to the others. Send may be called by several goroutines.
type Peers struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	links map[linkKey]*link
}

type linkKey struct {
	machine string
	purpose Purpose
}

// LinkStats are the counts of the link to a node for a purpose.
type LinkStats struct {
	To      string
	Purpose Purpose
	// Up is whether there is a connection now, Dials how many were tried.
	Up    bool
	Dials uint64
	// Sent and Dropped are messages, Bytes what was written. What was sent may still be
	// lost with the connection.
	Sent, Dropped, Bytes uint64
}

// NewPeers makes the links of a node. Connections are made when there is something to
// send.
func NewPeers(cfg Config) *Peers {
	ctx, cancel := context.WithCancel(context.Background())
	return &Peers{cfg: cfg.withDefaults(), ctx: ctx, stop: cancel, links: make(map[linkKey]*link)}
}

// Close drops what waits to be sent and ends all links.
func (p *Peers) Close() {
	p.mu.Lock() // no link is begun after this
	p.stop()
	p.mu.Unlock()
	p.done.Wait()
}

// purposeOf is the connection that a kind of message goes over.
func purposeOf(k wire.Kind) Purpose {
	switch k {
	case wire.KindRaft, wire.KindJoin, wire.KindJoined, wire.KindHeartbeat, wire.KindHeartbeatAck, wire.KindClusterState,
		wire.KindAdmin, wire.KindAdminResult:
		return Meta
	case wire.KindPage, wire.KindSnapshotPage, wire.KindHandover:
		return Bulk
	}
	return Data
}

// Send queues a message to a machine. What can't be queued or sent is dropped and counted,
// as a network would; only a message that can't be encoded, or a node without an
// address, is an error.
func (p *Peers) Send(machine string, m wire.Message) error {
	if _, err := p.cfg.Book.Address(machine); err != nil {
		return err
	}
	l := p.link(linkKey{machine, purposeOf(wire.KindOf(m))})
	if l == nil {
		return ErrClosed
	}
	err := l.out.add(func(buf []byte) ([]byte, error) { return wire.Append(buf, m) })
	if errors.Is(err, ErrBusy) || errors.Is(err, ErrClosed) {
		l.count(func(s *LinkStats) { s.Dropped++ })
		return nil
	}
	return err
}

func (p *Peers) link(key linkKey) *link {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l := p.links[key]; l != nil {
		return l
	}
	if p.ctx.Err() != nil {
		return nil
	}
	l := &link{cfg: &p.cfg, key: key, out: newOutbox(p.cfg.QueueBytes), stats: LinkStats{To: key.machine, Purpose: key.purpose}}
	p.links[key] = l
	p.done.Add(1)
	go func() {
		defer p.done.Done()
		l.run(p.ctx)
	}()
	return l
}

// Stats are the counts of all links, by node and purpose.
func (p *Peers) Stats() []LinkStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []LinkStats
	for _, l := range p.links {
		l.mu.Lock()
		all = append(all, l.stats)
		l.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b LinkStats) int {
		if c := strings.Compare(a.To, b.To); c != 0 {
			return c
		}
		return int(a.Purpose) - int(b.Purpose)
	})
	return all
}

// link is what goes to one node for one purpose.
type link struct {
	cfg *Config
	key linkKey
	out *outbox

	mu    sync.Mutex
	stats LinkStats
}

func (l *link) count(f func(*LinkStats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.stats)
}

func (l *link) run(ctx context.Context) {
	pause := l.cfg.MinBackoff
	for ctx.Err() == nil {
		select { // no connection before there is something to say
		case <-l.out.wake:
			l.out.signal()
		case <-ctx.Done():
			return
		}
		l.count(func(s *LinkStats) { s.Dials++ })
		conn, _, err := l.cfg.dial(ctx, l.key.machine, l.key.purpose)
		if err == nil {
			pause = l.cfg.MinBackoff
			l.serve(ctx, conn)
		}
		dropped := l.out.drop()
		l.count(func(s *LinkStats) { s.Dropped += uint64(dropped) })
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(2*pause, l.cfg.MaxBackoff)
	}
}

// serve writes to a connection until it breaks.
func (l *link) serve(ctx context.Context, conn net.Conn) {
	l.count(func(s *LinkStats) { s.Up = true })
	defer l.count(func(s *LinkStats) { s.Up = false })
	gone := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	var reading sync.WaitGroup
	reading.Go(func() { // nothing is said in this direction: reading sees the end
		_, _ = io.Copy(io.Discard, conn)
		close(gone)
	})
	_ = l.out.write(conn, l.cfg.WriteTimeout, gone, func(frames, bytes int) {
		l.count(func(s *LinkStats) { s.Sent, s.Bytes = s.Sent+uint64(frames), s.Bytes+uint64(bytes) })
	})
	_ = conn.Close()
	reading.Wait()
}

// dial opens a connection to a node and performs the handshake. It returns how the node
// calls itself.
func (c *Config) dial(ctx context.Context, machine string, purpose Purpose) (net.Conn, string, error) {
	address, err := c.Book.Address(machine)
	if err != nil {
		return nil, "", err
	}
	return c.dialAddress(ctx, address, machine, purpose)
}

func (c *Config) dialAddress(ctx context.Context, address, machine string, purpose Purpose) (net.Conn, string, error) {
	dialer := net.Dialer{Timeout: c.DialTimeout, KeepAliveConfig: keepAlive(c.WriteTimeout), Control: limitSilence(c.WriteTimeout)}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	name, err := c.call(conn, purpose, machine)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, "", err
	}
	return conn, name, nil
}

// keepAlive finds connections whose other end is gone within about the time given.
func keepAlive(within time.Duration) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: within / 2, Interval: max(within/6, time.Second), Count: 3}
}
