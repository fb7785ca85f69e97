package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/balance"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/shardmap"
	"github.com/shardquake/shardquake/kvcluster/wire"
)

var errCut = errors.New("cut off")

// refused is the answer of one that can't be connected to.
var refused = &wire.Response{Reason: "connection refused"}

type notSent struct{}

func (notSent) Error() string { return "not sent" }
func (notSent) Unsent() bool  { return true }

// scripted is a cluster of one shard on n1 to n3 that answers as the test says: one answer
// per attempt, the last one for ever. A nil answer is none.
type scripted struct {
	mu      sync.Mutex
	answers []*wire.Response
	sent    []wire.Request
	to      []shardmap.NodeID
	maps    int
	result  wire.AdminResult
	// settings are the cluster's, unless they are empty.
	settings wire.Settings
	// slow is how long each answer takes.
	slow time.Duration
}

func (s *scripted) Send(ctx context.Context, to shardmap.NodeID, m wire.Message) (wire.Message, error) {
	if s.slow > 0 {
		select {
		case <-time.After(s.slow):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := m.(*wire.Admin); ok {
		return nil, errCut
	}
	s.sent, s.to = append(s.sent, *m.(*wire.Request)), append(s.to, to)
	a := s.answers[min(len(s.sent), len(s.answers))-1]
	switch a {
	case nil:
		return nil, errCut
	case refused:
		return nil, fmt.Errorf("node %s: %w", to, notSent{})
	}
	return a, nil
}

func (s *scripted) Command(context.Context, wire.Command) (*wire.AdminResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maps++
	r := s.result
	r.State = &wire.ClusterState{MapVersion: uint64(s.maps), Settings: wire.Settings{Replicas: 3, ReadLevel: wire.Quorum, WriteLevel: wire.Quorum},
		Shards:  []shardmap.Shard{{ID: "s", Replicas: []shardmap.NodeID{"n1", "n2", "n3"}, Primary: "n1", Epoch: uint64(s.maps)}},
		Members: []wire.Member{{ID: "n1"}, {ID: "n2"}, {ID: "n3", Down: true}, {ID: "n4", State: wire.Removed}}}
	if s.settings != (wire.Settings{}) {
		r.State.Settings = s.settings
	}
	return &r, nil
}

func open(t *testing.T, s *scripted) *client.DB {
	db, err := client.Open(client.Config{Clock: clock.NewReal(1), Transport: s, Admin: s,
		Timeout: 150 * time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond})
	require.NoError(t, err)
	return db
}

func status(s wire.Status) *wire.Response { return &wire.Response{Status: s} }

func TestEveryAnswerLeadsToItsOutcome(t *testing.T) {
	ok := status(wire.OK)
	for name, c := range map[string]struct {
		answers  []*wire.Response
		want     error
		attempts int // 0 for until the deadline
	}{
		"done at once":               {[]*wire.Response{ok}, nil, 1},
		"no answer, then done":       {[]*wire.Response{nil, nil, ok}, nil, 3},
		"an old map":                 {[]*wire.Response{status(wire.WrongShard), ok}, nil, 2},
		"a condition":                {[]*wire.Response{status(wire.ConditionFailed)}, client.ErrCondition, 1},
		"nonsense":                   {[]*wire.Response{status(wire.Invalid)}, client.ErrInvalid, 1},
		"refused for ever":           {[]*wire.Response{status(wire.Unavailable)}, client.ErrUnavailable, 0},
		"never an answer":            {[]*wire.Response{nil}, client.ErrUnknown, 0},
		"never sent":                 {[]*wire.Response{refused}, client.ErrUnavailable, 0},
		"in doubt, then never sent":  {[]*wire.Response{nil, refused}, client.ErrUnknown, 0},
		"in doubt, then refused":     {[]*wire.Response{status(wire.Unknown), status(wire.Unavailable)}, client.ErrUnknown, 0},
		"in doubt, then a condition": {[]*wire.Response{status(wire.Unknown), status(wire.ConditionFailed)}, client.ErrCondition, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{answers: c.answers}
			_, err := open(t, s).Put(t.Context(), "k", []byte("v"))
			assert.ErrorIs(t, err, c.want)
			if c.attempts > 0 {
				assert.Len(t, s.sent, c.attempts)
			}
			for i, r := range s.sent {
				assert.Equal(t, s.sent[0].Seq, r.Seq, "a repetition has the same number")
				assert.Equal(t, i > 0, r.Retry)
				assert.LessOrEqual(t, r.Settled, r.Seq)
			}
		})
	}
}

// A first attempt that got no answer may still be on its way when the second one meets a
// lock, and arrive when that is gone.
func TestATransactionInDoubtThatMeetsAnotherIsStillInDoubt(t *testing.T) {
	locked := &wire.Response{Status: wire.Locked, Txn: wire.Txn{Step: wire.Prepare, ID: wire.TxnID{Client: 9, Seq: 9}, Anchor: "k", Keys: []string{"k"}}}
	for name, c := range map[string]struct {
		answers []*wire.Response
		want    error
	}{
		"first attempt": {[]*wire.Response{locked, status(wire.Pending)}, client.ErrConflict},
		"second":        {[]*wire.Response{nil, locked, status(wire.Pending)}, client.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			tx := open(t, &scripted{answers: c.answers}).Begin()
			tx.Put("k", []byte("v"))
			assert.ErrorIs(t, tx.Commit(t.Context()), c.want)
		})
	}
}

