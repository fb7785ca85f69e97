package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/shardquake/shardquake/scenarios/es"
)

// assign distributes the copies of an index so that node i holds counts[i] of them and no
// node two of the same shard: each shard goes to the nodes with most room left, which
// finds a way whenever there is one. In each row the primary is first: the node with
// fewest primaries so far. Ties go to the earlier node.
func assign(shards, copies int, counts []int) ([][]int, error) {
	left := append([]int(nil), counts...)
	primaries := make([]int, len(counts))
	out := make([][]int, shards)
	for s := range out {
		taken := make([]bool, len(counts))
		for range copies {
			best := -1
			for n := range left {
				if !taken[n] && left[n] > 0 && (best < 0 || left[n] > left[best]) {
					best = n
				}
			}
			if best < 0 {
				return nil, fmt.Errorf("no node is left for a copy of shard %d", s)
			}
			taken[best] = true
			left[best]--
			out[s] = append(out[s], best)
		}
		first := 0
		for i, n := range out[s] {
			if primaries[n] < primaries[out[s][first]] || primaries[n] == primaries[out[s][first]] && n < out[s][first] {
				first = i
			}
		}
		out[s][0], out[s][first] = out[s][first], out[s][0]
		primaries[out[s][0]]++
	}
	return out, nil
}

// place allocates every copy of an empty index by hand: explicit commands are carried out
// although allocation is held.
func (c *realCluster) place(ctx context.Context, ix es.IndexSpec) error {
	rows, err := assign(ix.Shards, 1+ix.Replicas, ix.Placement)
	if err != nil {
		return err
	}
	nodes := c.Nodes()
	var primaries, replicas []any
	for shard, row := range rows {
		for i, n := range row {
			target := map[string]any{"index": ix.Name, "shard": shard, "node": nodes[n]}
			if i == 0 {
				target["accept_data_loss"] = true // the shard is new: there is none
				primaries = append(primaries, map[string]any{"allocate_empty_primary": target})
			} else {
				replicas = append(replicas, map[string]any{"allocate_replica": target})
			}
		}
	}
	if err := c.reroute(ctx, primaries); err != nil {
		return err
	}
	if err := c.awaitPrimaries(ctx, ix); err != nil {
		return err
	}
	if err := c.reroute(ctx, replicas); err != nil {
		return err
	}
	return c.awaitGreen(ctx)
}

func (c *realCluster) reroute(ctx context.Context, commands []any) error {
	if len(commands) == 0 {
		return nil
	}
	return c.rest.send(ctx, http.MethodPost, c.anyURL()+"/_cluster/reroute?metric=none", map[string]any{"commands": commands}, nil)
}

func (c *realCluster) awaitPrimaries(ctx context.Context, ix es.IndexSpec) error {
	return poll(ctx, greenWait, 50*time.Millisecond, "primaries of "+ix.Name, func() error {
		var health struct {
			Primaries int `json:"active_primary_shards"`
		}
		if err := c.rest.get(ctx, c.anyURL()+"/_cluster/health/"+ix.Name, &health); err != nil {
			return err
		}
		if health.Primaries < ix.Shards {
			return errors.New("not all started")
		}
		return nil
	})
}
