package reroute

import (
	"context"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// PutShutdown registers that a node is meant to go (TransportPutShutdownNodeAction); copies
// leave one that is to be removed.
func PutShutdown(n *elastic.Node, ctx context.Context, d state.Shutdown, masterTimeout, ackTimeout time.Duration) (acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "put-node-shutdown-["+d.Node+"]", elastic.Urgent, masterTimeout, ackTimeout, putShutdown{d})
	return acked, err
}

// putShutdown registers a node that is meant to go.
type putShutdown struct {
	d state.Shutdown
}

func (c putShutdown) Change(m *elastic.Master, st *state.State) (*state.State, error) {
	c.d.StartedMillis = m.Process.Clock.Now().UnixMilli()
	if was := st.Shutdown(c.d.Node); was != nil && was.Type == c.d.Type {
		c.d.StartedMillis = was.StartedMillis
	}
	return m.Rerouted(st.WithShutdown(&c.d)), nil
}

// DeleteShutdown takes it back; it reports whether there was one.
func DeleteShutdown(n *elastic.Node, ctx context.Context, node string, masterTimeout, ackTimeout time.Duration) (was, acked bool, err error) {
	was, acked, _, err = elastic.TellingTask(ctx, n, "delete-node-shutdown-["+node+"]", elastic.Urgent, masterTimeout, ackTimeout, deleteShutdown{node})
	return was, acked, err
}

// deleteShutdown takes the registration back; the master tells whether there was one.
type deleteShutdown struct {
	node string
}

func (c deleteShutdown) ChangeTelling(m *elastic.Master, st *state.State) (next *state.State, was bool, err error) {
	if st.Shutdown(c.node) == nil {
		return st, false, nil
	}
	return m.Rerouted(st.WithoutShutdown(c.node)), true, nil
}
