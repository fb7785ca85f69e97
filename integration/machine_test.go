package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

// killedFromOutside expects what holds unless somebody kills a node.
const killedFromOutside = `name: killed-from-outside
about: Nothing is planned, and a node dies all the same.
system: elasticsearch
cluster:
  nodes: {count: 3, disk: 128mb}
  indices: [{name: logs, shards: 3, replicas: 0, size: 1mb, docs: 500}]
expect: [{no-red-longer-than: 100ms}]
duration: 12s
settle: 0s
`

// A container that somebody else kills says nothing of the plan: what fails then is unknown, and
// the reason names it.
func TestAContainerThatDiesOutsideThePlanLeavesItsFailureUndecided(t *testing.T) {
	requireContainers(t)
	file := filepath.Join(t.TempDir(), "killed.yaml")
	require.NoError(t, os.WriteFile(file, []byte(killedFromOutside), 0o600))
	loaded, err := scenarios.Load(file, nil, catalog.Vocabulary())
	require.NoError(t, err)
	backend, err := catalog.Backend("real")
	require.NoError(t, err)
	docker, err := client.New(client.FromEnv)
	require.NoError(t, err)
	defer docker.Close()
	var once sync.Once
	var killed error
	runner := &scenarios.Runner{Backend: backend, NewSupervisor: catalog.Supervisor, Progress: func(format string, _ ...any) {
		if strings.Contains(format, "t=0") {
			once.Do(func() { killed = killNode(t, docker, "n3") })
		}
	}}
	res, err := runner.Run(t.Context(), loaded, scenarios.Options{})
	require.NoError(t, err)
	require.NoError(t, killed)
	require.Len(t, res.History.Machine.Died, 1)
	assert.Contains(t, res.History.Machine.Died[0], "node n3 died at ")
	assert.Contains(t, res.History.Machine.Died[0], "exit code 137")
	require.Len(t, res.Outcomes, 1)
	assert.Equal(t, scenarios.Unknown, res.Outcomes[0].Verdict)
	assert.Contains(t, res.Outcomes[0].Reason, "outside the plan node n3 died at ")
	assert.NotEmpty(t, res.History.Machine.Told, "what the machine did is told")
	t.Log(res.Outcomes[0].Reason, res.Notes)
}

// killNode kills the container of this process's node, as somebody at a terminal would.
func killNode(t *testing.T, docker *client.Client, node string) error {
	filters := make(client.Filters).Add("label", "org.shardquake.node="+node, "org.shardquake.role=node", "org.shardquake.cluster=killed-from-outside", fmt.Sprintf("org.shardquake.pid=%d", os.Getpid()))
	list, err := docker.ContainerList(t.Context(), client.ContainerListOptions{Filters: filters})
	if err != nil {
		return err
	}
	if len(list.Items) != 1 {
		return fmt.Errorf("%d containers of %s", len(list.Items), node)
	}
	_, err = docker.ContainerKill(t.Context(), list.Items[0].ID, client.ContainerKillOptions{Signal: "SIGKILL"})
	return err
}
