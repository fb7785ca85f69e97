package integration

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
)

func TestClusterOfThreeFormsAndAnIndexBecomesGreen(t *testing.T) {
	ctx, c := requireCluster(t)
	rest := newRESTClient()
	defer rest.close()
	const settings = `{"settings":{"index.number_of_shards":3,"index.number_of_replicas":1}}`
	require.NoError(t, rest.do(ctx, http.MethodPut, c.DirectURL("n1")+"/green", []byte(settings), nil))
	eventually(t, "green", func() error {
		return rest.get(ctx, c.DirectURL("n2")+"/_cluster/health/green?wait_for_status=green&timeout=1s", nil)
	})
	var nodes struct {
		Nodes map[string]struct {
			Name       string            `json:"name"`
			Attributes map[string]string `json:"attributes"`
		} `json:"nodes"`
	}
	require.NoError(t, rest.get(ctx, c.URL("client", "n3")+"/_nodes?filter_path=nodes.*.name,nodes.*.attributes", &nodes))
	zones := map[string]string{}
	for _, n := range nodes.Nodes {
		zones[n.Name] = n.Attributes["zone"]
	}
	assert.Equal(t, map[string]string{"n1": "a", "n2": "b", "n3": "c"}, zones)
}

func TestKilledNodeIsMissedAndComesBackWithItsDisk(t *testing.T) {
	ctx, c := requireCluster(t)
	rest := newRESTClient()
	defer rest.close()
	// A copy on n2 alone: only its disk can bring the document back.
	const only = `{"settings":{"index.number_of_replicas":0,"index.routing.allocation.require._name":"n2"}}`
	require.NoError(t, rest.do(ctx, http.MethodPut, c.DirectURL("n1")+"/kept", []byte(only), nil))
	require.NoError(t, rest.do(ctx, http.MethodPut, c.DirectURL("n1")+"/kept/_doc/1", []byte(`{"a":1}`), nil))
	httpBefore := c.DirectURL("n2")

	require.NoError(t, c.Kill(ctx, "n2"))

	state, err := c.State(ctx, "n2")
	require.NoError(t, err)
	assert.Equal(t, chaos.Exited, state)
	probe(t, c, "n1", "n2", chaos.Reset)
	probe(t, c, "client", "n2", chaos.Reset)
	members(t, c, "n1", 2)

	require.NoError(t, c.Start(ctx, "n2"))
	require.NoError(t, c.AwaitFormed(ctx))
	probe(t, c, "n1", "n2", chaos.Whole)
	assert.Equal(t, httpBefore, c.DirectURL("n2"), "published ports survive")
	eventually(t, "the document", func() error { return rest.get(ctx, c.URL("client", "n2")+"/kept/_doc/1", nil) })
}

func TestStoppedNodeEndsByItself(t *testing.T) {
	ctx, c := requireCluster(t)
	require.NoError(t, c.Stop(ctx, "n3"), "an error would say that it had to be killed")
	state, err := c.State(ctx, "n3")
	require.NoError(t, err)
	assert.Equal(t, chaos.Exited, state)
	members(t, c, "n1", 2)
	require.NoError(t, c.Start(ctx, "n3"))
	require.NoError(t, c.AwaitFormed(ctx))
}

func TestPausedNodeIsSilentUntilResumed(t *testing.T) {
	ctx, c := requireCluster(t)
	require.NoError(t, c.Pause(ctx, "n2"))
	state, err := c.State(ctx, "n2")
	require.NoError(t, err)
	assert.Equal(t, chaos.Paused, state)
	probe(t, c, "n1", "n2", chaos.Blackhole)
	members(t, c, "n1", 2)
	require.NoError(t, c.Resume(ctx, "n2"))
	probe(t, c, "n1", "n2", chaos.Whole)
	require.NoError(t, c.AwaitFormed(ctx))
}

func TestPausedNodeCanBeKilled(t *testing.T) {
	ctx, c := requireCluster(t)
	require.NoError(t, c.Pause(ctx, "n3"))
	require.NoError(t, c.Kill(ctx, "n3"))
	state, err := c.State(ctx, "n3")
	require.NoError(t, err)
	assert.Equal(t, chaos.Exited, state)
}

// cutOff cuts all links between a node and the others, both ways.
func cutOff(ctx context.Context, t *testing.T, c *Cluster, node string, mode chaos.CutMode) {
	t.Helper()
	for _, other := range c.NodeNames() {
		if other != node {
			require.NoError(t, c.Cut(ctx, node, other, mode))
			require.NoError(t, c.Cut(ctx, other, node, mode))
		}
	}
}

