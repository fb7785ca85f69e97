package node_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/meta"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/replica"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage"
	"github.com/shardquake/shardquake/kvcluster/storage/logstore"
	"github.com/shardquake/shardquake/kvcluster/storage/storagetest"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// machine is a node on a disk, with syncs that take no time but come after the step.
type machine struct {
	t     *testing.T
	disk  *storagetest.Files
	eng   storage.Engine
	n     *node.Node
	now   time.Duration
	wake  time.Duration
	lives uint64

	sent    []node.Envelope
	answers map[uint64]wire.Message
	exit    error
}

func start(t *testing.T, disk *storagetest.Files, cfg node.Config) *machine {
	m := &machine{t: t, disk: disk, answers: make(map[uint64]wire.Message)}
	m.restart(cfg)
	return m
}

func (m *machine) restart(cfg node.Config) {
	m.lives++
	var err error
	m.eng, err = logstore.Open(m.disk, logstore.Config{})
	require.NoError(m.t, err)
	cfg.Rand = rand.New(rand.NewPCG(1, m.lives))
	m.n, err = node.Open(cfg, m.eng, m.now)
	require.NoError(m.t, err)
	m.wake = m.now
}

func (m *machine) step(in node.Input) {
	for in != nil && m.exit == nil {
		out := m.n.Step(m.now, in)
		m.exit, m.wake, in = out.Exit, out.Wake, nil
		m.sent = append(m.sent, out.Messages...)
		for _, a := range out.Answers {
			m.answers[a.ID] = a.M
		}
		if out.Sync > 0 {
			require.NoError(m.t, m.eng.Sync())
			in = node.Synced{Number: out.Sync}
		}
	}
}

func (m *machine) run(d time.Duration) {
	for end := m.now + d; m.exit == nil && m.wake <= end; {
		m.now = max(m.now, m.wake)
		m.step(node.Tick{})
	}
}

func (m *machine) ask(id uint64, what wire.Message) wire.Message {
	m.step(node.Asked{ID: id, M: what})
	m.run(5 * time.Second)
	return m.answers[id]
}

var alone = node.Config{Name: "n1", Bootstrap: true}

func TestANodeAloneIsAClusterAndStaysOneOverRestarts(t *testing.T) {
	m := start(t, storagetest.NewFiles(), alone)
	m.run(10 * time.Second)
	require.Equal(t, shardmap.NodeID("n1"), m.n.ID())
	assert.Equal(t, meta.Defaults(), m.n.State().Settings())
	put := m.ask(1, &wire.Request{Client: 1, Seq: 1, Shard: "s1", Level: wire.Quorum, Kind: wire.Write, Ops: []wire.Op{{Key: "k", Value: []byte("v")}}})
	require.Equal(t, wire.OK, put.(*wire.Response).Status, put)
	cluster := m.n.State().Cluster()

	m.disk.Crash()
	m.restart(alone)
	m.run(10 * time.Second)
	assert.Equal(t, shardmap.NodeID("n1"), m.n.ID())
	assert.Equal(t, cluster, m.n.State().Cluster(), "the same cluster, not another one")
	require.Equal(t, replica.Primary, m.n.Copy("s1").Role())
	got := m.ask(2, &wire.Request{Shard: "s1", Level: wire.Quorum, Keys: []string{"k"}}).(*wire.Response)
	require.Len(t, got.Items, 1)
	assert.Equal(t, "v", string(got.Items[0].Value))
}

func TestANodeAsksToJoinOnlyWhenItsNumberIsOnDisk(t *testing.T) {
	m := start(t, storagetest.NewFiles(), node.Config{Name: "n2", Zone: "b", Join: []string{"n1", "n3"}})
	out := m.n.Step(0, node.Tick{})
	assert.Empty(t, out.Messages)
	require.NotZero(t, out.Sync)
	require.NoError(t, m.eng.Sync())
	m.step(node.Synced{Number: out.Sync})
	m.run(5 * time.Second)
	require.NotEmpty(t, m.sent)
	first := m.sent[0].M.(*wire.Join)
	assert.Equal(t, "n2", first.Name)
	assert.Equal(t, "b", first.Zone)
	asked := map[string]bool{}
	for _, e := range m.sent {
		asked[e.Machine] = true
		assert.Equal(t, first.Nonce, e.M.(*wire.Join).Nonce)
	}
	assert.Len(t, asked, 2, "each in turn")

	m.step(node.Received{M: &wire.Joined{Nonce: first.Nonce + 1, ID: "n9", Number: 9}})
	assert.Empty(t, m.n.ID(), "meant for somebody else")
	m.step(node.Received{M: &wire.Joined{Nonce: first.Nonce, ID: "n2~3", Number: 4, Cluster: 5, Voters: []shardmap.NodeID{"n1"}}})
	m.run(3 * time.Second)
	assert.Equal(t, shardmap.NodeID("n2~3"), m.n.ID())
	m.disk.Crash()
	m.restart(node.Config{Name: "n2"})
	assert.Equal(t, shardmap.NodeID("n2~3"), m.n.ID())
}

