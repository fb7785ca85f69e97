package shardmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// Commander gives a command to the metadata group, through whatever node.
type Commander interface {
	Command(ctx context.Context, c wire.Command) (*wire.AdminResult, error)
}

// Errors of commands, wrapped with the reason.
var (
	// ErrRefused means that nothing was done: the command can't be carried out.
	ErrRefused = errors.New("refused")
	// ErrUnavailable means that nothing was done, now: the metadata group has no leader.
	ErrUnavailable = wire.ErrUnavailable
	// ErrUnknown means that it may have been done, or may be done yet.
	ErrUnknown = errors.New("the outcome is unknown")
)

// ShardManager manages the shards of a cluster.
type ShardManager struct{ c Commander }

// New makes a shard manager that gives its commands to c.
func New(c Commander) *ShardManager { return &ShardManager{c} }

// CreateShard cuts the range [start, end) out of the shard that covers it; an end of ""
// has no bound. The shard isn't merged with its neighbours unasked.
func (m *ShardManager) CreateShard(ctx context.Context, id shardmap.ID, start, end string) error {
	_, err := m.do(ctx, wire.Command{Kind: wire.CreateShard, Shard: id, Start: start, End: end})
	return err
}

// DeleteShard gives a shard's range to a neighbour and returns that one's name. Its data
// goes with it unless fate says that it is to be dropped; to take it over, the neighbour
// must have its copies on the same nodes.
func (m *ShardManager) DeleteShard(ctx context.Context, id shardmap.ID, fate shardmap.DataFate) (shardmap.ID, error) {
	r, err := m.do(ctx, wire.Command{Kind: wire.DeleteShard, Shard: id, Drop: fate == shardmap.DropData})
	return r.Shard, err
}

// SplitShard splits a shard at a key and returns the name of the right half. The halves
// stay apart, however little they hold, until MergeShards.
func (m *ShardManager) SplitShard(ctx context.Context, id shardmap.ID, at string) (shardmap.ID, error) {
	r, err := m.do(ctx, wire.Command{Kind: wire.SplitShard, Shard: id, Start: at, Keep: true})
	return r.Shard, err
}

// SplitShardBy splits a shard so that both halves have as many bytes, or as many
// requests, and returns the name of the right half. These halves, too, stay apart.
func (m *ShardManager) SplitShardBy(ctx context.Context, id shardmap.ID, by wire.SplitBy) (shardmap.ID, error) {
	r, err := m.do(ctx, wire.Command{Kind: wire.SplitShard, Shard: id, By: by, Keep: true})
	return r.Shard, err
}

// MergeShards makes one shard of two neighbours, which must have their copies on the same
// nodes. The one with the smaller keys keeps its name.
func (m *ShardManager) MergeShards(ctx context.Context, a, b shardmap.ID) error {
	_, err := m.do(ctx, wire.Command{Kind: wire.MergeShards, Shard: a, Other: b})
	return err
}

// MigrateShard moves a copy of a shard to another node.
func (m *ShardManager) MigrateShard(ctx context.Context, id shardmap.ID, from, to shardmap.NodeID) error {
	_, err := m.do(ctx, wire.Command{Kind: wire.MoveCopy, Shard: id, Node: from, To: to})
	return err
}

// PromoteReplica makes the copy on a node the primary.
func (m *ShardManager) PromoteReplica(ctx context.Context, id shardmap.ID, node shardmap.NodeID) error {
	_, err := m.do(ctx, wire.Command{Kind: wire.Promote, Shard: id, Node: node})
	return err
}

// RebalanceShards lets the leader look at the measurements now and split, merge and move
// what they call for.
func (m *ShardManager) RebalanceShards(ctx context.Context) error {
	_, err := m.do(ctx, wire.Command{Kind: wire.Rebalance})
	return err
}

// Drain moves all copies away from a node, or with false lets it have copies again.
func (m *ShardManager) Drain(ctx context.Context, node shardmap.NodeID, drain bool) error {
	state := wire.Active
	if drain {
		state = wire.Draining
	}
	_, err := m.do(ctx, wire.Command{Kind: wire.SetNodeState, Node: node, State: state})
	return err
}

// Map is the present shard map.
func (m *ShardManager) Map(ctx context.Context) (*shardmap.Map, error) {
	s, err := m.state(ctx)
	if err != nil {
		return nil, err
	}
	return s.Map(), nil
}

// GetShardForKey is the name of the shard that covers a key.
func (m *ShardManager) GetShardForKey(ctx context.Context, key string) (shardmap.ID, error) {
	s, err := m.state(ctx)
	if err != nil {
		return "", err
	}
	return s.Map().GetShardForKey(key), nil
}

// Settled reports whether the last change of every shard is complete.
func (m *ShardManager) Settled(ctx context.Context) (bool, error) {
	s, err := m.state(ctx)
	if err != nil {
		return false, err
	}
	for i := range s.Map().Len() {
		if !s.Map().At(i).Settled() {
			return false, nil
		}
	}
	return true, nil
}

// SetThresholds changes when shards are split, merged and moved on their own. Zero
// fields stand for the defaults; Costs aren't a setting of the cluster.
func (m *ShardManager) SetThresholds(ctx context.Context, t shardmap.Thresholds) error {
	s, err := m.state(ctx)
	if err != nil {
		return err
	}
	set := s.Settings()
	set.SplitBytes, set.SplitQPS = uint64(t.SplitBytes), uint64(t.SplitQPS)
	set.MergeBytes, set.MergeQPS = uint64(t.MergeBytes), uint64(t.MergeQPS)
	set.MovePercent, set.MaxMoves = uint64(t.MovePercent), uint64(t.MaxMoves)
	_, err = m.do(ctx, wire.Command{Kind: wire.ChangeSettings, Settings: &set})
	return err
}

func (m *ShardManager) state(ctx context.Context) (meta.State, error) {
	r, err := m.do(ctx, wire.Command{Kind: wire.GetState})
	if err != nil {
		return meta.State{}, err
	}
	if r.State == nil {
		return meta.State{}, fmt.Errorf("an answer without the state: %w", ErrUnknown)
	}
	return meta.FromWire(r.State)
}

// do gives a command. Its result is never nil.
func (m *ShardManager) do(ctx context.Context, c wire.Command) (*wire.AdminResult, error) {
	r, err := m.c.Command(ctx, c)
	if err != nil {
		return &wire.AdminResult{}, fmt.Errorf("%v: %w", c.Kind, err)
	}
	switch r.Status {
	case wire.OK:
		return r, nil
	case wire.Unavailable:
		err = ErrUnavailable
	case wire.Unknown:
		err = ErrUnknown
	default:
		err = ErrRefused
	}
	return r, fmt.Errorf("%v: %w: %s", c.Kind, err, r.Reason)
}
