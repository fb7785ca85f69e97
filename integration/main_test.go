package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/scenarios"
)

// shared is the one cluster that the tests of this package share: three nodes, whose
// faults are noticed fast so that blackholes don't take half a minute.
var shared = sync.OnceValues(func() (*Cluster, error) {
	ctx := context.Background()
	c, err := Start(ctx, Options{
		ClusterName: "integration-test",
		Nodes: []NodeSpec{
			{Name: "n1", DiskBytes: 128 << 20, Attributes: map[string]string{"zone": "a"}},
			{Name: "n2", DiskBytes: 128 << 20, Attributes: map[string]string{"zone": "b"}},
			{Name: "n3", DiskBytes: 128 << 20, Attributes: map[string]string{"zone": "c"}},
		},
		Viewers: []string{scenarios.ViewerController, scenarios.ViewerClient},
		ClusterSettings: map[string]string{
			"cluster.fault_detection.follower_check.timeout":     "2s",
			"cluster.fault_detection.follower_check.retry_count": "1",
			"cluster.fault_detection.leader_check.timeout":       "2s",
			"cluster.fault_detection.leader_check.retry_count":   "1",
			"cluster.info.update.interval":                       "10s",
		},
		Progress: func(s string) { fmt.Println(s) },
	})
	if err != nil {
		return nil, err
	}
	if err := c.AwaitFormed(ctx); err != nil {
		return nil, errors.Join(err, c.Close(ctx))
	}
	return c, nil
})

var sharedUsed bool

// made are folders that several tests use, removed after the last.
var made []string

func TestMain(m *testing.M) {
	code := m.Run()
	if sharedUsed {
		if c, err := shared(); err == nil {
			ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
			if err := c.Close(ctx); err != nil {
				fmt.Println(err)
				code = 1
			}
			cancel()
		}
	}
	for _, folder := range made {
		_ = os.RemoveAll(folder)
	}
	os.Exit(code)
}

// requireDocker skips a test where no Docker daemon answers or the images are missing,
// unless the environment says that there must be one.
func requireDocker(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real nodes, which takes minutes: not with -short")
	}
	err := Available(t.Context())
	if err != nil && os.Getenv("SHARDQUAKE_REQUIRE_DOCKER") == "1" {
		t.Fatalf("SHARDQUAKE_REQUIRE_DOCKER=1, but no containers can be started: %v", err)
	}
	if err != nil {
		t.Skipf("no containers (Docker): %v", err)
	}
	return t.Context()
}

// requireCluster returns the shared cluster, whole, healthy and with three members.
func requireCluster(t *testing.T) (context.Context, *Cluster) {
	t.Helper()
	ctx := requireDocker(t)
	sharedUsed = true
	c, err := shared()
	require.NoError(t, err)
	require.NoError(t, c.AwaitFormed(ctx))
	t.Cleanup(func() { restore(t, c) })
	return ctx, c
}

// restore undoes whatever a test has left in force, so that the next finds it whole.
func restore(t *testing.T, c *Cluster) {
	ctx := context.Background()
	for _, key := range c.Changed() {
		require.NoError(t, c.Mend(ctx, key.From, key.To))
		require.NoError(t, c.Unshape(ctx, key.From, key.To))
	}
	for _, n := range c.NodeNames() {
		require.NoError(t, c.Free(ctx, n))
		state, err := c.State(ctx, n)
		require.NoError(t, err)
		switch state {
		case chaos.Paused:
			require.NoError(t, c.Resume(ctx, n))
		case chaos.Exited:
			require.NoError(t, c.Start(ctx, n))
		}
	}
}

// eventually waits for something that a loaded machine may take its time for.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	require.NoError(t, poll(t.Context(), 90*time.Second, 100*time.Millisecond, what, try))
}

// members waits until a node, asked directly, sees so many nodes and a master.
func members(t *testing.T, c *Cluster, node string, want int) {
	t.Helper()
	rest := newRESTClient()
	defer rest.close()
	eventually(t, fmt.Sprintf("%s to see %d nodes", node, want), func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var answer stateAnswer
		if err := rest.get(ctx, c.DirectURL(node)+stateQuery, &answer); err != nil {
			return err
		}
		if len(answer.Nodes) != want || answer.Master == "" {
			return fmt.Errorf("%d nodes, master %q", len(answer.Nodes), answer.Master)
		}
		return nil
	})
}

// probe expects a link to be in a state.
func probe(t *testing.T, c *Cluster, from, to string, want chaos.CutMode) chaos.LinkProbe {
	t.Helper()
	p, err := c.Probe(t.Context(), from, to)
	require.NoError(t, err)
	assert.Equal(t, want.String(), p.State.String(), "link %s→%s", from, to)
	return p
}
