package integration

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/undo"
	"github.com/shardquake/shardquake/scenarios"
)

// leftovers names what carries a label.
func leftovers(t *testing.T, docker *client.Client, key, value string) []string {
	t.Helper()
	var names []string
	for _, list := range []func(context.Context, *client.Client, client.Filters) ([]resource, error){listContainers, listNetworks, listVolumes} {
		found, err := list(t.Context(), docker, byLabel(key, value))
		require.NoError(t, err)
		for _, r := range found {
			names = append(names, r.kind+" "+r.name)
		}
	}
	slices.Sort(names)
	return names
}

func dockerClient(t *testing.T) *client.Client {
	t.Helper()
	docker, err := connect(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { docker.Close() }) //nolint:errcheck // nothing depends on it
	return docker
}

func TestNodeThatRefusesItsSettingsIsQuotedAndCloseLeavesNothing(t *testing.T) {
	ctx := requireDocker(t)
	docker := dockerClient(t)
	c, err := Start(ctx, Options{
		Nodes:           []NodeSpec{{Name: "n1", DiskBytes: 16 << 20}},
		ClusterSettings: map[string]string{"cluster.no.such.setting": "1"},
		Viewers:         []string{"client"},
	})
	require.NoError(t, err)
	assert.Len(t, leftovers(t, docker, labelRun, c.RunID()), 5, "three containers, a network, a volume")
	assert.ErrorContains(t, c.AwaitFormed(ctx), "unknown setting [cluster.no.such.setting]")
	require.NoError(t, c.Close(ctx))
	assert.Empty(t, leftovers(t, docker, labelRun, c.RunID()))
	assert.NoError(t, c.Close(ctx), "closing twice is fine")
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	ctx := requireDocker(t)
	docker := dockerClient(t)
	me := strconv.Itoa(os.Getpid())
	before := leftovers(t, docker, labelPID, me)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	time.AfterFunc(400*time.Millisecond, cancel)
	_, err := Start(ctx, Options{Nodes: []NodeSpec{{Name: "n1"}, {Name: "n2"}, {Name: "n3"}}})
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, before, leftovers(t, docker, labelPID, me))
}

func TestCleanRemovesWhatDeadProcessesLeftAndNothingElse(t *testing.T) {
	ctx, living := requireCluster(t)
	docker := dockerClient(t)
	runID := newRunID()
	labels := runLabels(runID, "abandoned")
	labels[labelPID] = "999999999" // beyond any process
	_, err := docker.NetworkCreate(ctx, "shardquake-"+runID, client.NetworkCreateOptions{Driver: "bridge", Labels: labels})
	require.NoError(t, err)
	_, err = docker.VolumeCreate(ctx, client.VolumeCreateOptions{Name: "shardquake-" + runID, Labels: labels})
	require.NoError(t, err)
	es, _, _ := living.Images()
	_, err = docker.ContainerCreate(ctx, client.ContainerCreateOptions{
		Name:       "shardquake-" + runID,
		Config:     &container.Config{Image: es, Labels: labels},
		HostConfig: &container.HostConfig{NetworkMode: container.NetworkMode("shardquake-" + runID)},
	})
	require.NoError(t, err)
	require.Len(t, leftovers(t, docker, labelRun, runID), 3)
	mine := leftovers(t, docker, labelRun, living.RunID())

	removed, err := Clean(ctx)

	require.NoError(t, err)
	assert.Empty(t, leftovers(t, docker, labelRun, runID))
	assert.Equal(t, mine, leftovers(t, docker, labelRun, living.RunID()), "the run of a living process stays")
	text := strings.Join(removed, "\n")
	for _, kind := range []string{"container", "network", "volume"} {
		assert.Contains(t, text, kind+" shardquake-"+runID+" (run "+runID+" of process 999999999")
	}
}

func TestOwnerLivesTellsAProcessFromItsNumber(t *testing.T) {
	labels := runLabels("r", "c")
	assert.True(t, ownerLives(labels))
	labels[labelBorn] = "1"
	assert.False(t, ownerLives(labels), "the number has been given to another process")
	labels = runLabels("r", "c")
	labels[labelHost] = "elsewhere"
	assert.False(t, ownerLives(labels))
}

func TestWithoutADaemonTheErrorSaysWhatToDo(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+t.TempDir()+"/none.sock")
	_, err := Start(t.Context(), Options{Nodes: []NodeSpec{{Name: "n1"}}})
	require.ErrorIs(t, err, scenarios.ErrUnavailable)
	assert.ErrorContains(t, err, "no Docker daemon answers")
	assert.ErrorContains(t, err, "docker-up.sh")
	_, err = Clean(t.Context())
	assert.ErrorIs(t, err, scenarios.ErrUnavailable)
}

func TestWithoutTheImageTheErrorSaysWhatToDo(t *testing.T) {
	ctx := requireDocker(t)
	_, err := Start(ctx, Options{ESImage: "no.such/image:1", Nodes: []NodeSpec{{Name: "n1"}}})
	require.ErrorIs(t, err, scenarios.ErrUnavailable)
	assert.ErrorContains(t, err, "make images")
	assert.ErrorContains(t, err, "docker pull "+OfficialESImage)
	assert.ErrorContains(t, err, "no.such/image:1")
}

func TestOptionsAreChecked(t *testing.T) {
	for what, opt := range map[string]Options{
		"1 to 200 nodes": {},
		"each name once": {Nodes: []NodeSpec{{Name: "n1"}, {Name: "n1"}}},
		"lower-case":     {Nodes: []NodeSpec{{Name: "N 1"}}},
		"no node's name": {Nodes: []NodeSpec{{Name: "n1"}}, Viewers: []string{"n1"}},
	} {
		_, err := Start(t.Context(), opt)
		assert.ErrorContains(t, err, what)
	}
}

func TestProcessBornIsKnownOnLinux(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("this system has no /proc")
	}
	assert.NotEmpty(t, undo.Born(os.Getpid()))
	assert.Empty(t, undo.Born(999999999))
}
