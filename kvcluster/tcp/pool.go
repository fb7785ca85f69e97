//determinism:realtime a client's connections, each with goroutines of its own

package tcp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Pool is a client's connections to the nodes: one to each, opened when it is first
// needed, for any number of calls at once. It is safe for use by several goroutines.
type Pool struct {
	cfg  Config
	ctx  context.Context
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	conns map[string]*pooled
}

// NewPool makes a pool without connections.
func NewPool(cfg Config) *Pool {
	ctx, cancel := context.WithCancel(context.Background())
	return &Pool{cfg: cfg.withDefaults(), ctx: ctx, stop: cancel, conns: make(map[string]*pooled)}
}

// Close ends all connections; calls under way return ErrClosed.
func (p *Pool) Close() {
	p.mu.Lock() // no connection is begun after this
	p.stop()
	p.mu.Unlock()
	p.done.Wait()
}

// Call sends a wire.Request or wire.Admin to a machine and waits for the answer. An error
// before the message was given to the connection is marked with ErrUnsent: nothing was
// done then. After any other error it may have been done.
func (p *Pool) Call(ctx context.Context, machine string, m wire.Message) (wire.Message, error) {
	answer, err := p.exchange(ctx, machine, m)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", machine, err)
	}
	return answer, nil
}

// exchange is Call for those who name the node themselves.
func (p *Pool) exchange(ctx context.Context, machine string, m wire.Message) (wire.Message, error) {
	c, err := p.conn(ctx, machine)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	return c.call(ctx, m)
}

// ErrUnsent marks errors of calls that didn't reach a connection. It has the method by which
// package client knows that nothing was done.
var ErrUnsent error = unsent{}

type unsent struct{}

func (unsent) Error() string { return "not sent" }
func (unsent) Unsent() bool  { return true }

// conn is the connection to a machine, when it is open.
func (p *Pool) conn(ctx context.Context, machine string) (*pooled, error) {
	p.mu.Lock()
	c := p.conns[machine]
	if c == nil || c.ended() {
		if p.ctx.Err() != nil {
			p.mu.Unlock()
			return nil, ErrClosed
		}
		c = &pooled{opened: make(chan struct{}), over: make(chan struct{}), out: newOutbox(p.cfg.QueueBytes), calls: make(map[uint64]chan wire.Message)}
		p.conns[machine] = c
		p.done.Go(func() { c.run(p.ctx, &p.cfg, machine) })
	}
	p.mu.Unlock()
	select {
	case <-c.opened:
	case <-c.over:
		return nil, c.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("no connection in time: %w", ctx.Err())
		}
		return nil, ctx.Err()
	}
	return c, nil
}

// pooled is a connection and its calls under way.
type pooled struct {
	opened, over chan struct{}
	err          error // once over is closed
	out          *outbox

	mu      sync.Mutex
	next    uint64
	calls   map[uint64]chan wire.Message
	heard   uint64 // answers so far
	retired bool
	conn    net.Conn
}

// ended reports whether the connection takes no more calls.
func (c *pooled) ended() bool {
	select {
	case <-c.over:
		return true
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.retired
}

// run opens the connection and reads answers until it breaks.
func (c *pooled) run(ctx context.Context, cfg *Config, machine string) {
	defer close(c.over)
	conn, _, err := cfg.dial(ctx, machine, Calls)
	if err != nil {
		c.err = err
		return
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c.conn = conn // before anybody calls
	close(c.opened)
	var writing sync.WaitGroup
	gone := make(chan struct{})
	writing.Go(func() {
		_ = c.out.write(conn, cfg.WriteTimeout, gone, func(int, int) {})
		_ = conn.Close()
	})
	in := newFrames(conn, cfg.ReadTimeout)
	for err == nil {
		var call uint64
		var m wire.Message
		if call, m, err = in.nextCall(); err == nil {
			c.settle(call, m)
		}
	}
	c.err = fmt.Errorf("%w: %w", ErrClosed, err)
	close(gone)
	_ = conn.Close()
	writing.Wait()
}

// settle hands an answer to whoever waits for it.
func (c *pooled) settle(call uint64, m wire.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard++
	if waiting := c.calls[call]; waiting != nil {
		delete(c.calls, call)
		waiting <- m
	}
	c.closeRetired()
}

func (c *pooled) begin() (call, heard uint64, answer chan wire.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	answer = make(chan wire.Message, 1)
	c.calls[c.next] = answer
	return c.next, c.heard, answer
}

// forget gives up a call. A connection over which nothing came since the call began may
// be dead while another one would not be: it gets no more calls, and is closed after the
// last of those that it has.
func (c *pooled) forget(call, heard uint64, timedOut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.calls, call)
	c.retired = c.retired || timedOut && c.heard == heard
	c.closeRetired()
}

func (c *pooled) closeRetired() {
	if c.retired && len(c.calls) == 0 {
		_ = c.conn.Close()
	}
}

func (c *pooled) call(ctx context.Context, m wire.Message) (wire.Message, error) {
	call, heard, answer := c.begin()
	if err := c.out.add(func(buf []byte) ([]byte, error) { return appendCall(buf, call, m) }); err != nil {
		c.forget(call, heard, false)
		return nil, fmt.Errorf("%w: %w", ErrUnsent, err)
	}
	select {
	case m := <-answer:
		return m, nil
	case <-c.over:
		select {
		case m := <-answer: // it came before the end
			return m, nil
		default:
			return nil, c.err
		}
	case <-ctx.Done():
		late := errors.Is(ctx.Err(), context.DeadlineExceeded)
		c.forget(call, heard, late)
		if late {
			return nil, fmt.Errorf("no answer in time: %w", ctx.Err())
		}
		return nil, ctx.Err()
	}
}
