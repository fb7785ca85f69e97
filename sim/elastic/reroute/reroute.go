package reroute

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
	"github.com/shardquake/shardquake/sim/elastic/allocation"
	"github.com/shardquake/shardquake/sim/elastic/settings"
	"github.com/shardquake/shardquake/sim/elastic/state"
)

// Request is a request of the reroute API.
type Request struct {
	Commands                  []allocation.Command
	Options                   allocation.CommandOptions
	MasterTimeout, AckTimeout time.Duration
}

// Result is its outcome. State is the one published, or with DryRun the one
// that would have been.
type Result struct {
	Acked        bool
	State        *state.State
	Explanations []allocation.CommandExplanation
}

// Reroute runs allocation commands on the master and reroutes (TransportClusterRerouteAction).
func Reroute(n *elastic.Node, ctx context.Context, req Request) (Result, error) {
	out, acked, published, err := elastic.TellingTask(ctx, n, "cluster_reroute (api)", elastic.Immediate, req.MasterTimeout, req.AckTimeout,
		runCommands{req.Commands, req.Options})
	if err != nil {
		return Result{}, err
	}
	if out.State == nil {
		out.State = published
	}
	out.Acked = acked
	return out, nil
}

// runCommands runs commands; the master tells what it did, and with a dry run the state that
// would have come of it.
type runCommands struct {
	commands []allocation.Command
	options  allocation.CommandOptions
}

func (c runCommands) ChangeTelling(m *elastic.Master, st *state.State) (*state.State, Result, error) {
	next, explanations, err := m.Alloc.Commands(st, c.commands, c.options, m.Input())
	if err != nil {
		return nil, Result{}, commandError(err)
	}
	if c.options.DryRun {
		return st, Result{Explanations: explanations, State: next}, nil
	}
	return m.RerouteWanted(next), Result{Explanations: explanations}, nil
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
	return &elastic.Error{Status: status, Type: refused.Type, Reason: refused.Reason}
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

// Choice says which copy of a state is to be explained: a value, which travels to the master.
type Choice interface {
	// Choose finds the copy, and whether it was picked because none was named.
	Choose(st *state.State) (c *state.Copy, picked bool, err error)
}

// Explain has the master explain a copy of its state
// (TransportClusterAllocationExplainAction).
func Explain(n *elastic.Node, ctx context.Context, masterTimeout time.Duration, withYes bool, which Choice) (Explanation, error) {
	return elastic.OnMaster(ctx, n, masterTimeout, explain{which, withYes})
}

// explain asks the master for an explanation.
type explain struct {
	Choice
	withYes bool
}

func (q explain) AskMaster(m *elastic.Master) (Explanation, error) {
	st := m.Process.Applied
	c, chosen, err := q.Choose(st)
	if err != nil {
		return Explanation{}, err
	}
	in := m.Input()
	return Explanation{State: st, Shard: m.Alloc.Explain(st, in, c, q.withYes), Info: in.Info, Chosen: chosen}, nil
}

// InFlightFetches is how many answers the node, as master, waits for about what nodes
// hold of unassigned shards.
func InFlightFetches(n *elastic.Node) int {
	if n.Proc == nil || n.Proc.Master == nil {
		return 0
	}
	return n.Proc.Master.Fetch.InFlight()
}

// NodeAllocation is what the master makes of a node's copies
// (NodeAllocationStatsProvider).
type NodeAllocation struct {
	// Shards are the copies that do not move away, Undesired those of them that the
	// desired balance has elsewhere.
	Shards, Undesired int
}

// NodeAllocations asks the master, by node id.
func NodeAllocations(n *elastic.Node, ctx context.Context, masterTimeout time.Duration) (map[string]NodeAllocation, error) {
	return elastic.OnMaster(ctx, n, masterTimeout, askAllocations{})
}

// askAllocations, askBalance and resetBalance are what the master is asked of its allocator.
type (
	askAllocations struct{}
	askBalance     struct{}
	resetBalance   struct{}
)

func (askAllocations) AskMaster(m *elastic.Master) (map[string]NodeAllocation, error) {
	return nodeAllocations(m, m.Process.Applied), nil
}

func nodeAllocations(m *elastic.Master, st *state.State) map[string]NodeAllocation {
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

// Balance is the balance that the master moves copies to, with what it knows beside it.
type Balance struct {
	State *state.State
	// Desired are assignments by the UUID of the index and the shard's number; nil where none is
	// computed.
	Desired map[string][]*allocation.Assignment
	Stats   allocation.BalanceStats
	Active  bool                    // another is being computed
	Info    *allocation.ClusterInfo // nil before the first poll
}

// Of is where the copies of a shard should be, nil where that has not been computed.
func (b *Balance) Of(meta *state.Index, shard int) *allocation.Assignment {
	if list := b.Desired[meta.UUID]; shard < len(list) {
		return list[shard]
	}
	return nil
}

// DesiredBalance asks the master for the balance that it moves copies to
// (TransportGetDesiredBalanceAction).
func DesiredBalance(n *elastic.Node, ctx context.Context, masterTimeout time.Duration) (Balance, error) {
	return elastic.OnMaster(ctx, n, masterTimeout, askBalance{})
}

func (askBalance) AskMaster(m *elastic.Master) (Balance, error) {
	if settings.AllocationType.Get(m.Process.Node.Settings()) != settings.DesiredBalance {
		return Balance{}, &elastic.Error{Status: 404, Type: "resource_not_found_exception", Reason: "Desired balance allocator is not in use, no desired balance found"}
	}
	b := Balance{State: m.Process.Applied, Active: m.Alloc.Wanted(), Info: m.Input().Info}
	b.Desired, b.Stats = m.Alloc.Balance()
	return b, nil
}

// ResetBalance has the master forget the balance that it moves copies to, and compute one
// anew (DELETE _internal/desired_balance).
func ResetBalance(n *elastic.Node, ctx context.Context) error {
	_, err := elastic.OnMaster(ctx, n, 30*time.Second, resetBalance{})
	return err
}

func (resetBalance) AskMaster(m *elastic.Master) (struct{}, error) {
	m.Alloc.Reset()
	m.Reroute.Ask("reset-desired-balance", elastic.Normal, nil)
	return struct{}{}, nil
}
