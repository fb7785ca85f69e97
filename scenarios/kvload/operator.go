package kvload

import (
	"context"
	"fmt"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// operator gives the commands of a scenario's steps, each from scratch: beginning with the
// first node.
type operator struct {
	cluster Cluster
	viewer  string
	nodes   []string
}

// NewOperator makes an operator who works from an endpoint.
func NewOperator(c Cluster, viewer string, nodes []string) chaos.Operator {
	return operator{c, viewer, nodes}
}

func (o operator) admin() *Admin { return NewAdmin(o.cluster, o.viewer, o.nodes) }

func state(ctx context.Context, a *Admin) (*wire.ClusterState, *shardmap.Map, error) {
	r, err := a.State(ctx)
	if err != nil {
		return nil, nil, err
	}
	m, err := shardmap.FromShards(r.State.MapVersion, r.State.Shards)
	return r.State, m, err
}

// id is the node that a machine is.
func id(s *wire.ClusterState, machine string) (shardmap.NodeID, error) {
	found := shardmap.NodeID("")
	for i := range s.Members {
		if m := &s.Members[i]; m.Name == machine && m.State != wire.Removed {
			found = m.ID // the last one has its present disk
		}
	}
	if found == "" {
		return "", fmt.Errorf("%s has not joined", machine)
	}
	return found, nil
}

// Split implements [chaos.Operator].
func (o operator) Split(ctx context.Context, key string) error {
	a := o.admin()
	_, m, err := state(ctx, a)
	if err != nil {
		return err
	}
	return a.do(ctx, wire.Command{Kind: wire.SplitShard, Shard: m.GetShardForKey(key), Start: key})
}

// Move implements [chaos.Operator].
func (o operator) Move(ctx context.Context, key, from, to string) error {
	a := o.admin()
	s, m, err := state(ctx, a)
	if err != nil {
		return err
	}
	give, err := id(s, from)
	if err != nil {
		return err
	}
	get, err := id(s, to)
	if err != nil {
		return err
	}
	return a.do(ctx, wire.Command{Kind: wire.MoveCopy, Shard: m.GetShardForKey(key), Node: give, To: get})
}

// Drain implements [chaos.Operator].
func (o operator) Drain(ctx context.Context, node string, on bool) error {
	a := o.admin()
	s, _, err := state(ctx, a)
	if err != nil {
		return err
	}
	n, err := id(s, node)
	if err != nil {
		return err
	}
	c := wire.Command{Kind: wire.SetNodeState, Node: n, State: wire.Active}
	if on {
		c.State = wire.Draining
	}
	return a.do(ctx, c)
}

// Ranges implements [chaos.Operator].
func (o operator) Ranges(ctx context.Context) (ranges []chaos.Range, draining []string, err error) {
	s, m, err := state(ctx, o.admin())
	if err != nil {
		return nil, nil, err
	}
	for i := range m.Len() {
		r := chaos.Range{Start: m.At(i).Start}
		for _, n := range m.At(i).Replicas {
			r.Copies = append(r.Copies, Machine(n))
		}
		ranges = append(ranges, r)
	}
	for i := range s.Members {
		if s.Members[i].State == wire.Draining {
			draining = append(draining, s.Members[i].Name)
		}
	}
	return ranges, draining, nil
}
