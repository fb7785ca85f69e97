package kvload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// keySpace is how many beginnings keys have.
const keySpace = 10_000

// Boundary is where shard i of n begins; "" for the first.
func Boundary(i, n int) string {
	if i == 0 {
		return ""
	}
	return fmt.Sprintf("k%04d", i*keySpace/n)
}

// keyOf is the i-th of n keys of a kind, spread over all shards.
func keyOf(kind string, i, n int) string {
	return fmt.Sprintf("k%04d/%s/%d", i*keySpace/n, kind, i)
}

// Layout is how a cluster lies at t=0.
type Layout struct {
	// Nodes are those that are there from the start.
	Nodes  []string
	Shards int
	// Replicas per shard; shard i lies on node i and those behind it.
	Replicas int
	// Items are put into the cluster, each with a value of ValueBytes.
	Items, ValueBytes int
}

const (
	// layoutLimit bounds the way to the layout described, layoutPoll is between steps.
	layoutLimit = 3 * time.Minute
	layoutPoll  = 200 * time.Millisecond
)

// Lay brings a new cluster to a layout: all nodes in it, the shards cut and spread, the
// items written.
func Lay(ctx context.Context, c Cluster, viewer string, l Layout) error {
	clk := c.Clock(viewer)
	limited, cancel := clk.WithTimeout(ctx, layoutLimit)
	defer cancel()
	a := NewAdmin(c, viewer, l.Nodes)
	last := errors.New("nothing was known of it")
	for limited.Err() == nil {
		r, err := a.State(limited)
		if err == nil {
			var done bool
			if done, err = l.step(limited, a, r.State); done {
				return l.fill(limited, c, viewer)
			}
		}
		if err != nil {
			last = err
		}
		if err := clk.Sleep(limited, layoutPoll); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("the cluster did not get its shards within %s: %w", layoutLimit, last)
}

// step takes the state one step nearer to the layout and reports whether it is there.
func (l *Layout) step(ctx context.Context, a *Admin, s *wire.ClusterState) (bool, error) {
	up := 0
	for _, m := range s.Members {
		if !m.Down && m.State == wire.Active {
			up++
		}
	}
	if up < len(l.Nodes) {
		return false, fmt.Errorf("%d of %d nodes have joined", up, len(l.Nodes))
	}
	if len(s.Shards) < l.Shards {
		i := len(s.Shards)
		m, err := shardmap.FromShards(s.MapVersion, s.Shards)
		if err != nil {
			return false, err
		}
		at := Boundary(i, l.Shards)
		return false, a.do(ctx, wire.Command{Kind: wire.SplitShard, Shard: m.GetShardForKey(at), Start: at, Other: shardmap.ID(fmt.Sprintf("s%d", i+1))})
	}
	for i := range s.Shards {
		if sh := &s.Shards[i]; !sh.Settled() || len(sh.Replicas) != l.Replicas {
			return false, fmt.Errorf("shard %v has not settled", sh)
		}
	}
	done := true
	for i := range s.Shards {
		c := l.next(i, &s.Shards[i])
		if c == nil {
			continue
		}
		done = false
		if err := a.do(ctx, *c); err != nil {
			return false, err
		}
	}
	return done, nil
}

// next is the command that brings shard i nearer to its nodes; nil when it is there.
func (l *Layout) next(i int, s *shardmap.Shard) *wire.Command {
	var want []shardmap.NodeID
	for j := range l.Replicas {
		want = append(want, shardmap.NodeID(l.Nodes[(i+j)%len(l.Nodes)]))
	}
	for _, to := range want {
		if slices.Contains(s.Replicas, to) {
			continue
		}
		for _, from := range s.Replicas {
			if !slices.Contains(want, from) {
				return &wire.Command{Kind: wire.MoveCopy, Shard: s.ID, Node: from, To: to}
			}
		}
	}
	if s.Primary != want[0] {
		return &wire.Command{Kind: wire.Promote, Shard: s.ID, Node: want[0]}
	}
	return nil
}

// fill writes the items.
func (l *Layout) fill(ctx context.Context, c Cluster, viewer string) error {
	if l.Items == 0 {
		return nil
	}
	db, err := open(c, viewer, l.Nodes)
	if err != nil {
		return err
	}
	rng := c.Clock(viewer).Rand("kv.items")
	var ops []wire.Op
	for i := range l.Items {
		value := make([]byte, l.ValueBytes)
		for j := range value {
			value[j] = byte('a' + rng.IntN(26))
		}
		ops = append(ops, wire.Op{Kind: wire.Put, Key: keyOf("item", i, l.Items), Value: value})
	}
	const most = 8 << 20 // bytes in a request: half of what nodes take
	for chunk := range slices.Chunk(ops, max(1, min(64, most/max(1, l.ValueBytes)))) {
		if err := db.Batch(ctx, chunk); err != nil {
			return fmt.Errorf("writing the items: %w", err)
		}
	}
	return nil
}

// open makes a client.
func open(c Cluster, viewer string, nodes []string) (*client.DB, error) {
	a := NewAdmin(c, viewer, nodes)
	return client.Open(client.Config{Clock: c.Clock(viewer), Transport: a, Admin: a, Attempt: time.Second})
}

// Machine is the name of the machine that a node runs on.
func Machine(id shardmap.NodeID) string { return node.Machine(id) }
