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
	acked, _, err = n.MasterTask(ctx, "put-node-shutdown-["+d.Node+"]", elastic.Urgent, masterTimeout, ackTimeout, func(st *state.State) (*state.State, error) {
		m := n.Cluster().ActingMaster()
		if m == nil {
			return nil, elastic.ErrNotMaster
		}
		d.StartedMillis = m.Process.Clock.Now().UnixMilli()
		if was := st.Shutdown(d.Node); was != nil && was.Type == d.Type {
			d.StartedMillis = was.StartedMillis
		}
		return m.Rerouted(st.WithShutdown(&d)), nil
	})
	return acked, err
}

// DeleteShutdown takes it back; it reports whether there was one.
func DeleteShutdown(n *elastic.Node, ctx context.Context, node string, masterTimeout, ackTimeout time.Duration) (was, acked bool, err error) {
	acked, _, err = n.MasterTask(ctx, "delete-node-shutdown-["+node+"]", elastic.Urgent, masterTimeout, ackTimeout, func(st *state.State) (*state.State, error) {
		m := n.Cluster().ActingMaster()
		if m == nil {
			return nil, elastic.ErrNotMaster
		}
		if was = st.Shutdown(node) != nil; !was {
			return st, nil
		}
		return m.Rerouted(st.WithoutShutdown(node)), nil
	})
	return was, acked, err
}
