//go:build unix

package integration

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/internal/sshtest"
)

// ourDay is a game day on somebody's cluster: a node dies for a while.
const ourDay = `
name: our-day
about: A node of our cluster dies for half a minute.
system: elasticsearch
cluster: {from: staging.cluster.json.gz}
faults:
  - {at: 5s, node-loss: {node: es-2, for: 20s}}
expect:
  - {recovered: green, within: 3m, of: node-loss}
duration: 40s
gameday:
  hypothesis: Losing one node never turns the cluster red.
  seeds: 3
  guardrails:
    - {no-red-longer-than: 30s}
`

// staging starts containers that stand for a cluster of the user's, and returns the folder with
// its cluster file and its import.
// With a daemon es-2 is a process of a machine behind SSH.
func staging(t *testing.T, bin string, daemon *sshtest.Daemon) (folder string, c *Cluster) {
	ctx := requireDocker(t)
	var nodes []NodeSpec
	for i, zone := range []string{"a", "b", "c"} {
		nodes = append(nodes, NodeSpec{Name: fmt.Sprintf("es-%d", i+1), DiskBytes: 64 << 20, Attributes: map[string]string{"zone": zone}})
	}
	c, err := Start(ctx, Options{ClusterName: "staging", Nodes: nodes})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close(context.WithoutCancel(ctx))) })
	require.NoError(t, c.AwaitFormed(ctx))
	rest := newRESTClient()
	defer rest.close()
	one := c.DirectURL("es-1")
	body := map[string]any{"settings": map[string]any{"number_of_shards": 2, "number_of_replicas": 1, "index.unassigned.node_left.delayed_timeout": "5s"}}
	require.NoError(t, rest.send(ctx, http.MethodPut, one+"/logs?wait_for_active_shards=all", body, nil))
	var who struct {
		UUID string `json:"cluster_uuid"`
	}
	require.NoError(t, rest.get(ctx, one+"/_cluster/state/version?filter_path=cluster_uuid", &who))
	folder = t.TempDir()
	file := fmt.Sprintf("name: staging\nuuid: %s\nzone: zone\nnodes:\n", who.UUID)
	for _, n := range c.nodes {
		how := fmt.Sprintf("docker: {container: %q}", c.resourceName(n.spec.Name, roleNode))
		if n.spec.Name == "es-2" && daemon != nil {
			how = "ssh: " + daemon.YAML(processOf(t, folder, c.resourceName(n.spec.Name, roleNode)))
		}
		file += fmt.Sprintf("  %s: {http: %q, %s}\n", n.spec.Name, c.DirectURL(n.spec.Name), how)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cluster.yaml"), []byte(file), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "our-day.yaml"), []byte(ourDay), 0o600))
	out, err := in(folder, bin, "import", "--es", one, "--out", "staging").CombinedOutput()
	require.NoError(t, err, string(out))
	return folder, c
}

// processOf says how a container's process is acted on as one that is reached over SSH: by its id,
// and by a script that starts it.
func processOf(t *testing.T, folder, container string) string {
	t.Helper()
	pid, start := filepath.Join(folder, "es-2.pid"), filepath.Join(folder, "start-es-2")
	script := fmt.Sprintf("#!/bin/sh\ndocker start %s && docker inspect --format '{{.State.Pid}}' %[1]s >%s\n", container, pid)
	require.NoError(t, os.WriteFile(start, []byte(script), 0o700))
	require.NoError(t, exec.Command(start).Run())
	return fmt.Sprintf("pid-file: %s, start: %s", pid, start)
}

func in(folder, bin string, words ...string) *exec.Cmd {
	cmd := exec.Command(bin, words...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+folder)
	return cmd
}

var (
	planHash = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
	pageAt   = regexp.MustCompile(`page +(http://\S+)`)
)

// ownDays are game days on a cluster of one's own.
type ownDays struct {
	bin, folder, confirm string
}