func mendAll(ctx context.Context, t *testing.T, c *Cluster, node string) {
	t.Helper()
	for _, other := range c.NodeNames() {
		if other != node {
			require.NoError(t, c.Mend(ctx, node, other))
			require.NoError(t, c.Mend(ctx, other, node))
		}
	}
}

func TestNodeCutOffLeavesTheClusterAndReturns(t *testing.T) {
	for _, mode := range []chaos.CutMode{chaos.Reset, chaos.Blackhole} {
		t.Run(mode.String(), func(t *testing.T) {
			ctx, c := requireCluster(t)
			cutOff(ctx, t, c, "n3", mode)
			probe(t, c, "n3", "n1", mode)
			probe(t, c, "n1", "n3", mode)
			probe(t, c, "n1", "n2", chaos.Whole)
			probe(t, c, "client", "n3", chaos.Whole) // viewers have links of their own
			members(t, c, "n1", 2)
			mendAll(ctx, t, c, "n3")
			probe(t, c, "n3", "n1", chaos.Whole)
			probe(t, c, "n1", "n3", chaos.Whole)
			require.NoError(t, c.AwaitFormed(ctx))
		})
	}
}

// received is how many bytes a node's transport layer has read.
func received(t *testing.T, c *Cluster, node string) int64 {
	t.Helper()
	rest := newRESTClient()
	defer rest.close()
	var answer struct {
		Nodes map[string]struct {
			Transport struct {
				Bytes int64 `json:"rx_size_in_bytes"`
			} `json:"transport"`
		} `json:"nodes"`
	}
	require.NoError(t, rest.get(t.Context(), c.DirectURL(node)+"/_nodes/_local/stats/transport", &answer))
	require.Len(t, answer.Nodes, 1)
	for _, n := range answer.Nodes {
		return n.Transport.Bytes
	}
	return 0
}

// send sends a large handshake from one node to another and waits for no answer.
func send(t *testing.T, c *Cluster, from, to string, bytes int) {
	t.Helper()
	const script = `exec 3<>"/dev/tcp/$ADDRESS/9300"; { printf "$MESSAGE"; head -c "$BYTES" /dev/zero; } >&3; sleep 0.5`
	a, b := c.byName[from], c.byName[to]
	env := []string{
		fmt.Sprintf("ADDRESS=127.0.1.%d", b.index), "MESSAGE=" + shellEscapes(handshakeMessage(bytes)), fmt.Sprintf("BYTES=%d", bytes),
	}
	_, err := run(t.Context(), c.docker, a.toolsID, env, "/bin/bash", "-c", script)
	require.NoError(t, err)
}

func TestOneWayCutStopsWhatOneSideSendsAndNothingElse(t *testing.T) {
	const bytes = 8 << 20 // far more than the nodes say to each other meanwhile
	ctx, c := requireCluster(t)
	require.NoError(t, c.Cut(ctx, "n1", "n2", chaos.Blackhole))
	// Neither side gets answers: they travel, or the questions do, on what is cut.
	probe(t, c, "n1", "n2", chaos.Blackhole)
	probe(t, c, "n2", "n1", chaos.Blackhole)

	before := received(t, c, "n2")
	send(t, c, "n1", "n2", bytes)
	assert.Less(t, received(t, c, "n2")-before, int64(bytes/2), "what n1 sends does not arrive at n2")

	before = received(t, c, "n1")
	send(t, c, "n2", "n1", bytes)
	eventually(t, "what n2 sends to arrive at n1", func() error {
		if got := received(t, c, "n1") - before; got < bytes {
			return fmt.Errorf("%d of %d bytes", got, bytes)
		}
		return nil
	})

	require.NoError(t, c.Mend(ctx, "n1", "n2"))
	probe(t, c, "n1", "n2", chaos.Whole)
	probe(t, c, "n2", "n1", chaos.Whole)
	require.NoError(t, c.AwaitFormed(ctx))
}

func TestResetOfOneDirectionClosesBoth(t *testing.T) {
	ctx, c := requireCluster(t)
	require.NoError(t, c.Cut(ctx, "n1", "n2", chaos.Reset))
	require.NoError(t, c.Cut(ctx, "n2", "n1", chaos.Reset))
	require.NoError(t, c.Mend(ctx, "n1", "n2"))
	probe(t, c, "n1", "n2", chaos.Reset)
	require.NoError(t, c.Mend(ctx, "n2", "n1"))
	probe(t, c, "n1", "n2", chaos.Whole)
}

