package kvload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Cluster is what the load needs of a cluster.
type Cluster interface {
	// Clock is the clock of an endpoint outside the nodes.
	Clock(viewer string) clock.Clock
	// Call sends a request or a command to a node, over the viewer's links, and waits for
	// the answer. With an error there was none; the message may have arrived.
	Call(ctx context.Context, viewer, node string, m wire.Message) (wire.Message, error)
}

// askLimit is how long one node may take to answer a command.
const askLimit = 1500 * time.Millisecond

// Admin gives commands to a cluster from one endpoint, and asks for its state. It asks
// the nodes in turn: one that is cut off may know an old state only.
type Admin struct {
	cluster Cluster
	viewer  string
	nodes   []string
	next    int
}

// NewAdmin makes one.
func NewAdmin(c Cluster, viewer string, nodes []string) *Admin {
	return &Admin{cluster: c, viewer: viewer, nodes: nodes}
}

var (
	_ client.Admin     = (*Admin)(nil)
	_ client.Transport = (*Admin)(nil)
)

// Send implements [client.Transport].
func (a *Admin) Send(ctx context.Context, to shardmap.NodeID, m wire.Message) (wire.Message, error) {
	return a.cluster.Call(ctx, a.viewer, node.Machine(to), m)
}

// Command implements [client.Admin]. The state that it gets may be an old one.
func (a *Admin) Command(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	return a.ask(ctx, &wire.Admin{Command: c, Stale: c.Kind == wire.GetState})
}

// State is the cluster's state as its metadata group has it now.
func (a *Admin) State(ctx context.Context) (*wire.AdminResult, error) {
	r, err := a.ask(ctx, &wire.Admin{Command: wire.Command{Kind: wire.GetState}})
	if err == nil && r.State == nil {
		err = fmt.Errorf("an answer without a state: %v %s", r.Status, r.Reason)
	}
	return r, err
}

func (a *Admin) ask(ctx context.Context, m *wire.Admin) (*wire.AdminResult, error) {
	last := errors.New("there is no node to ask")
	for range a.nodes {
		name := a.nodes[a.next%len(a.nodes)]
		a.next++
		r, err := a.askOne(ctx, name, m)
		if err == nil {
			return r, nil
		}
		if last = err; ctx.Err() != nil {
			break
		}
	}
	return nil, last
}

func (a *Admin) askOne(ctx context.Context, name string, m *wire.Admin) (*wire.AdminResult, error) {
	limited, cancel := a.cluster.Clock(a.viewer).WithTimeout(ctx, askLimit)
	defer cancel()
	answer, err := a.cluster.Call(limited, a.viewer, name, m)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", name, err)
	}
	r, ok := answer.(*wire.AdminResult)
	switch {
	case !ok:
		return nil, fmt.Errorf("node %s: an answer of kind %v", name, wire.KindOf(answer))
	case r.Status == wire.Unavailable:
		return nil, fmt.Errorf("node %s: %v: %s", name, r.Status, r.Reason)
	}
	return r, nil
}

// do gives a command that must succeed.
func (a *Admin) do(ctx context.Context, c wire.Command) error {
	r, err := a.Command(ctx, c)
	if err == nil && r.Status != wire.OK {
		err = fmt.Errorf("%v: %s", r.Status, r.Reason)
	}
	if err != nil {
		return fmt.Errorf("%v: %w", c.Kind, err)
	}
	return nil
}