// held is a game day that is approved on its page; each line that it prints is seen.
func (o ownDays) held(t *testing.T, approve bool, see func(day *exec.Cmd, line string)) (said string, code int) {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(o.folder, "day")))
	day := in(o.folder, o.bin, "gameday", "our-day.yaml", "--cluster", "cluster.yaml", "--confirm", o.confirm, "--wait-for-page", "-q", "--out", "day")
	stdout, err := day.StdoutPipe()
	require.NoError(t, err)
	var told bytes.Buffer
	day.Stderr = &told
	require.NoError(t, day.Start())
	t.Cleanup(func() { _ = day.Process.Kill() })
	var text strings.Builder
	hash := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		fmt.Fprintln(&text, lines.Text())
		if h := planHash.FindString(lines.Text()); h != "" {
			hash = h
		}
		if at := pageAt.FindStringSubmatch(lines.Text()); approve && at != nil && hash != "" {
			res, err := http.PostForm(strings.TrimRight(at[1], "/")+"/approve", url.Values{"hash": {hash}, "name": {"ann"}, "reason": {"practice"}})
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			hash = ""
		}
		see(day, lines.Text())
	}
	_ = day.Wait() // its exit code tells
	return text.String() + told.String(), day.ProcessState.ExitCode()
}

// A cluster that was there before the game day is named, looked at, approved on the page, harmed
// and healed; what was there before is there afterwards. One node is a process behind a real SSH
// daemon where there is one, the others are containers. Halted, by a signal before the approval
// and by a file while a node is down, it is undone, reported, and blocked until that is lifted.
func TestAGameDayOnAClusterThatWasThereBefore(t *testing.T) {
	requireDocker(t)
	bin, err := command()
	require.NoError(t, err)
	daemon := sshtest.Here(t)
	folder, c := staging(t, bin, daemon)

	out, err := in(folder, bin, "gameday", "our-day.yaml", "--cluster", "cluster.yaml", "--dry-run", "-q").CombinedOutput()
	require.NoError(t, err, string(out))
	container := c.resourceName("es-2", roleNode)
	if daemon == nil {
		assert.Contains(t, string(out), "do    node-loss   docker kill "+container)
		assert.Contains(t, string(out), "undo  node-loss   docker start "+container)
	} else {
		assert.Contains(t, string(out), "do    node-loss   ssh -o BatchMode=yes")
		assert.Contains(t, string(out), "start-es-2")
	}

	out, err = in(folder, bin, "gameday", "our-day.yaml", "--cluster", "cluster.yaml", "-q").CombinedOutput()
	require.Error(t, err, "nobody has typed in which cluster is meant")
	assert.Contains(t, string(out), "expected --confirm staging/")
	days := ownDays{bin, folder, string(regexp.MustCompile(`--confirm (staging/\S+),`).FindSubmatch(out)[1])}

	said, code := days.held(t, true, func(*exec.Cmd, string) {})
	assert.Zero(t, code, said)
	assert.Contains(t, said, "PASS")
	assert.Contains(t, said, "The hypothesis held")
	assert.FileExists(t, filepath.Join(folder, "day", "gameday.html"))
	assert.FileExists(t, filepath.Join(folder, "day", "real-runs.jsonl"), "what calibrate can be fitted to")
	require.NoError(t, c.AwaitFormed(t.Context()), "every node is as it was")

	given := func(words ...string) {
		out, err := in(folder, bin, append([]string{"gameday"}, words...)...).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	said, code = days.held(t, false, func(day *exec.Cmd, line string) {
		if pageAt.MatchString(line) {
			assert.NoError(t, day.Process.Signal(syscall.SIGTERM))
		}
	})
	assert.Equal(t, 4, code, said)
	assert.FileExists(t, filepath.Join(folder, "day", "gameday.json"), "there is a report")
	said, code = days.held(t, false, func(*exec.Cmd, string) {})
	assert.Equal(t, 2, code, said)
	assert.Contains(t, said, "the last game day on staging was halted: interrupted (signal)")
	given("lift", "staging")

	halt, path := filepath.Join(folder, "HALT"), filepath.Join(folder, "day.journal.jsonl")
	require.NoError(t, os.RemoveAll(path))
	said, code = days.held(t, true, func(_ *exec.Cmd, line string) {
		if !pageAt.MatchString(line) {
			return
		}
		go func() { // as soon as the node is down
			for range 600 {
				if r, err := journal.ReadFile(path); err == nil && len(r.Open) > 0 {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			assert.NoError(t, os.WriteFile(halt, nil, 0o600))
		}()
	})
	require.NoError(t, os.Remove(halt))
	assert.Equal(t, 4, code, said)
	assert.Contains(t, said, "undone: everything in force")
	r, err := journal.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, 1, r.Begun, "the node was down, or on its way")
	assert.Empty(t, r.Open, "nothing is in force")
	require.NoError(t, c.AwaitFormed(t.Context()), "every node is as it was")
}
