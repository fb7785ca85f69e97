package node_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/storage/storagetest"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

// old is a node whose disk knows of n1 only, which is gone: all others came later.
func old(t *testing.T) *machine {
	m := start(t, storagetest.NewFiles(), node.Config{Name: "n2", Join: []string{"n1"}})
	m.run(2 * time.Second)
	m.step(node.Received{M: &wire.Joined{Nonce: m.sent[0].M.(*wire.Join).Nonce, ID: "n2", Number: 2, Cluster: 5, Voters: []shardmap.NodeID{"n1"}}})
	m.run(m.now + 3*time.Second)
	require.True(t, m.n.Started(), "nobody has answered")
	m.sent = nil
	return m
}

// recalls are the questions that were sent to a machine.
func (m *machine) recalls(to string) (found []*wire.Recall) {
	for _, e := range m.sent {
		if r, ok := e.M.(*wire.Recall); ok && e.Machine == to {
			found = append(found, r)
		}
	}
	return found
}

func TestNobodysMessagesAreTakenBeforeTheyHaveSaidWhatTheyRemember(t *testing.T) {
	m := old(t)
	state := &wire.Raft{Peer: wire.Peer{From: "n7", To: "n2", Durable: 50}, Data: []byte("of a leader that this disk has never heard of")}
	m.step(node.Received{M: state})
	assert.Nil(t, m.n.Group(), "it was not taken")
	asked := m.recalls("n7")
	require.Len(t, asked, 1, "at once")
	m.step(node.Received{M: state})
	assert.Len(t, m.recalls("n7"), 1, "not with every message")

	m.step(node.Received{M: &wire.Recalled{Peer: wire.Peer{From: "n7", To: "n2"}, Run: asked[0].Run, Known: 153}})
	require.ErrorIs(t, m.exit, node.ErrRolledBack)
	assert.ErrorContains(t, m.exit, "n7 remembers that it had 153 batches")
}

func TestWhatWasSentMeanwhileIsTakenWhenItsSenderRemembersNoMore(t *testing.T) {
	m := old(t)
	m.step(node.Received{M: &wire.Raft{Peer: wire.Peer{From: "n7", To: "n2"}}})
	require.Nil(t, m.n.Group())
	m.step(node.Received{M: &wire.Recalled{Peer: wire.Peer{From: "n7", To: "n2"}, Run: m.recalls("n7")[0].Run}})
	require.NoError(t, m.exit)
	assert.NotNil(t, m.n.Group(), "the message that waited has made it a member")
}

func TestWhatHasWaitedTooLongForItsSendersAnswerIsForgotten(t *testing.T) {
	m := old(t)
	m.step(node.Received{M: &wire.Raft{Peer: wire.Peer{From: "n7", To: "n2"}}})
	run := m.recalls("n7")[0].Run
	m.run(m.now + 10*time.Second)
	m.step(node.Received{M: &wire.Recalled{Peer: wire.Peer{From: "n7", To: "n2"}, Run: run}})
	require.NoError(t, m.exit)
	assert.Nil(t, m.n.Group(), "it is out of date, and was repeated since")
	m.step(node.Received{M: &wire.Raft{Peer: wire.Peer{From: "n7", To: "n2"}}})
	assert.NotNil(t, m.n.Group())
}
