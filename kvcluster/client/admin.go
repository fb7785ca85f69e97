package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// NodeAdmin is the Admin that asks the nodes: any of them passes a command on to the
// leader of the metadata group.
type NodeAdmin struct {
	Clock     clock.Clock
	Transport Transport
	// Nodes are asked in turn until one answers, each for Timeout at most, which is 2 s
	// unless set.
	Nodes   []shardmap.NodeID
	Timeout time.Duration
}

// Command implements Admin. A command that may have been carried out isn't repeated. If
// no node finds the leader, the state is what one of them happens to know.
func (a *NodeAdmin) Command(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	r, err := a.ask(ctx, wire.Admin{Command: c})
	if err != nil && c.Kind == wire.GetState {
		r, err = a.ask(ctx, wire.Admin{Command: c, Stale: true})
	}
	return r, err
}

func (a *NodeAdmin) ask(ctx context.Context, m wire.Admin) (*wire.AdminResult, error) {
	err := fmt.Errorf("no nodes to ask: %w", ErrInvalid)
	for _, n := range a.Nodes {
		var r *wire.AdminResult
		if r, err = a.askOne(ctx, n, m); err == nil {
			return r, nil
		}
		if ctx.Err() != nil || m.Command.Kind != wire.GetState && !errors.Is(err, ErrUnavailable) {
			break
		}
	}
	return nil, err
}

func (a *NodeAdmin) askOne(ctx context.Context, n shardmap.NodeID, m wire.Admin) (*wire.AdminResult, error) {
	timeout := a.Timeout
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	ctx, cancel := a.Clock.WithTimeout(ctx, timeout)
	defer cancel()
	answer, err := a.Transport.Send(ctx, n, &m)
	var sent interface{ Unsent() bool }
	switch {
	case errors.As(err, &sent) && sent.Unsent():
		return nil, fmt.Errorf("node %s: %w: %w", n, ErrUnavailable, err)
	case err != nil:
		return nil, fmt.Errorf("node %s: %w: %w", n, ErrUnknown, err)
	}
	r, ok := answer.(*wire.AdminResult)
	switch {
	case !ok:
		return nil, fmt.Errorf("node %s: %w: an answer of kind %v", n, ErrUnknown, wire.KindOf(answer))
	case r.Status == wire.Unavailable:
		return nil, fmt.Errorf("node %s: %w: %s", n, ErrUnavailable, r.Reason)
	}
	return r, nil
}

// command gives a command and turns a refusal into an error.
func (db *DB) command(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	r, err := db.cfg.Admin.Command(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c.Kind, err)
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
	return nil, fmt.Errorf("%v: %w: %s", c.Kind, err, r.Reason)
}

// insist repeats a command while it can't be carried out yet.
func (db *DB) insist(ctx context.Context, c wire.Command) error {
	ctx, cancel := db.clk.WithTimeout(ctx, 3*db.cfg.Timeout)
	defer cancel()
	for tries := 1; ; tries++ {
		_, err := db.command(ctx, c)
		if !errors.Is(err, ErrUnavailable) {
			return err
		}
		if db.clk.Sleep(ctx, db.backoff(tries)) != nil {
			return err
		}
	}
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
			if err == nil {
				err = e
			}
			return fmt.Errorf("%s: %w: %w", what, ErrUnavailable, err)
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
// serves. While the shard that covers the range is still changing, it tries again.
func (db *DB) CreateShard(ctx context.Context, id shardmap.ID, start, end string) error {
	if err := db.insist(ctx, wire.Command{Kind: wire.CreateShard, Shard: id, Start: start, End: end}); err != nil {
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
		return fmt.Errorf("%d copies: %w", n, ErrInvalid)
	}
	return db.ChangeSettings(ctx, func(s *wire.Settings) { s.Replicas = uint64(n) })
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
		return ClusterStats{}, fmt.Errorf("an answer without state: %w", ErrUnavailable)
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
