package elastic

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// RerouteRequest is a request of the reroute API.
type RerouteRequest struct {
	Commands                  []allocation.Command
	Options                   allocation.CommandOptions
	MasterTimeout, AckTimeout time.Duration
}

// RerouteResult is its outcome. State is the one published, or with DryRun the one
// that would have been.
type RerouteResult struct {
	Acked        bool
	State        *state.State
	Explanations []allocation.CommandExplanation
}

// Reroute runs allocation commands on the master and reroutes (TransportClusterRerouteAction).
func (n *Node) Reroute(ctx context.Context, req RerouteRequest) (RerouteResult, error) {
	var out RerouteResult
	acked, published, err := n.MasterTask(ctx, "cluster_reroute (api)", Immediate, req.MasterTimeout, req.AckTimeout,
		func(st *state.State) (*state.State, error) {
			m := n.Cluster().ActingMaster()
			if m == nil {
				return nil, ErrNotMaster
			}
			next, explanations, err := m.Alloc.Commands(st, req.Commands, req.Options, m.Input())
			if err != nil {
				return nil, commandError(err)
			}
			out.Explanations = explanations
			if req.Options.DryRun {
				out.State = next
				return st, nil
			}
			return m.rerouteWanted(next), nil
		})
	if err != nil {
		return RerouteResult{}, err
	}
	if out.State == nil {
		out.State = published
	}
	out.Acked = acked
	return out, nil
}

// commandError gives the allocator's refusal of a command the form of the API.
func commandError(err error) error {
	var refused *allocation.CommandError
	if !errors.As(err, &refused) {
		return err
	}
	status := 400
	if refused.Type != "illegal_argument_exception" {
		status = 404
	}
	return &Error{Status: status, Type: refused.Type, Reason: refused.Reason}
}

// Explanation is the allocator's explanation of one copy, with the state and the disk
// usage it was made from.
type Explanation struct {
	State *state.State
	Shard allocation.ShardExplanation
	Info  *allocation.ClusterInfo // nil before the first poll
	// Chosen says that the copy was picked because the request named none.
	Chosen bool
}

// Explain has the master explain the copy that find picks from its state
// (TransportClusterAllocationExplainAction). find must not wait.
func (n *Node) Explain(ctx context.Context, masterTimeout time.Duration, withYes bool,
	find func(*state.State) (c *state.Copy, chosen bool, err error)) (Explanation, error) {
	return OnMaster(ctx, n, masterTimeout, func(q *Node) (Explanation, error) {
		m := q.Proc.Master
		if m == nil {
			return Explanation{}, ErrNotMaster
		}
		st := q.Applied()
		c, chosen, err := find(st)
		if err != nil {
			return Explanation{}, err
		}
		in := m.Input()
		return Explanation{State: st, Shard: m.Alloc.Explain(st, in, c, withYes), Info: in.Info, Chosen: chosen}, nil
	})
}

// InFlightFetches is how many answers the node, as master, waits for about what nodes
// hold of unassigned shards.
func (n *Node) InFlightFetches() int {
	if n.Proc == nil || n.Proc.Master == nil {
		return 0
	}
	f, waiting := n.Proc.Master.Fetch, 0
	for _, cache := range []map[allocation.ShardID]*fetch{f.primaries, f.stores} {
		for _, w := range cache {
			waiting += w.waiting
		}
	}
	return waiting
}

// NodeAllocation is what the master makes of a node's copies
// (NodeAllocationStatsProvider).
type NodeAllocation struct {
	// Shards are the copies that do not move away, Undesired those of them that the
	// desired balance has elsewhere.
	Shards, Undesired int
}

// NodeAllocations asks the master, by node id.
func (n *Node) NodeAllocations(ctx context.Context, masterTimeout time.Duration) (map[string]NodeAllocation, error) {
	return OnMaster(ctx, n, masterTimeout, func(q *Node) (map[string]NodeAllocation, error) {
		if q.Proc.Master == nil {
			return nil, ErrNotMaster
		}
		return q.Proc.Master.nodeAllocations(q.Applied()), nil
	})
}

func (m *Master) nodeAllocations(st *state.State) map[string]NodeAllocation {
	out := make(map[string]NodeAllocation, len(st.Nodes))
	count := func(node string, desired allocation.Assignment, known bool) {
		a := out[node]
		a.Shards++
		if known && !slices.Contains(desired.Nodes, node) {
			a.Undesired++
		}
		out[node] = a
	}
	for _, t := range st.Routing.Indices {
		meta := st.Index(t.Index)
		for _, sh := range t.Shards {
			desired, known := m.Alloc.Desired(meta, sh.Shard)
			for _, c := range sh.Copies {
				switch c.State {
				case state.Relocating:
					count(c.Other, desired, known)
				case state.Unassigned:
				default:
					count(c.Node, desired, known)
				}
			}
		}
	}
	return out
}
