//determinism:realtime goroutines accept connections and read from them

package tcp

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// A handler takes what comes over connections. Its methods may block, which slows the
// connection down, and are called by several goroutines.
type handler interface {
	// received takes a message of another node.
	received(m wire.Message)
	// asked takes a call; the answer goes to caller.answer.
	asked(caller *caller, call uint64, m wire.Message)
}

// server accepts connections of other nodes and of clients.
type server struct {
	cfg      Config
	listener net.Listener
	handler  handler
	logf     func(format string, args ...any)
	done     sync.WaitGroup
	refusals refusals

	mu     sync.Mutex
	conns  map[net.Conn]*caller // nil but for clients
	closed bool
}

// refusalsEvery is how often it is said that connections of a kind are refused.
const refusalsEvery = 10 * time.Second

// refusals keep those who knock again and again from filling the log: of each reason, one
// line at first and then one with the count now and then.
type refusals struct {
	mu   sync.Mutex
	seen map[string]*refusedKind // by reason
}

type refusedKind struct {
	told  time.Time
	quiet int // not told since
}

// maxReasons bounds the reasons that are told apart: what a stranger sends may be in them.
const maxReasons = 64

func (r *refusals) note(now time.Time, from net.Addr, why error, logf func(string, ...any)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	reason := why.Error()
	if op := (*net.OpError)(nil); errors.As(why, &op) {
		reason = op.Err.Error() // without the caller's port
	}
	x := r.seen[reason]
	if x == nil && len(r.seen) >= maxReasons {
		reason = "other reasons"
		x = r.seen[reason]
	}
	if x == nil {
		if r.seen == nil {
			r.seen = make(map[string]*refusedKind)
		}
		x = &refusedKind{}
		r.seen[reason] = x
	} else if now.Sub(x.told) < refusalsEvery {
		x.quiet++
		return
	}
	if x.quiet > 0 {
		logf("connection from %v refused: %v (and %d more since %s)", from, why, x.quiet, x.told.UTC().Format(time.TimeOnly))
	} else {
		logf("connection from %v refused: %v", from, why)
	}
	x.told, x.quiet = now, 0
}

// listen opens a listener, unless the address needs a key.
func listen(ctx context.Context, address string, cfg Config) (net.Listener, error) {
	if err := CheckListen(address, cfg.Key); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{KeepAliveConfig: keepAlive(cfg.WriteTimeout), Control: limitSilence(cfg.WriteTimeout)}
	return lc.Listen(ctx, "tcp", address)
}

func newServer(cfg Config, l net.Listener, h handler, logf func(string, ...any)) *server {
	return &server{cfg: cfg, listener: l, handler: h, logf: logf, conns: make(map[net.Conn]*caller)}
}

// accept accepts connections until the listener is closed.
func (s *server) accept() {
	pause := s.cfg.MinBackoff
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left, or the connection is gone already
			s.logf("accepting a connection: %v", err)
			time.Sleep(pause)
			continue
		}
		if !s.admit(conn) {
			_ = conn.Close()
			continue
		}
		go func() {
			defer s.done.Done()
			defer s.dismiss(conn)
			s.serve(conn)
		}()
	}
}

func (s *server) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.conns) >= s.cfg.MaxConns {
		return false
	}
	s.conns[conn] = nil
	s.done.Add(1)
	return true
}

func (s *server) dismiss(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// close ends all connections, those of clients when their answers are written.
func (s *server) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn, c := range s.conns {
		if c == nil {
			_ = conn.Close()
		} else {
			c.out.close()
		}
	}
	s.mu.Unlock()
	s.done.Wait()
}

func (s *server) serve(conn net.Conn) {
	h, err := s.cfg.answer(conn)
	if err != nil {
		if !errors.Is(err, io.EOF) {
			s.refusals.note(time.Now(), conn.RemoteAddr(), err, s.logf)
		}
		return
	}
	switch h.purpose {
	case Calls:
		s.serveCalls(conn)
	case Probing:
		err = weigh(conn, s.cfg.ReadTimeout)
	default:
		err = s.servePeer(conn)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		s.logf("connection from node %q: %v", h.from, err)
	}
}

// servePeer reads what another node sends.
func (s *server) servePeer(conn net.Conn) error {
	in := newFrames(conn, s.cfg.ReadTimeout)
	for {
		m, err := in.next()
		if err != nil {
			return err
		}
		s.handler.received(m)
	}
}

// caller is a connection of a client.
type caller struct {
	conn net.Conn
	out  *outbox
	// slots bounds the calls under way: each takes one and its answer gives it back.
	slots chan struct{}
	gone  chan struct{} // closed when nothing can be written any more
}

// answer sends the answer to a call. A client that takes none is cut off.
func (c *caller) answer(call uint64, m wire.Message) error {
	<-c.slots
	err := c.out.add(func(buf []byte) ([]byte, error) { return appendCall(buf, call, m) })
	if err != nil {
		_ = c.conn.Close()
	}
	return err
}

// serveCalls reads a client's calls until it goes.
func (s *server) serveCalls(conn net.Conn) {
	c := &caller{conn: conn, out: newOutbox(s.cfg.QueueBytes), slots: make(chan struct{}, s.cfg.MaxCalls), gone: make(chan struct{})}
	s.mu.Lock()
	s.conns[conn] = c
	if s.closed {
		c.out.close()
	}
	s.mu.Unlock()
	read := make(chan struct{})
	s.done.Go(func() {
		_ = c.out.write(conn, s.cfg.WriteTimeout, read, func(int, int) {})
		close(c.gone)
		_ = conn.Close()
	})
	in := newFrames(conn, s.cfg.ReadTimeout)
	for {
		call, m, err := in.nextCall()
		if err != nil {
			break
		}
		if k := wire.KindOf(m); k != wire.KindRequest && k != wire.KindAdmin {
			s.logf("a client at %v sends a %v", conn.RemoteAddr(), k)
			break
		}
		select {
		case c.slots <- struct{}{}:
			s.handler.asked(c, call, m)
			continue
		case <-c.gone:
		}
		break
	}
	close(read)
	<-c.gone
}
