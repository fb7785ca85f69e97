package kvproc

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/internal/clock"
	"github.com/shardquake/shardquake/kvcluster/check"
	"github.com/shardquake/shardquake/kvcluster/client"
	"github.com/shardquake/shardquake/kvcluster/failover"
	"github.com/shardquake/shardquake/kvcluster/node"
	"github.com/shardquake/shardquake/kvcluster/tcp"
)

// heartbeat makes failovers short enough for a test.
const heartbeat = 500 * time.Millisecond

// binaries is the folder of the command under test, "" before it is built.
var binaries string

// built is the command under test.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "shardquake-test-")
	if err != nil {
		return "", err
	}
	binaries = folder
	bin := filepath.Join(folder, "shardquake")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/shardquake/shardquake/cmd/shardquake").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return bin, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binaries != "" {
		_ = os.RemoveAll(binaries)
	}
	os.Exit(code)
}

func cluster(t *testing.T, viewers ...string) (context.Context, *Cluster) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes, which takes a while: not with -short")
	}
	bin, err := built()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	t.Cleanup(cancel)
	c, err := Start(ctx, Options{Command: []string{bin}, Viewers: viewers, Heartbeat: heartbeat, ManualBalance: true,
		Nodes: []NodeSpec{{Name: "n1", Zone: "a"}, {Name: "n2", Zone: "b"}, {Name: "n3", Zone: "c"}}})
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			for _, n := range c.Names() {
				t.Logf("%s:\n%s", n, c.Log(n))
			}
		}
		assert.NoError(t, c.Close())
		assert.NoDirExists(t, c.folder)
	})
	require.NoError(t, c.Await(ctx))
	return ctx, c
}

// database is a client as a viewer sees the cluster.
func database(t *testing.T, c *Cluster, viewer string) *client.DB {
	t.Helper()
	transport := tcp.NewClient(c.Config(viewer))
	t.Cleanup(transport.Close)
	db, err := client.Open(client.Config{Clock: clock.NewReal(rand.Uint64()), Transport: transport, Admin: transport})
	require.NoError(t, err)
	return db
}

// primary is the machine of the only shard's primary.
func primary(ctx context.Context, t *testing.T, c *Cluster) string {
	t.Helper()
	r, err := c.ClusterState(ctx)
	require.NoError(t, err)
	require.Len(t, r.State.Shards, 1)
	return node.Machine(r.State.Shards[0].Primary)
}

// load is clients that write and read a few keys and note what they saw.
type load struct {
	began   time.Time
	stop    chan struct{}
	clients sync.WaitGroup

	mu      sync.Mutex
	history []check.Op
	// gap is the longest time between two writes that were acknowledged.
	gap, lastWrite int64
}

const loadKeys = 3

// startLoad starts so many clients at each viewer.
func startLoad(ctx context.Context, t *testing.T, c *Cluster, each int, viewers ...string) *load {
	l := &load{began: time.Now(), stop: make(chan struct{})}
	n := 0
	for _, viewer := range viewers {
		db := database(t, c, viewer)
		for range each {
			number := n
			l.clients.Go(func() { l.work(ctx, db, number) })
			n++
		}
	}
	return l
}

func (l *load) work(ctx context.Context, db *client.DB, number int) {
	for i := 0; ; i++ {
		select {
		case <-l.stop:
			return
		default:
		}
		op := check.Op{Client: number, Key: fmt.Sprint("key", rand.IntN(loadKeys)), Start: l.now()}
		var err error
		if rand.IntN(2) == 0 {
			op.Kind, op.Value = check.Write, fmt.Sprintf("%d.%d", number, i)
			_, err = db.Put(ctx, op.Key, []byte(op.Value), client.Within(3*time.Second))
		} else {
			var r client.Result
			r, err = db.Get(ctx, op.Key, client.Within(3*time.Second))
			op.Value = string(r.Value)
		}
		l.note(op, err)
	}
}

func (l *load) now() int64 { return int64(time.Since(l.began)) }

func (l *load) note(op check.Op, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	op.End = l.now()
	switch {
	case errors.Is(err, client.ErrUnknown):
		op.Outcome = check.Unknown
	case err != nil:
		op.Outcome = check.Refused
	case op.Kind == check.Write:
		l.gap, l.lastWrite = max(l.gap, op.End-l.lastWrite), op.End
	}
	l.history = append(l.history, op)
}

// acknowledged waits until so many more writes are.
func (l *load) acknowledged(t *testing.T, more int) {
	t.Helper()
	count := func() (n int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, op := range l.history {
			if op.Kind == check.Write && op.Outcome == check.Done {
				n++
			}
		}
		return n
	}
	want := count() + more
	require.Eventually(t, func() bool { return count() >= want }, time.Minute, 10*time.Millisecond)
}

