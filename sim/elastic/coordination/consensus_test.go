package coordination

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/sim/elastic/state"
)

func voter(id string) *state.Node {
	return &state.Node{ID: id, EphemeralID: id + "#1", Name: id, Roles: []string{"master"}}
}

// leading is the core of node a of a, b and c, elected in term 2 with the votes of a
// and b, on an accepted state of term 1 and version 5.
func leading(t *testing.T) *consensus {
	all := []string{"a", "b", "c"}
	k := &consensus{
		local: voter("a"), persist: func(Persisted) error { return nil }, term: 1, joinVotes: votes{},
		accepted: &state.State{Version: 5, Coordination: state.Coordination{Term: 1, LastAccepted: all, LastCommitted: all}},
	}
	own, err := k.startJoin(k.local, 2)
	require.NoError(t, err)
	for _, v := range []*joinVote{own, {voter: voter("b"), candidate: "a#1", term: 2, acceptedTerm: 1, acceptedVersion: 4}} {
		require.False(t, k.won)
		added, err := k.join(v)
		require.NoError(t, err)
		require.True(t, added)
	}
	require.True(t, k.won)
	return k
}

// proposal is the next state of the leader above.
func proposal(config ...string) *state.State {
	if config == nil {
		config = []string{"a", "b", "c"}
	}
	return &state.State{Version: 6, Coordination: state.Coordination{
		Term: 2, LastAccepted: config, LastCommitted: []string{"a", "b", "c"},
	}}
}

func TestTheCoreRefusesVotesThatCouldElectAStaleLeader(t *testing.T) {
	good := joinVote{voter: voter("c"), candidate: "a#1", term: 2, acceptedTerm: 1, acceptedVersion: 5}
	for reason, spoil := range map[string]func(*joinVote){
		"another node":                      func(v *joinVote) { v.candidate = "a#2" },
		"does not match current term":       func(v *joinVote) { v.term = 1 },
		"higher than current last accepted": func(v *joinVote) { v.acceptedVersion = 6 },
		"incoming last accepted term 2":     func(v *joinVote) { v.acceptedTerm = 2 },
	} {
		k, v := leading(t), good
		spoil(&v)
		_, err := k.join(&v)
		assert.ErrorContains(t, err, reason)
	}
	k := leading(t)
	k.started = false
	_, err := k.join(&good)
	assert.ErrorContains(t, err, "after reboot")
	_, err = k.startJoin(voter("b"), 2)
	assert.ErrorContains(t, err, "not greater than current term", "a node votes once in a term")
}

func TestTheCoreProposesOnlyWhatAQuorumCanCommit(t *testing.T) {
	assert.NoError(t, leading(t).propose(proposal()))
	assert.NoError(t, leading(t).propose(proposal("a", "b", "d")), "a and b are a majority of the new configuration too")
	for reason, c := range map[string]struct {
		spoil func(*consensus)
		st    *state.State
	}{
		"election not won":                     {func(k *consensus) { k.won = false }, proposal()},
		"before accepting previous":            {func(k *consensus) { k.publishedVersion = 6 }, proposal()},
		"does not match current term":          {func(k *consensus) { k.term = 3 }, proposal()},
		"lower or equal":                       {func(k *consensus) { k.accepted.Version, k.publishedVersion = 6, 6 }, proposal()},
		"while not already reconfiguring":      {func(k *consensus) { k.accepted.LastCommitted = []string{"x"} }, proposal("a")},
		"joinVotes have quorum for new config": {func(*consensus) {}, proposal("a", "d", "e")},
	} {
		k := leading(t)
		c.spoil(k)
		assert.ErrorContains(t, k.propose(c.st), reason)
	}
}

func TestAStateIsCommittedByAMajorityOfBothConfigurations(t *testing.T) {
	k := leading(t)
	st := proposal("a", "b", "d")
	require.NoError(t, k.propose(st))
	require.NoError(t, k.publish(st))
	for _, c := range []struct {
		by     string
		commit bool
	}{{"a", false}, {"a", false}, {"c", false}, {"d", true}} {
		// a and c are a majority of the old configuration, with d of the new one too.
		commit, err := k.published(voter(c.by), 2, 6)
		require.NoError(t, err)
		assert.Equal(t, c.commit, commit, c.by)
	}
	_, err := k.published(voter("b"), 1, 6)
	assert.ErrorContains(t, err, "does not match current term")
	_, err = k.published(voter("b"), 2, 5)
	assert.ErrorContains(t, err, "does not match current version")

	assert.ErrorContains(t, k.commit(1, 6), "does not match current term")
	assert.ErrorContains(t, k.commit(2, 5), "does not match current version")
	require.NoError(t, k.commit(2, 6))
	assert.Equal(t, []string{"a", "b", "d"}, k.accepted.LastCommitted)
	assert.ErrorContains(t, k.publish(st), "lower or equal")
}

func TestUnconfiguredNodesFormAClusterAfterAWhile(t *testing.T) {
	w := newWorld(1, 1, true)
	h := w.hosts[0]
	h.cfg.InitialMasters, h.noSeeds = nil, true
	h.start()
	took := w.await(t, 10*time.Second, w.stable)
	assert.InDelta(t, 3, took.Seconds(), 0.2, "discovery.unconfigured_bootstrap_timeout")
}

func TestRecoveryWaitsForExpectedNodesButNotForEver(t *testing.T) {
	two := []option{setting("gateway.expected_data_nodes", "3"), setting("gateway.recover_after_time", "1m")}
	w := newWorld(1, 3, true, two...)
	w.hosts[0].start()
	w.hosts[1].start()
	took := w.await(t, 2*time.Minute, func() bool {
		return w.hosts[0].applied.Master != "" && !HasBlock(w.hosts[0].applied, NotRecoveredBlockID)
	})
	assert.InDelta(t, 60, took.Seconds(), 2)
	assert.True(t, containsLine(w.log, "delaying initial state recovery for [1m] of term"))

	w = newWorld(1, 3, true, two...)
	w.start()
	assert.Less(t, w.await(t, time.Minute, w.stable), 10*time.Second, "all expected nodes are there")
}

func TestMessagesWeighWhatTheyCarry(t *testing.T) {
	w := newWorld(1, 3, true).formed(t)
	st := w.leader().applied.Clone()
	base := stateBytes(st)
	st.Indices = []*state.Index{{Name: "x", Shards: 10, Replicas: 1}}
	st.Routing = RecoverRouting(st, 0, 0)
	assert.Equal(t, base+indexBytes+20*copyBytes, stateBytes(st))
	assert.Equal(t, int64(indexBytes+20*copyBytes), diffBytes(w.leader().applied, st))
	same := st.Clone()
	assert.Zero(t, diffBytes(st, same))
	assert.Equal(t, int64(headerBytes+7), (&Message{bytes: 7}).Bytes())
	assert.Equal(t, "join/ping[r]", (&Message{kind: joinPing, answer: true}).Kind())
}