func TestLatencyDelaysARoundTrip(t *testing.T) {
	const latency = 300 * time.Millisecond
	ctx, c := requireCluster(t)
	for _, from := range []string{"n1", "controller"} {
		require.NoError(t, c.Shape(ctx, from, "n2", chaos.Shape{Latency: latency}))
		assert.GreaterOrEqual(t, probe(t, c, from, "n2", chaos.Whole).RoundTrip, latency)
		require.NoError(t, c.Unshape(ctx, from, "n2"))
		assert.Less(t, probe(t, c, from, "n2", chaos.Whole).RoundTrip, latency)
	}
	// The way back counts as well.
	require.NoError(t, c.Shape(ctx, "n2", "n1", chaos.Shape{Latency: latency}))
	assert.GreaterOrEqual(t, probe(t, c, "n1", "n2", chaos.Whole).RoundTrip, latency)
}

func TestBandwidthLimitsEachConnection(t *testing.T) {
	const limit = 100_000 // bytes per second
	ctx, c := requireCluster(t)
	for _, from := range []string{"n1", "client"} {
		require.NoError(t, c.Shape(ctx, from, "n3", chaos.Shape{Bandwidth: limit, PerConnection: true}))
		assert.InEpsilon(t, limit, probe(t, c, from, "n3", chaos.Whole).Rate, 0.4)
		require.NoError(t, c.Unshape(ctx, from, "n3"))
		assert.Greater(t, probe(t, c, from, "n3", chaos.Whole).Rate, int64(2*limit))
	}
}

func TestShapesThatProxiesCannotMakeAreRefused(t *testing.T) {
	var c Cluster
	assert.ErrorContains(t, c.SupportsShape(chaos.Shape{Bandwidth: 1 << 20}), "per-connection")
	assert.ErrorContains(t, c.SupportsShape(chaos.Shape{Bandwidth: 10, PerConnection: true}), "down to 1000 B/s")
	assert.ErrorContains(t, c.SupportsShape(chaos.Shape{Latency: time.Microsecond}), "whole milliseconds")
	assert.NoError(t, c.SupportsShape(chaos.Shape{Latency: time.Second, Bandwidth: 1 << 20, PerConnection: true}))
}

func TestViewersCanBeCutOffFromNodes(t *testing.T) {
	ctx, c := requireCluster(t)
	for _, mode := range []chaos.CutMode{chaos.Reset, chaos.Blackhole} {
		require.NoError(t, c.Cut(ctx, "controller", "n1", mode))
		probe(t, c, "controller", "n1", mode)
		probe(t, c, "controller", "n2", chaos.Whole)
		probe(t, c, "client", "n1", chaos.Whole)
		require.NoError(t, c.Mend(ctx, "controller", "n1"))
		probe(t, c, "controller", "n1", chaos.Whole)
	}
	// Answers only: the request arrives, its answer does not.
	require.NoError(t, c.Cut(ctx, "n1", "controller", chaos.Blackhole))
	probe(t, c, "n1", "controller", chaos.Blackhole)
	require.NoError(t, c.Mend(ctx, "n1", "controller"))
	probe(t, c, "n1", "controller", chaos.Whole)
	assert.ErrorContains(t, c.Cut(ctx, "controller", "client", chaos.Reset), "no link")
}

func TestFullDiskIsSeenByElasticsearchAndFreedAgain(t *testing.T) {
	ctx, c := requireCluster(t)
	require.NoError(t, c.Fill(ctx, "n1", 88))
	usage, err := c.Usage(ctx, "n1")
	require.NoError(t, err)
	assert.InDelta(t, 88, usage.Percent(), 1)
	assert.Positive(t, usage.Ballast)

	rest := newRESTClient()
	defer rest.close()
	used := func() (percent float64) {
		var answer statsAnswer
		require.NoError(t, rest.get(ctx, c.DirectURL("n1")+statsQuery, &answer))
		for _, n := range answer.Nodes {
			percent = 100 * float64(n.FS.Total.Total-n.FS.Total.Available) / float64(n.FS.Total.Total)
		}
		return percent
	}
	eventually(t, "Elasticsearch to see the disk fill", func() error {
		if p := used(); p < 87 {
			return fmt.Errorf("it sees %.1f %%", p)
		}
		return nil
	})
	assert.ErrorContains(t, c.Fill(ctx, "n1", 0), "more than asked for")

	require.NoError(t, c.Kill(ctx, "n1"))
	require.NoError(t, c.Fill(ctx, "n1", 60), "the disk of a dead node can be filled too")
	usage, err = c.Usage(ctx, "n1")
	require.NoError(t, err)
	assert.InDelta(t, 60, usage.Percent(), 1)
	require.NoError(t, c.Free(ctx, "n1"))
	usage, err = c.Usage(ctx, "n1")
	require.NoError(t, err)
	assert.Zero(t, usage.Ballast)
}
