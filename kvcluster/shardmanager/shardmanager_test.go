package shardmanager_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmanager"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// group is a metadata group of one that carries everything out at once, and whose shards
// settle at once.
type group struct {
	s    meta.State
	last wire.Command
	down wire.Status
}

func (g *group) Command(_ context.Context, c wire.Command) (*wire.AdminResult, error) {
	g.last = c
	if g.down != wire.OK {
		return &wire.AdminResult{Status: g.down, Reason: "because"}, nil
	}
	if c.Kind == wire.GetState {
		w := g.s.Wire(true)
		return &wire.AdminResult{State: &w}, nil
	}
	next, out, err := g.s.Apply(&c)
	if err != nil {
		return &wire.AdminResult{Status: wire.Invalid, Reason: err.Error()}, nil
	}
	for i := 0; i < next.Map().Len(); i++ {
		s := next.Map().At(i)
		next, _, err = next.Apply(&wire.Command{Kind: wire.Activated, Shard: s.ID, Epoch: s.Epoch})
		if err != nil {
			return nil, err
		}
	}
	g.s = next
	return &wire.AdminResult{Shard: out.Shard, Node: out.Node}, nil
}

func manager(t *testing.T) (*group, *shardmanager.ShardManager) {
	s, err := meta.First(1, wire.Member{Name: "n1"}, meta.Defaults())
	require.NoError(t, err)
	s, _, err = s.Apply(&wire.Command{Kind: wire.AddNode, Member: &wire.Member{Name: "n2", Nonce: 2}})
	require.NoError(t, err)
	g := &group{s: s}
	return g, shardmanager.New(g)
}

func TestTheUsersExampleThroughTheShardManager(t *testing.T) {
	ctx := t.Context()
	_, m := manager(t)
	require.NoError(t, m.CreateShard(ctx, "shard1", "a", "m"))
	require.NoError(t, m.CreateShard(ctx, "shard2", "m", "z"))
	for key, want := range map[string]shardmap.ID{"apple": "shard1", "mango": "shard2", "zebra": "s3"} {
		got, err := m.GetShardForKey(ctx, key)
		require.NoError(t, err)
		if want == "s3" {
			assert.NotContains(t, []shardmap.ID{"shard1", "shard2"}, got, key)
		} else {
			assert.Equal(t, want, got, key)
		}
	}
	right, err := m.SplitShard(ctx, "shard1", "f")
	require.NoError(t, err)
	require.NoError(t, m.MergeShards(ctx, "shard1", right))
	require.NoError(t, m.MigrateShard(ctx, "shard2", "n1", "n2"))
	heir, err := m.DeleteShard(ctx, "shard2", shardmap.DropData)
	require.NoError(t, err)
	assert.Equal(t, shardmap.ID("shard1"), heir)
	settled, err := m.Settled(ctx)
	require.NoError(t, err)
	assert.True(t, settled)
	all, err := m.Map(ctx)
	require.NoError(t, err)
	assert.NoError(t, all.Check())
	assert.Equal(t, heir, all.GetShardForKey("mango"))
}

func TestRefusalsSayWhyAndWhetherAnythingWasDone(t *testing.T) {
	ctx := t.Context()
	g, m := manager(t)
	err := m.CreateShard(ctx, "x", "m", "a")
	require.ErrorIs(t, err, shardmanager.ErrRefused)
	assert.Contains(t, err.Error(), "bad key range")
	assert.ErrorIs(t, m.SetThresholds(ctx, shardmap.Thresholds{SplitBytes: 10, MergeBytes: 9}), shardmanager.ErrRefused)
	g.down = wire.Unavailable
	assert.ErrorIs(t, m.RebalanceShards(ctx), shardmanager.ErrUnavailable)
	g.down = wire.Unknown
	assert.ErrorIs(t, m.PromoteReplica(ctx, "s1", "n1"), shardmanager.ErrUnknown)
}

func TestThresholdsAndDrainsAreCommandsToTheGroup(t *testing.T) {
	ctx := t.Context()
	g, m := manager(t)
	require.NoError(t, m.SetThresholds(ctx, shardmap.Thresholds{SplitBytes: 1000, SplitQPS: 10}))
	assert.EqualValues(t, 1000, g.s.Settings().SplitBytes)
	assert.EqualValues(t, 250, g.s.Settings().MergeBytes, "a quarter unless told otherwise")
	require.NoError(t, m.Drain(ctx, "n2", true))
	assert.Equal(t, wire.Draining, g.s.Member("n2").State)
	require.NoError(t, m.Drain(ctx, "n2", false))
	assert.Equal(t, wire.Active, g.s.Member("n2").State)
	_, err := m.SplitShardBy(ctx, "s1", wire.BySize)
	require.Error(t, err, "this group measures nothing")
	assert.Equal(t, wire.BySize, g.last.By)
}