func TestAReadIsNeverInDoubt(t *testing.T) {
	_, err := open(t, &scripted{answers: []*wire.Response{nil}}).Get(t.Context(), "k")
	assert.ErrorIs(t, err, client.ErrUnavailable)
	assert.NotErrorIs(t, err, client.ErrUnknown)
}

func TestTheNewPrimaryIsAskedNext(t *testing.T) {
	s := &scripted{answers: []*wire.Response{{Status: wire.NotPrimary, Epoch: 99, Primary: "n2"}, status(wire.OK)}}
	_, err := open(t, s).Put(t.Context(), "k", nil)
	require.NoError(t, err)
	assert.Equal(t, []shardmap.NodeID{"n1", "n2"}, s.to)
}

func TestTheMapIsFetchedOnceForManyAtATime(t *testing.T) {
	s := &scripted{answers: []*wire.Response{status(wire.OK)}}
	db := open(t, s)
	var futures []*client.Future[client.Result]
	for i := range 100 {
		futures = append(futures, db.PutAsync(t.Context(), fmt.Sprint("k", i), nil))
	}
	seen := map[uint64]bool{}
	for _, f := range futures {
		_, err := f.Get(t.Context())
		require.NoError(t, err)
	}
	for _, r := range s.sent {
		seen[r.Seq] = true
	}
	assert.Len(t, seen, 100, "each has a number of its own")
	assert.Equal(t, 1, s.maps)
}

func TestReadsAtOneGoToAllCopies(t *testing.T) {
	s := &scripted{answers: []*wire.Response{{Status: wire.OK, Weak: true}}}
	db := open(t, s)
	for range 6 {
		r, err := db.Get(t.Context(), "k", client.At(wire.One))
		require.NoError(t, err)
		assert.True(t, r.Weak)
	}
	assert.ElementsMatch(t, []shardmap.NodeID{"n1", "n2", "n3", "n1", "n2", "n3"}, s.to)
	n, err := db.SelectNodeForKey(t.Context(), "k")
	require.NoError(t, err)
	assert.Contains(t, s.to, n)
}

func TestStatsCountWhatIsMissing(t *testing.T) {
	db := open(t, &scripted{answers: []*wire.Response{status(wire.OK)}})
	stats, err := db.GetClusterStats(t.Context())
	require.NoError(t, err)
	assert.Equal(t, 3, stats.TotalNodes, "one was removed")
	assert.Equal(t, 2, stats.HealthyNodes)
	assert.Equal(t, 1, stats.UnderReplicated)
	assert.Zero(t, stats.WithoutPrimary)
	assert.False(t, stats.Healthy())
	assert.Zero(t, stats.AverageLatencyMs(), "nothing was asked yet")
}

