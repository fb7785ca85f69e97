package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shardquake/shardquake/controller/policy"
)

// ErrNotRunning says that the controller isn't looking after the cluster now.
var ErrNotRunning = errors.New("the controller is not looking after the cluster now: another one has the lease, or it is starting or stopping")

// ShardOverview is the distribution of shards over nodes.
type ShardOverview struct {
	Cluster          string       `json:"cluster"`
	Status           string       `json:"status"`
	DataNodes        int          `json:"data_nodes"`
	TotalShards      int          `json:"total_shards"` // assigned copies
	AvgShardsPerNode float64      `json:"avg_shards_per_node"`
	Initializing     int          `json:"initializing_shards"`
	Relocating       int          `json:"relocating_shards"`
	Unassigned       int          `json:"unassigned_shards"`
	Nodes            []NodeShards `json:"nodes"`
	Shards           []ShardInfo  `json:"shards"`
}

// NodeShards counts the copies on a node.
type NodeShards struct {
	Name   string `json:"name"`
	Shards int    `json:"shards"`
}

// GetShards looks at the distribution of shards, at most a second old. Documents, sizes
// and sequence numbers, which cost more, are those of the last look at details.
func (c *Controller) GetShards(ctx context.Context) (ShardOverview, error) {
	health, err := c.cfg.Client.GetClusterHealth(ctx)
	if err != nil {
		return ShardOverview{}, err
	}
	shards, err := c.shards.observer.allocation.get(ctx, time.Second)
	if err != nil {
		return ShardOverview{}, err
	}
	obs := distribution(shards)
	o := ShardOverview{
		Cluster: health.Cluster, Status: health.Status, DataNodes: max(health.DataNodes, len(obs.Nodes)), TotalShards: obs.Shards,
		Initializing: obs.Initializing, Relocating: obs.Relocating, Unassigned: obs.Unassigned, Nodes: []NodeShards{}, Shards: c.shards.observer.load.detailed(shards),
	}
	if o.DataNodes > 0 {
		o.AvgShardsPerNode = float64(o.TotalShards) / float64(o.DataNodes)
	}
	for _, n := range obs.Nodes {
		o.Nodes = append(o.Nodes, NodeShards{n.Name, n.Shards})
	}
	return o, nil
}

// Order does an action because a person asked for it: at once, whatever the policy
// thinks, and also where somebody else has changed the settings since. Recoveries
// that result are followed as for any decision. The error is that of the action.
func (c *Controller) Order(ctx context.Context, action policy.Action) (Decision, error) {
	if action != policy.Rebalance && action != policy.Optimize {
		return Decision{}, fmt.Errorf("action %q can't be ordered", action)
	}
	return c.shards.order(ctx, action)
}

func (s *ShardController) order(ctx context.Context, action policy.Action) (Decision, error) {
	if s.running() == nil {
		return Decision{}, ErrNotRunning
	}
	obs, err := s.observer.observe(ctx, policy.Needs{})
	if err != nil {
		return Decision{}, err
	}
	d := s.journal.begin(actorOperator, "")
	d.Observed, d.Reason = policy.SpreadOf(obs).Numbers(), "an operator asked for it"
	d.Decided = append(d.Decided, action)
	d = s.carryOut(ctx, d, obs, policy.Verdict{Actions: []policy.Action{action}}, applyMode{insist: true, override: true})
	for _, step := range d.Done {
		if step.Error != "" {
			return d, errors.New(step.Error)
		}
	}
	return d, ctx.Err()
}

// Running reports whether the controller looks after the cluster: not while another one
// has the lease, nor while it starts or stops.
func (c *Controller) Running() bool { return c.shards.running() != nil }

// Ready reports whether the last rounds could see the cluster.
func (c *Controller) Ready() bool { return c.monitor.Checked() && c.shards.observed() }

// PolicyName is the name of the policy in force.
func (c *Controller) PolicyName() string { return c.shards.inForce().Name() }

// Client is the controller's client.
func (c *Controller) Client() *Client { return c.cfg.Client }
