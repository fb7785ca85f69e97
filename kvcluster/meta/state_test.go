package meta_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

func first(t require.TestingT) meta.State {
	s, err := meta.First(7, wire.Member{Name: "n1", Nonce: 1, Zone: "a"}, meta.Defaults())
	require.NoError(t, err)
	return s
}

// must carries out commands that have to succeed.
func must(t require.TestingT, s meta.State, commands ...wire.Command) meta.State {
	for i := range commands {
		var err error
		s, _, err = s.Apply(&commands[i])
		require.NoError(t, err)
	}
	return s
}

func add(name string, nonce uint64) wire.Command {
	return wire.Command{Kind: wire.AddNode, Member: &wire.Member{Name: name, Nonce: nonce}}
}

func TestTheSameDiskIsTheSameNodeAndAnotherDiskIsAnother(t *testing.T) {
	s := must(t, first(t), add("n2", 5), add("n2", 5), add("n2", 6), add("n2", 9))
	require.Len(t, s.Members(), 4)
	assert.Equal(t, shardmap.NodeID("n2"), s.Members()[1].ID)
	assert.Equal(t, shardmap.NodeID("n2~2"), s.Members()[2].ID)
	assert.Equal(t, shardmap.NodeID("n2~3"), s.Members()[3].ID)
	assert.Equal(t, []uint64{1, 2, 3, 4}, []uint64{s.Members()[0].Number, s.Members()[1].Number, s.Members()[2].Number, s.Members()[3].Number})
	gone := must(t, s, wire.Command{Kind: wire.SetNodeState, Node: "n2", State: wire.Removed})
	again := add("n2", 5)
	_, _, err := gone.Apply(&again)
	assert.ErrorIs(t, err, meta.ErrRemoved)
	for _, name := range []string{"", "a~2", "a b", "a=b"} {
		bad := add(name, 1)
		_, _, err := s.Apply(&bad)
		assert.ErrorIs(t, err, meta.ErrName, name)
	}
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	s := must(t, first(t), add("n2", 2), wire.Command{Kind: wire.SetReplicas, Shard: "s1", Nodes: []shardmap.NodeID{"n1", "n2"}})
	bad := meta.Defaults()
	bad.MergeBytes = bad.SplitBytes
	for name, c := range map[string]struct {
		c    wire.Command
		want error
	}{
		"an old epoch":           {wire.Command{Kind: wire.SetPrimary, Shard: "s1", Node: "n2", IfEpoch: 1}, meta.ErrStale},
		"an unknown shard":       {wire.Command{Kind: wire.SetPrimary, Shard: "s9", Node: "n2"}, shardmap.ErrUnknownShard},
		"an unknown node":        {wire.Command{Kind: wire.SetReplicas, Shard: "s1", Nodes: []shardmap.NodeID{"n9"}}, meta.ErrUnknownNode},
		"a node with copies":     {wire.Command{Kind: wire.SetNodeState, Node: "n2", State: wire.Removed}, meta.ErrInUse},
		"a voter":                {wire.Command{Kind: wire.SetNodeState, Node: "n1", State: wire.Removed}, meta.ErrInUse},
		"settings that flap":     {wire.Command{Kind: wire.ChangeSettings, Settings: &bad}, meta.ErrSettings},
		"no settings":            {wire.Command{Kind: wire.ChangeSettings}, meta.ErrCommand},
		"a split while changing": {wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: "m"}, shardmap.ErrUnsettled},
		"a question":             {wire.Command{Kind: wire.GetState}, meta.ErrCommand},
	} {
		t.Run(name, func(t *testing.T) {
			next, _, err := s.Apply(&c.c)
			require.ErrorIs(t, err, c.want)
			assert.Equal(t, s.Wire(true), next.Wire(true))
		})
	}
}

func TestTheRevisionGrowsWithEachChangeAndOnlyThen(t *testing.T) {
	s := first(t)
	before := s.Revision()
	same := must(t, s, wire.Command{Kind: wire.MarkUp, Node: "n1"}, wire.Command{Kind: wire.Activated, Shard: "s1", Epoch: 1})
	assert.Equal(t, before, same.Revision())
	down := must(t, same, wire.Command{Kind: wire.MarkDown, Node: "n1"})
	assert.Equal(t, before+1, down.Revision())
	assert.Equal(t, before+2, must(t, down, wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: "m"}).Revision())
	assert.False(t, s.Members()[0].Down, "a state is a value")
}

func TestTheHistoryIsBounded(t *testing.T) {
	s := first(t)
	for i := range meta.MaxHistory + 10 {
		s = must(t, s, wire.Command{Kind: wire.RecordFailover, Failover: &wire.Failover{Epoch: uint64(i)}})
	}
	require.Len(t, s.History(), meta.MaxHistory)
	assert.EqualValues(t, meta.MaxHistory+9, s.History()[meta.MaxHistory-1].Epoch, "the newest ones stay")
}

func TestAStateComesBackFromItsMessage(t *testing.T) {
	s := must(t, first(t), add("n2", 2), wire.Command{Kind: wire.SplitShard, Shard: "s1", Start: "m"},
		wire.Command{Kind: wire.RecordFailover, Failover: &wire.Failover{Wall: time.Unix(1, 2).UTC()}})
	w := s.Wire(true)
	back, err := meta.FromWire(&w)
	require.NoError(t, err)
	assert.Equal(t, s.Wire(true), back.Wire(true))
	assert.Empty(t, s.Wire(false).History)
	w.Shards[0].End = "a" // a gap
	_, err = meta.FromWire(&w)
	assert.Error(t, err)
}