// verify ends the load, reads every key once more, and checks all that was seen.
func (l *load) verify(ctx context.Context, t *testing.T, db *client.DB) {
	t.Helper()
	close(l.stop)
	l.clients.Wait()
	for i := range loadKeys {
		op := check.Op{Client: -1, Key: fmt.Sprint("key", i), Start: l.now()}
		r, err := db.Get(ctx, op.Key, client.Within(30*time.Second))
		require.NoError(t, err)
		op.Value = string(r.Value)
		l.note(op, nil)
	}
	report := check.Registers(l.history, check.Floor{Ops: 100, Overlaps: 20})
	t.Logf("%v: %d operations on %d keys, %d overlaps; %v without an acknowledged write at the most",
		report.Verdict, report.Ops, report.Keys, report.Overlaps, time.Duration(l.gap).Round(time.Millisecond))
	assert.Equal(t, check.Pass, report.Verdict, "%v", report.Violations)
}

// bound is how long the cluster may be without a primary. A loaded machine's processes
// don't get the processor at once, so its conditions are worse than the usual ones.
func bound(ctx context.Context, t *testing.T, c *Cluster) time.Duration {
	t.Helper()
	r, err := c.ClusterState(ctx)
	require.NoError(t, err)
	return failover.Bound(&r.State.Settings, failover.Usual())
}

func TestAKilledPrimaryIsReplacedWithinTheBoundAndNothingIsLost(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	limit := bound(ctx, t, c)
	l := startLoad(ctx, t, c, 4, "client")
	l.acknowledged(t, 100)
	victim := primary(ctx, t, c)
	require.NoError(t, c.Kill(ctx, victim))
	l.acknowledged(t, 100)

	r, err := c.ClusterState(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, r.State.History)
	f := r.State.History[len(r.State.History)-1]
	assert.Equal(t, victim, string(f.From))
	t.Logf("failover after %v of silence, in %v; the bound is %v", f.Silent, f.Took, limit)
	assert.LessOrEqual(t, f.Silent+f.Took, limit)

	require.NoError(t, c.Start(ctx, victim))
	require.NoError(t, c.Await(ctx))
	l.verify(ctx, t, database(t, c, "client"))
}

func TestAPrimaryThatIsCutOffAnswersNobodyWrongly(t *testing.T) {
	t.Parallel()
	for _, mode := range []chaos.CutMode{chaos.Blackhole, chaos.Reset} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			ctx, c := cluster(t, "inside", "outside")
			l := startLoad(ctx, t, c, 3, "inside", "outside")
			l.acknowledged(t, 100)
			victim := primary(ctx, t, c)
			// inside stays with the primary, outside with the others.
			far := map[string]bool{victim: true, "inside": true}
			cut := func(f func(ctx context.Context, from, to string) error) {
				for _, a := range append(c.Names(), "inside", "outside") {
					for _, b := range c.Names() {
						if far[a] != far[b] {
							require.NoError(t, f(ctx, a, b))
							require.NoError(t, f(ctx, b, a))
						}
					}
				}
			}
			cut(func(ctx context.Context, a, b string) error { return c.Cut(ctx, a, b, mode) })
			p, err := c.Probe(ctx, "outside", victim)
			require.NoError(t, err)
			assert.Equal(t, mode.String(), p.State.String())
			require.Eventually(t, func() bool { return primary(ctx, t, c) != victim }, time.Minute, 50*time.Millisecond)
			l.acknowledged(t, 100)
			cut(c.Mend)
			require.NoError(t, c.Await(ctx))
			l.verify(ctx, t, database(t, c, "inside"))
		})
	}
}