func TestCommandsThatAreRefusedSayWhy(t *testing.T) {
	for st, want := range map[wire.Status]error{wire.Unknown: client.ErrUnknown, wire.Invalid: client.ErrInvalid} {
		s := &scripted{result: wire.AdminResult{Status: st, Reason: "because"}}
		err := open(t, s).CreateShard(t.Context(), "x", "a", "b")
		assert.ErrorIs(t, err, want)
		assert.ErrorContains(t, err, "because")
	}
	assert.ErrorIs(t, open(t, &scripted{}).SetReplicationFactor(t.Context(), 0), client.ErrInvalid)
	a := &client.NodeAdmin{Clock: clock.NewReal(1), Transport: &scripted{}, Nodes: []shardmap.NodeID{"n1", "n2"}}
	_, err := a.Command(t.Context(), wire.Command{Kind: wire.GetState})
	assert.ErrorIs(t, err, errCut)
	_, err = client.Open(client.Config{})
	assert.ErrorIs(t, err, client.ErrInvalid)
}

func TestACommandThatNeverLeftIsAskedOfTheNextNode(t *testing.T) {
	s := &scripted{}
	a := &client.NodeAdmin{Clock: clock.NewReal(1), Transport: unsentFirst{s, new(int)}, Nodes: []shardmap.NodeID{"n1", "n2"}}
	r, err := a.Command(t.Context(), wire.Command{Kind: wire.Rebalance})
	require.NoError(t, err)
	assert.Equal(t, wire.OK, r.Status)
	a.Nodes = a.Nodes[:1]
	a.Transport = unsentFirst{s, new(int)}
	_, err = a.Command(t.Context(), wire.Command{Kind: wire.Rebalance})
	assert.ErrorIs(t, err, client.ErrUnavailable, "nothing was done")
	assert.NotErrorIs(t, err, client.ErrUnknown)
}

// unsentFirst is a transport whose first message never leaves.
type unsentFirst struct {
	*scripted
	calls *int
}

func (u unsentFirst) Send(context.Context, shardmap.NodeID, wire.Message) (wire.Message, error) {
	*u.calls++
	if *u.calls == 1 {
		return nil, neverSent{}
	}
	return &wire.AdminResult{}, nil
}

type neverSent struct{}

func (neverSent) Error() string { return "never sent" }
func (neverSent) Unsent() bool  { return true }

func TestAWriteInDoubtIsOfNoKindThatSaysThatNothingWasDone(t *testing.T) {
	s := &scripted{answers: []*wire.Response{nil, status(wire.Unavailable)}}
	_, err := open(t, s).Put(t.Context(), "k", []byte("v"))
	require.ErrorIs(t, err, client.ErrUnknown)
	assert.NotErrorIs(t, err, client.ErrUnavailable)
}

func TestABatchThatFailsSaysWhatWasDone(t *testing.T) {
	ops := func(n int) (list []client.Op) {
		for i := range n {
			list = append(list, client.PutOp(fmt.Sprintf("k%04d", i), []byte("v")))
		}
		return list
	}
	// The first part is done, of the second one nobody knows, the third is never begun.
	s := &scripted{answers: []*wire.Response{status(wire.OK), nil}}
	err := open(t, s).Batch(t.Context(), ops(2*wire.MaxOps+5))
	var part *client.BatchError
	require.ErrorAs(t, err, &part)
	assert.Len(t, part.Done, wire.MaxOps)
	assert.Len(t, part.Unknown, wire.MaxOps)
	assert.Equal(t, []string{"k2048", "k2049", "k2050", "k2051", "k2052"}, part.NotDone)
	assert.ErrorIs(t, err, client.ErrUnknown)
	assert.NotErrorIs(t, err, client.ErrUnavailable, "which would say that nothing was done")

	s = &scripted{answers: []*wire.Response{status(wire.OK), {Status: wire.Invalid, Reason: "no"}}}
	err = open(t, s).Batch(t.Context(), ops(wire.MaxOps+1))
	assert.ErrorIs(t, err, client.ErrPartial)
	assert.NotErrorIs(t, err, client.ErrInvalid)
	assert.EqualError(t, err, "batch: 1024 keys written, 1 not written, 0 unknown: invalid request: no")

	s = &scripted{answers: []*wire.Response{refused}}
	err = open(t, s).Batch(t.Context(), ops(2))
	assert.ErrorIs(t, err, client.ErrUnavailable, "nothing was done at all")
	require.ErrorAs(t, err, &part)
	assert.Equal(t, []string{"k0000", "k0001"}, part.NotDone)
}

