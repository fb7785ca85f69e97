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
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
func staging(t *testing.T, bin string) (folder string, c *Cluster) {
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
		file += fmt.Sprintf("  %s: {http: %q, docker: {container: %q}}\n", n.spec.Name, c.DirectURL(n.spec.Name), c.resourceName(n.spec.Name, roleNode))
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "cluster.yaml"), []byte(file), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "our-day.yaml"), []byte(ourDay), 0o600))
	out, err := in(folder, bin, "import", "--es", one, "--out", "staging").CombinedOutput()
	require.NoError(t, err, string(out))
	return folder, c
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

// A cluster that this program did not start is named, looked at, approved on the page, harmed
// and healed; what was there before is there afterwards.
func TestAGameDayOnAClusterThatWasThereBefore(t *testing.T) {
	requireDocker(t)
	bin, err := command()
	require.NoError(t, err)
	folder, c := staging(t, bin)

	out, err := in(folder, bin, "gameday", "our-day.yaml", "--cluster", "cluster.yaml", "--dry-run", "-q").CombinedOutput()
	require.NoError(t, err, string(out))
	container := c.resourceName("es-2", roleNode)
	assert.Contains(t, string(out), "do    node-loss   docker kill "+container)
	assert.Contains(t, string(out), "undo  node-loss   docker start "+container)

	out, err = in(folder, bin, "gameday", "our-day.yaml", "--cluster", "cluster.yaml", "-q").CombinedOutput()
	require.Error(t, err, "nobody has typed in which cluster is meant")
	assert.Contains(t, string(out), "expected --confirm staging/")
	confirm := regexp.MustCompile(`--confirm (staging/\S+),`).FindSubmatch(out)[1]

	day := in(folder, bin, "gameday", "our-day.yaml", "--cluster", "cluster.yaml", "--confirm", string(confirm), "--wait-for-page", "-q", "--out", "day")
	stdout, err := day.StdoutPipe()
	require.NoError(t, err)
	var told bytes.Buffer
	day.Stderr = &told
	require.NoError(t, day.Start())
	t.Cleanup(func() { _ = day.Process.Kill() })
	var said strings.Builder
	hash := ""
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		fmt.Fprintln(&said, lines.Text())
		if h := planHash.FindString(lines.Text()); h != "" {
			hash = h
		}
		if at := pageAt.FindStringSubmatch(lines.Text()); at != nil && hash != "" {
			res, err := http.PostForm(strings.TrimRight(at[1], "/")+"/approve", url.Values{"hash": {hash}, "name": {"ann"}, "reason": {"practice"}})
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			hash = ""
		}
	}
	require.NoError(t, day.Wait(), said.String()+told.String())
	assert.Contains(t, said.String(), "PASS")
	assert.Contains(t, said.String(), "The hypothesis held")
	assert.FileExists(t, filepath.Join(folder, "day", "gameday.html"))
	require.NoError(t, c.AwaitFormed(t.Context()), "every node is as it was")
}