func TestEverythingKilledAtOnceComesBackWithItsData(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	db := database(t, c, "client")
	for i := range 50 {
		_, err := db.Put(ctx, fmt.Sprint("k", i), []byte(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	for _, n := range c.Names() {
		require.NoError(t, c.Kill(ctx, n))
	}
	for _, n := range c.Names() {
		require.NoError(t, c.Start(ctx, n))
	}
	require.NoError(t, c.Await(ctx))
	for i := range 50 {
		r, err := db.Get(ctx, fmt.Sprint("k", i))
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprint(i), string(r.Value))
	}
}

func TestAFrozenPrimaryIsReplacedAndHarmlessWhenItThaws(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	l := startLoad(ctx, t, c, 4, "client")
	l.acknowledged(t, 100)
	victim := primary(ctx, t, c)
	require.NoError(t, c.Pause(ctx, victim))
	state, err := c.State(ctx, victim)
	require.NoError(t, err)
	assert.Equal(t, chaos.Paused, state)
	p, err := c.Probe(ctx, "client", victim)
	require.NoError(t, err)
	assert.Equal(t, chaos.Blackhole.String(), p.State.String())
	l.acknowledged(t, 100)
	require.NoError(t, c.Resume(ctx, victim))
	require.NoError(t, c.Await(ctx))
	l.verify(ctx, t, database(t, c, "client"))
	assert.NotEqual(t, victim, primary(ctx, t, c))
}

func TestAFullDiskRefusesWritesAndLosesNothing(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	db := database(t, c, "client")
	_, err := db.Put(ctx, "k", []byte("before"))
	require.NoError(t, err)
	for _, n := range c.Names() {
		require.NoError(t, c.Fill(ctx, n, 90))
		u, err := c.Usage(ctx, n)
		require.NoError(t, err)
		assert.InDelta(t, 90, u.Percent(), 1)
		assert.Positive(t, u.Ballast)
	}
	require.Eventually(t, func() bool {
		_, err := db.Put(ctx, "k", []byte("during"), client.Within(time.Second))
		return err != nil
	}, time.Minute, 10*time.Millisecond)
	r, err := db.Get(ctx, "k")
	require.NoError(t, err, "reads go on")
	assert.Contains(t, []string{"before", "during"}, string(r.Value))
	for _, n := range c.Names() {
		state, err := c.State(ctx, n)
		require.NoError(t, err)
		assert.Equal(t, chaos.Running, state)
		require.NoError(t, c.Free(ctx, n))
	}
	require.Eventually(t, func() bool {
		_, err := db.Put(ctx, "k", []byte("after"), client.Within(2*time.Second))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	r, err = db.Get(ctx, "k")
	require.NoError(t, err)
	assert.Equal(t, "after", string(r.Value))
}

func TestLinksAreSlowWhenTheyAreMeantToBe(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t, "client")
	require.NoError(t, c.Shape(ctx, "n1", "n2", chaos.Shape{Latency: 200 * time.Millisecond}))
	p, err := c.Probe(ctx, "n1", "n2")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, p.RoundTrip, 200*time.Millisecond)
	require.NoError(t, c.Unshape(ctx, "n1", "n2"))
	p, err = c.Probe(ctx, "n1", "n2")
	require.NoError(t, err)
	assert.Equal(t, chaos.Whole, p.State)

	require.NoError(t, c.Shape(ctx, "client", "n1", chaos.Shape{Bandwidth: 100_000, PerConnection: true}))
	p, err = c.Probe(ctx, "client", "n1")
	require.NoError(t, err)
	assert.Positive(t, p.Rate)
	assert.Less(t, p.Rate, int64(150_000))
	assert.Error(t, c.Shape(ctx, "n1", "n2", chaos.Shape{Bandwidth: 100_000}), "toxiproxy limits connections")
	_, err = c.Probe(ctx, "client", "nobody")
	assert.Error(t, err)
}

func TestAStoppedNodeEndsByItself(t *testing.T) {
	t.Parallel()
	ctx, c := cluster(t)
	require.NoError(t, c.Stop(ctx, "n3"))
	state, err := c.State(ctx, "n3")
	require.NoError(t, err)
	assert.Equal(t, chaos.Exited, state)
	require.NoError(t, c.Start(ctx, "n3"))
	assert.ErrorContains(t, c.Start(ctx, "n3"), "runs already")
	require.NoError(t, c.Await(ctx))
}

func TestANodeThatCannotStartSaysWhy(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command: not with -short")
	}
	bin, err := built()
	require.NoError(t, err)
	_, err = Start(t.Context(), Options{Command: []string{bin}, Nodes: []NodeSpec{{Name: "bad~name"}}})
	require.Error(t, err)
	assert.Contains(t, err.Error(), "bad name")
	left, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*", "bad~name"))
	require.NoError(t, err)
	assert.Empty(t, left)
}

func TestFoldersOfTheDeadAreRemovedAndNoOthers(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	gone := exec.Command("true")
	require.NoError(t, gone.Run())
	for name, owner := range map[string]int{"dead": gone.Process.Pid, "alive": os.Getpid()} {
		folder := filepath.Join(os.TempDir(), folderPrefix+name)
		require.NoError(t, os.Mkdir(folder, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(folder, ownerFile), []byte(fmt.Sprint(owner)), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(os.TempDir(), folderPrefix+"unowned"), 0o700))
	removed, err := Clean()
	require.NoError(t, err)
	require.Len(t, removed, 1)
	assert.True(t, strings.HasSuffix(removed[0], "dead"))
}