func TestATransactionThatIsLongInTheWayIsAbortedAtOnce(t *testing.T) {
	lock := wire.Txn{Step: wire.Prepare, ID: wire.TxnID{Client: 9, Seq: 1}, Anchor: "k", Keys: []string{"k"}}
	locked := &wire.Response{Status: wire.Locked, Txn: lock}
	pending := &wire.Response{Status: wire.Pending, Txn: wire.Txn{Step: wire.Decide, ID: lock.ID}, Age: time.Minute}
	s := &scripted{answers: []*wire.Response{locked, pending, status(wire.Aborted), status(wire.OK), status(wire.OK)}}
	// A client that has never met the lock does not wait to see whether it stays.
	tx := open(t, s).Begin()
	tx.Put("k", []byte("v"))
	require.NoError(t, tx.Commit(t.Context()))
	var steps []wire.TxnStep
	for _, r := range s.sent {
		steps = append(steps, r.Txn.Step)
	}
	assert.Equal(t, []wire.TxnStep{wire.NoStep, wire.Inquire, wire.Decide, wire.Resolve, wire.NoStep}, steps)
}

func TestLevelsAndStrategyAreTheClustersUnlessTheClientWasTold(t *testing.T) {
	s := &scripted{answers: []*wire.Response{status(wire.OK)}, settings: wire.Settings{Replicas: 3, ReadLevel: wire.All, WriteLevel: wire.Quorum}}
	db := open(t, s)
	get := func(opts ...client.Option) wire.Level {
		_, err := db.Get(t.Context(), "k", opts...)
		require.NoError(t, err)
		return s.sent[len(s.sent)-1].Level
	}
	assert.Equal(t, wire.All, get())
	assert.Equal(t, wire.Quorum, get(client.At(client.Quorum)))
	_, err := db.Put(t.Context(), "k", nil)
	require.NoError(t, err)
	assert.Equal(t, wire.Quorum, s.sent[len(s.sent)-1].Level)
	require.NoError(t, db.SetConsistencyLevel("one"))
	assert.Equal(t, wire.One, get())
	assert.ErrorIs(t, db.SetStrategy(99), client.ErrInvalid)
	require.NoError(t, db.SetStrategy(balance.ConsistentHash))
}

func TestAnErrorNamesTheNodeOnceAndTheCause(t *testing.T) {
	s := &scripted{answers: []*wire.Response{{Status: wire.Unavailable, Reason: "1 of 3 copies take part, 2 must"}}}
	_, err := open(t, s).Put(t.Context(), "k", nil)
	require.ErrorIs(t, err, client.ErrUnavailable)
	assert.Regexp(t, `^put "k": unavailable after \d+ attempts: node n1: shard s: unavailable: 1 of 3 copies take part, 2 must$`, err.Error())
}

func TestNoAttemptIsBegunThatTheDeadlineWouldCutOff(t *testing.T) {
	s := &scripted{answers: []*wire.Response{{Status: wire.Unavailable, Reason: "2 of 3 copies take part, 3 must"}}, slow: 40 * time.Millisecond}
	synctest.Test(t, func(t *testing.T) { // time goes on as soon as everybody waits
		db := open(t, s)
		for limit := 100 * time.Millisecond; limit < 300*time.Millisecond; limit += 7 * time.Millisecond {
			_, err := db.Put(t.Context(), "k", nil, client.Within(limit))
			assert.ErrorIs(t, err, client.ErrUnavailable)
			assert.NotErrorIs(t, err, client.ErrUnknown)
		}
	})
}
