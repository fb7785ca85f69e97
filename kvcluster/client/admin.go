package client

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// NodeAdmin is the Admin that asks the nodes: any of them passes a command on to the
// leader of the metadata group.
type NodeAdmin struct {
	Transport Transport
	// Nodes are asked in turn until one answers.
	Nodes []shardmap.NodeID
}

// Command implements Admin. A command that may have been carried out isn't repeated.
func (a *NodeAdmin) Command(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	err := fmt.Errorf("no nodes to ask: %w", ErrInvalid)
	for _, n := range a.Nodes {
		var m wire.Message
		if m, err = a.Transport.Send(ctx, n, &wire.Admin{ID: 1, Command: c}); err != nil {
			if c.Kind == wire.GetState && ctx.Err() == nil {
				continue
			}
			return nil, fmt.Errorf("node %s: %w: %w", n, ErrUnknown, err)
		}
		r, ok := m.(*wire.AdminResult)
		if !ok {
			return nil, fmt.Errorf("node %s: an answer of kind %v", n, wire.KindOf(m))
		}
		if r.Status != wire.Unavailable {
			return r, nil
		}
		err = fmt.Errorf("node %s: %w: %s", n, ErrUnavailable, r.Reason)
	}
	return nil, err
}

// command gives a command and turns a refusal into an error.
func (db *DB) command(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	r, err := db.cfg.Admin.Command(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("client: %v: %w", c.Kind, err)
	}
	switch r.Status {
	case wire.OK:
		return r, nil
	case wire.Unknown:
		err = ErrUnknown
	case wire.Unavailable:
		err = ErrUnavailable
	default:
		err = ErrInvalid
	}
	return nil, fmt.Errorf("client: %v: %w: %s", c.Kind, err, r.Reason)
}

// await looks at the cluster until it is as wanted.
func (db *DB) await(ctx context.Context, what string, f func(*wire.ClusterState) bool) error {
	ctx, cancel := db.clk.WithTimeout(ctx, 3*db.cfg.Timeout)
	defer cancel()
	for tries := 1; ; tries++ {
		s, err := db.state(ctx)
		if err == nil && f(s) {
			_, err = db.refresh(ctx, s.MapVersion-1)
			return err
		}
		if e := db.clk.Sleep(ctx, db.backoff(tries)); e != nil {
			return fmt.Errorf("client: %s: %w: %w", what, ErrUnavailable, e)
		}
	}
}

// AddNode waits until a node that was started to join the cluster is a member of it.
func (db *DB) AddNode(ctx context.Context, name string) error {
	return db.await(ctx, "add node "+name, func(s *wire.ClusterState) bool {
		return slices.ContainsFunc(s.Members, func(m wire.Member) bool {
			return m.Name == name && m.State == wire.Active && !m.Down
		})
	})
}

// RemoveNode lets a node's copies move away and then takes it out of the cluster. It
// returns when the cluster has taken note; GetClusterStats shows how far it is.
func (db *DB) RemoveNode(ctx context.Context, id shardmap.NodeID) error {
	_, err := db.command(ctx, wire.Command{Kind: wire.SetNodeState, Node: id, State: wire.Leaving})
	return err
}

// CreateShard makes a shard of its own of the range [start, end), and waits until it
// serves.
func (db *DB) CreateShard(ctx context.Context, id shardmap.ID, start, end string) error {
	if _, err := db.command(ctx, wire.Command{Kind: wire.CreateShard, Shard: id, Start: start, End: end}); err != nil {
		return err
	}
	return db.await(ctx, "create shard "+string(id), func(s *wire.ClusterState) bool {
		return slices.ContainsFunc(s.Shards, func(s shardmap.Shard) bool { return s.ID == id && s.Origin == "" && s.Primary != "" })
	})
}

// SetReplicationFactor changes how many copies shards have. Copies are made or removed one
// by one; GetClusterStats shows how many shards lack some.
func (db *DB) SetReplicationFactor(ctx context.Context, n int) error {
	if n < 1 {
		return fmt.Errorf("client: %d copies: %w", n, ErrInvalid)
	}
	s, err := db.state(ctx)
	if err != nil {
		return err
	}
	settings := s.Settings
	settings.Replicas = uint64(n)
	_, err = db.command(ctx, wire.Command{Kind: wire.ChangeSettings, Settings: &settings})
	return err
}

// GetShardForKey is the name of the shard that covers a key.
func (db *DB) GetShardForKey(ctx context.Context, key string) (shardmap.ID, error) {
	m, err := db.shardMap(ctx)
	if err != nil {
		return "", err
	}
	return m.GetShardForKey(key), nil
}

// SelectNodeForKey chooses, by the strategy of this client, one of the nodes that have a copy
// of a key.
func (db *DB) SelectNodeForKey(ctx context.Context, key string) (shardmap.NodeID, error) {
	m, err := db.shardMap(ctx)
	if err != nil {
		return "", err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.bal.SelectAmong(key, m.Lookup(key).Replicas, db.clk.Monotonic())
}

// ClusterStats is the state of the cluster in numbers.
type ClusterStats struct {
	TotalNodes, HealthyNodes int
	Shards                   int
	// WithoutPrimary shards can't be written to. UnderReplicated ones have fewer copies on
	// healthy nodes than they should.
	WithoutPrimary, UnderReplicated int
	// Latency is that of this client's requests.
	Latency Latency
}

// AverageLatencyMs is the average latency in milliseconds.
func (s ClusterStats) AverageLatencyMs() float64 {
	return float64(s.Latency.Average) / float64(time.Millisecond)
}

// Healthy reports whether every node is, and every shard has all its copies.
func (s ClusterStats) Healthy() bool {
	return s.TotalNodes > 0 && s.HealthyNodes == s.TotalNodes && s.WithoutPrimary == 0 && s.UnderReplicated == 0
}

// GetClusterStats asks for the state of the cluster.
func (db *DB) GetClusterStats(ctx context.Context) (ClusterStats, error) {
	ctx, cancel := db.clk.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	r, err := db.command(ctx, wire.Command{Kind: wire.GetState})
	if err != nil {
		return ClusterStats{}, err
	}
	if r.State == nil {
		return ClusterStats{}, fmt.Errorf("client: an answer without state: %w", ErrUnavailable)
	}
	return db.count(r), nil
}

func (db *DB) count(r *wire.AdminResult) ClusterStats {
	s := ClusterStats{Shards: len(r.State.Shards), Latency: db.Latency()}
	var healthy []shardmap.NodeID
	for i := range r.State.Members {
		m := &r.State.Members[i]
		if m.State == wire.Removed {
			continue
		}
		s.TotalNodes++
		missed := slices.ContainsFunc(r.Health, func(h wire.NodeHealth) bool {
			return h.Node == m.ID && h.State != wire.Normal && h.State != wire.Completed
		})
		if !m.Down && !missed {
			s.HealthyNodes++
			healthy = append(healthy, m.ID)
		}
	}
	for i := range r.State.Shards {
		shard := &r.State.Shards[i]
		copies := 0
		for _, n := range shard.Replicas {
			if slices.Contains(healthy, n) {
				copies++
			}
		}
		if copies < int(r.State.Settings.Replicas) {
			s.UnderReplicated++
		}
		if !slices.Contains(healthy, shard.Primary) {
			s.WithoutPrimary++
		}
	}
	return s
}

// IsClusterHealthy reports whether every node answers and every shard has all its
// copies.
func (db *DB) IsClusterHealthy(ctx context.Context) (bool, error) {
	s, err := db.GetClusterStats(ctx)
	return err == nil && s.Healthy(), err
}
