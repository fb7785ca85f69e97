//determinism:realtime asks nodes in turn, each for a limited time

package tcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

const (
	// statePatience is how long a node may take to answer what changes nothing, before
	// another is asked; changePatience is for what changes something, and is longer than
	// the metadata group takes to give up.
	statePatience  = 1500 * time.Millisecond
	changePatience = 6 * time.Second
)

// Client is transport and administration for package client, over a pool's connections.
type Client struct {
	*Pool

	cluster atomic.Uint64 // 0 before one has answered

	mu     sync.Mutex
	leader string // the machine that leads the metadata group, as far as is known
}

// NewClient makes a client with a pool of its own. It belongs to the cluster that answers it
// first: nodes of another one are refused, and refuse it.
func NewClient(cfg Config) *Client {
	c := &Client{}
	if cfg.Cluster == nil {
		cfg.Cluster = c.cluster.Load
	}
	c.Pool = NewPool(cfg)
	return c
}

// Send sends a request to a node and waits for its answer.
func (c *Client) Send(ctx context.Context, to shardmap.NodeID, m wire.Message) (wire.Message, error) {
	return c.exchange(ctx, node.Machine(to), m)
}

// Command asks the nodes in turn, the leader of the metadata group first, until one has
// carried a command out, has refused it, or may have carried it out: Status Unknown. If
// none could, the error says why the last one couldn't, and nothing was done. When nobody
// reaches the leader, the state is what a node happens to know, and has no Health.
func (c *Client) Command(ctx context.Context, command wire.Command) (*wire.AdminResult, error) {
	r, err := c.askAll(ctx, &wire.Admin{Command: command})
	if err != nil && command.Kind == wire.GetState && ctx.Err() == nil {
		return c.askAll(ctx, &wire.Admin{Command: command, Stale: true})
	}
	return r, err
}

func (c *Client) askAll(ctx context.Context, m *wire.Admin) (*wire.AdminResult, error) {
	var all Refusals
	for _, machine := range c.order() {
		if ctx.Err() != nil {
			break
		}
		r, err := c.Ask(ctx, machine, m)
		if err == nil && r.Status != wire.Unavailable {
			c.note(r)
			return r, nil
		}
		if err == nil {
			err = fmt.Errorf("node %s: %w: %s", machine, wire.ErrUnavailable, r.Reason)
		}
		all = append(all, err)
	}
	if len(all) == 0 {
		all = append(all, cmp.Or(ctx.Err(), fmt.Errorf("no node to ask: %w", ErrAddress)))
	}
	return nil, all
}

// Refusals are why nobody has carried out a command, by node, in the order of asking.
type Refusals []error

func (r Refusals) Error() string {
	texts := make([]string, len(r))
	for i, err := range r {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap is all of them.
func (r Refusals) Unwrap() []error { return r }

// Is says that it may help to ask again ([wire.ErrUnavailable]): nothing was done. It doesn't where
// a node has found that this client is another cluster's, or can't prove that it may ask.
func (r Refusals) Is(target error) bool {
	return target == wire.ErrUnavailable && !slices.ContainsFunc(r, func(err error) bool {
		return errors.Is(err, ErrCluster) || errors.Is(err, ErrHandshake) || errors.Is(err, ErrAddress)
	})
}

// Ask asks one node. An error means that nothing was done.
func (c *Client) Ask(ctx context.Context, machine string, m *wire.Admin) (*wire.AdminResult, error) {
	changes, patience := m.Command.Kind != wire.GetState, statePatience
	if changes {
		patience = changePatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := c.Call(ctx, machine, m)
	if err != nil && changes && !errors.Is(err, ErrUnsent) {
		return &wire.AdminResult{Status: wire.Unknown, Reason: err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	r, ok := answer.(*wire.AdminResult)
	if !ok {
		return nil, fmt.Errorf("node %s answers with a %v: %w", machine, wire.KindOf(answer), ErrHandshake)
	}
	if s := r.State; s != nil && !c.cluster.CompareAndSwap(0, s.Cluster) && c.cluster.Load() != s.Cluster {
		return nil, fmt.Errorf("node %s: %w: it belongs to %x, this client to %x", machine, ErrCluster, s.Cluster, c.cluster.Load())
	}
	return r, nil
}

// Machines are those of the address book, sorted.
func (c *Client) Machines() []string { return c.cfg.Book.Names() }

// order is the machines of the address book, the leader first.
func (c *Client) order() []string {
	names := c.cfg.Book.Names()
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, n := range names {
		if n == c.leader {
			copy(names[1:i+1], names[:i])
			names[0] = n
		}
	}
	return names
}

func (c *Client) note(r *wire.AdminResult) {
	if r.Leader == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = node.Machine(r.Leader)
}
