package kvproc_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/integration/kvproc"
	"github.com/shardquake/shardquake/internal/catalog"
	"github.com/shardquake/shardquake/scenarios"
)

// killedFromOutside expects what holds unless a node is gone for good: once with a death that
// is in the plan, once with none.
const killedFromOutside = `name: killed-from-outside
about: A node dies and stays dead.
system: kv
cluster:
  nodes: {count: 3, disk: 256mb}
  kv: {shards: 1, replication: 3, heartbeat: 500ms}
expect: [{steady-state: green, at: end}]
duration: 4s
settle: 0s
`

// kept is a backend that keeps the cluster it has started.
type kept struct {
	*kvproc.Backend
	cluster scenarios.Cluster
}

func (k *kept) Start(ctx context.Context, spec scenarios.ClusterSpec, opt scenarios.StartOptions) (scenarios.Cluster, error) {
	var err error
	k.cluster, err = k.Backend.Start(ctx, spec, opt)
	return k.cluster, err
}

// A process that somebody else kills says nothing of the plan: what fails then is unknown, and
// the reason names it. The same death by the plan is none of that.
func TestAProcessThatDiesOutsideThePlanLeavesItsFailureUndecided(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes, which takes a while: not with -short")
	}
	command, err := kvproc.Built()
	require.NoError(t, err)
	t.Setenv("SHARDQUAKE_COMMAND", command)
	for name, planned := range map[string]bool{"by the plan": true, "from outside": false} {
		t.Run(name, func(t *testing.T) {
			text := killedFromOutside
			if planned {
				text += "faults: [{at: 1s, node-loss: {node: n3}}]\n"
			}
			file := filepath.Join(t.TempDir(), "killed.yaml")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			loaded, err := scenarios.Load(file, nil, catalog.Vocabulary())
			require.NoError(t, err)
			backend := &kept{Backend: &kvproc.Backend{}}
			var once sync.Once
			var killed error
			runner := &scenarios.Runner{Backend: backend, Progress: func(format string, _ ...any) {
				if !planned && strings.Contains(format, "t=0") {
					once.Do(func() { killed = kvproc.KillFromOutside(backend.cluster, "n3") })
				}
			}}
			res, err := runner.Run(t.Context(), loaded, scenarios.Options{})
			require.NoError(t, err)
			require.NoError(t, killed)
			require.Len(t, res.Outcomes, 1)
			reason := res.Outcomes[0].Reason
			if planned {
				assert.Empty(t, res.History.Machine.Died)
				assert.NotEqual(t, scenarios.Pass, res.Outcomes[0].Verdict, reason)
				assert.NotContains(t, reason, "outside the plan", "what a busy machine may explain is another matter")
				return
			}
			require.Len(t, res.History.Machine.Died, 1)
			assert.Equal(t, scenarios.Unknown, res.Outcomes[0].Verdict, reason)
			assert.Regexp(t, `outside the plan node n3 died at \d\d:\d\d:\d\d UTC: signal: killed`, reason)
			assert.NotEmpty(t, res.History.Machine.Told, "what the machine did is told, with figures")
		})
	}
}