func TestMessagesForAnEarlierNodeOfTheMachineAreNotTaken(t *testing.T) {
	m := start(t, storagetest.NewFiles(), alone)
	m.run(10 * time.Second)
	m.sent = nil
	fence := func(to shardmap.NodeID) {
		m.step(node.Received{M: &wire.Fence{Copy: wire.Copy{Shard: "s1", From: "n7", To: to, Epoch: 99}}})
	}
	fence("n1~2")
	assert.Empty(t, m.sent)
	fence("n1")
	require.Len(t, m.sent, 1)
	assert.Equal(t, "n7", m.sent[0].Machine)
}

// TestADiskThatHasLostWhoseItIsIsNoNewOne: as another node it would hold what it remembers of
// others, from its life before, against them.
func TestADiskThatHasLostWhoseItIsIsNoNewOne(t *testing.T) {
	m := start(t, storagetest.NewFiles(), node.Config{Name: "n2", Join: []string{"n1"}})
	m.run(2 * time.Second)
	m.step(node.Received{M: &wire.Joined{Nonce: m.sent[0].M.(*wire.Join).Nonce, ID: "n2", Number: 2, Cluster: 5, Voters: []shardmap.NodeID{"n1"}}})
	m.run(3 * time.Second)
	m.step(node.Received{M: &wire.Raft{Peer: wire.Peer{From: "n1", To: "n2", Durable: 756}}})
	m.run(3 * time.Second)
	require.EqualValues(t, 756, m.n.Remembers("n1"))

	var b storage.Batch
	b.Delete([]byte{0, 'i'})
	require.NoError(t, m.eng.Apply(&b))
	_, err := node.Open(node.Config{Name: "n2", Join: []string{"n1"}, Rand: rand.New(rand.NewPCG(1, 1))}, m.eng, m.now)
	require.ErrorIs(t, err, storage.ErrLost)
	assert.ErrorContains(t, err, "whose disk it is")
}

func TestMachineOfANode(t *testing.T) {
	assert.Equal(t, "n1", node.Machine("n1"))
	assert.Equal(t, "n1", node.Machine("n1~12"))
}

func TestWhatIsAskedOfANodeWithoutAClusterIsRefused(t *testing.T) {
	m := start(t, storagetest.NewFiles(), node.Config{Name: "n2", Join: []string{"n1"}})
	a := m.ask(1, &wire.Admin{}).(*wire.AdminResult)
	assert.Equal(t, wire.Unavailable, a.Status)
	r := m.ask(2, &wire.Request{Shard: "s1", Keys: []string{"k"}}).(*wire.Response)
	assert.Equal(t, wire.WrongShard, r.Status)
}

func TestAShardIsSplitWhereItsBytesOrItsRequestsAreHalved(t *testing.T) {
	cfg := alone
	cfg.Settings.ManualBalance = true
	cfg.Settings.Heartbeat = time.Second
	cfg.Settings.BalanceEvery = 4 * time.Second
	m := start(t, storagetest.NewFiles(), cfg)
	m.run(5 * time.Second)
	var ops []wire.Op
	for c := 'a'; c <= 'z'; c++ {
		for _, d := range "0123456789" {
			ops = append(ops, wire.Op{Key: string(c) + string(d), Value: make([]byte, 100)})
		}
	}
	seq := uint64(0)
	for part := range slices.Chunk(ops, 65) {
		seq++
		m.step(node.Asked{ID: 1000 + seq, M: &wire.Request{Client: 1, Seq: seq, Shard: "s1", Level: wire.Quorum, Kind: wire.Write, Ops: part}})
	}
	m.run(m.now + 20*time.Second)
	a := m.ask(1, &wire.Admin{Command: wire.Command{Kind: wire.SplitShard, Shard: "s1", By: wire.BySize, Other: "right"}}).(*wire.AdminResult)
	require.Equal(t, wire.OK, a.Status, a.Reason)
	at := m.n.State().Map().Get("right").Start
	assert.True(t, at > "l" && at < "o", "in the middle: %s", at)
	b := m.ask(2, &wire.Admin{Command: wire.Command{Kind: wire.SplitShard, Shard: "s1", By: wire.ByLoad}}).(*wire.AdminResult)
	assert.Equal(t, wire.Invalid, b.Status, "nobody has asked for anything lately")
	for i := range uint64(200) {
		m.step(node.Asked{ID: 5000 + i, M: &wire.Request{Shard: "s1", Level: wire.Quorum, Keys: []string{"b" + string(rune('0'+i%10))}}})
	}
	m.run(1200 * time.Millisecond)
	b = m.ask(3, &wire.Admin{Command: wire.Command{Kind: wire.SplitShard, Shard: "s1", By: wire.ByLoad, Other: "hot"}}).(*wire.AdminResult)
	require.Equal(t, wire.OK, b.Status, b.Reason)
	assert.Equal(t, "b", m.n.State().Map().Get("hot").Start[:1])
}
