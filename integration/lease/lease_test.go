package lease_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/lease"
)

// undone notes in which order entries were undone; those that fail fail so often.
type undone struct {
	mu    sync.Mutex
	order []string
	fails map[string]int
}

func (u *undone) undo(_ context.Context, e journal.Entry) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.fails[e.On] > 0 {
		u.fails[e.On]--
		return errors.New("not yet")
	}
	u.order = append(u.order, e.On)
	return nil
}

// agent is one at work whose leases are short.
func agent(t *testing.T, ttl time.Duration) (*lease.Remote, *undone) {
	t.Helper()
	u := &undone{fails: map[string]int{}}
	a := lease.NewAgent(ttl, "secret")
	a.Undo = u.undo
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- a.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	return &lease.Remote{URL: "http://" + l.Addr().String(), Token: "secret"}, u
}

func begin(t *testing.T, k *lease.Keeper, things ...string) {
	t.Helper()
	for _, on := range things {
		require.NoError(t, k.Begin(t.Context(), journal.Entry{On: on, What: on, Undo: []journal.Step{{Remove: on}}}))
	}
}

func TestWhatIsRenewedStaysInForceAndWhatIsEndedIsLeftAlone(t *testing.T) {
	remote, u := agent(t, time.Second)
	k := lease.NewKeeper(nil, remote, time.Second)
	begin(t, k, "a", "b")
	require.NoError(t, k.End(t.Context(), "a"))
	time.Sleep(1500 * time.Millisecond) // longer than the lease: it was renewed
	s, err := remote.State(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"b"}, s.Open)
	assert.False(t, s.Expired)
	require.NoError(t, k.Close(t.Context()))
	assert.Empty(t, u.order)
}

func TestWithoutAKeeperEverythingIsUndone(t *testing.T) {
	remote, u := agent(t, 300*time.Millisecond)
	u.fails["b"] = 2
	// A keeper that stands still: it has begun, and never renews.
	k := lease.NewKeeper(nil, remote, time.Hour)
	begin(t, k, "a", "b", "c")
	require.NoError(t, k.End(t.Context(), "c"))
	require.Eventually(t, func() bool {
		s, err := remote.State(t.Context())
		return err == nil && len(s.Open) == 0
	}, time.Minute, 10*time.Millisecond)
	assert.ElementsMatch(t, []string{"a", "b"}, u.order, "c was undone by who began it")
	s, err := remote.State(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Healed, 2)
	for _, h := range s.Healed {
		assert.Empty(t, h.Error)
		assert.Equal(t, map[string]int{"a": 1, "b": 3}[h.On], h.Tries)
	}
	// Who comes back is told, and takes nothing more into force.
	lost := make(chan error, 1)
	k.OnLost(func(err error) { lost <- err })
	err = k.Begin(t.Context(), journal.Entry{On: "d", What: "d"})
	require.ErrorIs(t, err, lease.ErrLost)
	require.ErrorIs(t, <-lost, lease.ErrLost)
	require.NoError(t, k.Close(t.Context()))
}

func TestAKeeperWhoseAgentIsGoneSaysSo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := journal.Create(path, "x")
	require.NoError(t, err)
	k := lease.NewKeeper(j, &lease.Remote{URL: "http://" + address}, 200*time.Millisecond)
	lost := make(chan error, 1)
	k.OnLost(func(err error) { lost <- err })
	require.ErrorIs(t, <-lost, lease.ErrLost)
	never := journal.Entry{On: "a", What: "a", Undo: []journal.Step{{Remove: "a"}}}
	require.ErrorIs(t, k.Begin(t.Context(), never), lease.ErrLost)
	r, err := journal.ReadFile(path)
	require.NoError(t, err)
	assert.Empty(t, r.Open, "what was written down and then not done isn't in force")
	require.NoError(t, k.Close(t.Context()))
}

func TestOnlyTheKeeperGivesOrders(t *testing.T) {
	remote, _ := agent(t, time.Second)
	_, err := (&lease.Remote{URL: remote.URL, Token: "guessed"}).State(t.Context())
	assert.ErrorContains(t, err, "401")
}

func TestTheJournalSaysWhatTheKeeperWasTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.jsonl")
	j, err := journal.Create(path, "x")
	require.NoError(t, err)
	k := lease.NewKeeper(j, nil, 0)
	begin(t, k, "a", "b")
	require.NoError(t, k.End(t.Context(), "a"))
	r, err := journal.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, r.Open, 1)
	assert.Equal(t, "b", r.Open[0].On)
	assert.False(t, r.Open[0].SelfHealing, "nobody but a person with the journal undoes it")
	require.NoError(t, k.Close(t.Context()))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Contains(t, string(text), "the removal of the cluster")
}
