//go:build unix

package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/scenarios/recorded"
)

var recordPairs = flag.Int("record-pairs", 0, "write down so many kills of two nodes together, and as many five seconds apart")

const (
	pairShards  = 6 // with both copies on the victims
	otherShards = 12
	healthEvery = 20 * time.Millisecond
)

// Two nodes that are killed together leave the cluster in one state or in two, as the
// recordings say; nodes killed five seconds apart always in two.
func TestTwoKilledNodesLeaveAsRecorded(t *testing.T) {
	r := newPairRig(t)
	if *recordPairs > 0 {
		r.record(*recordPairs)
		return
	}
	seen := r.lose(0, 1)
	require.NotEmpty(t, seen.Left)
	assert.LessOrEqual(t, len(seen.Left), 2)
	var gone []string
	for _, s := range seen.Left {
		gone = append(gone, s.Nodes...)
	}
	assert.ElementsMatch(t, seen.Victims, gone)
	assert.LessOrEqual(t, len(seen.Joined), 2)
}

// pairRig is the cluster of five whose nodes are killed in pairs.
type pairRig struct {
	t    *testing.T
	ctx  context.Context
	c    *Cluster
	rest *restClient
}

func newPairRig(t *testing.T) *pairRig {
	ctx := requireDocker(t)
	var nodes []NodeSpec
	for i := range 5 {
		nodes = append(nodes, NodeSpec{Name: fmt.Sprintf("n%d", i+1), DiskBytes: 128 << 20})
	}
	c, err := Start(ctx, Options{ClusterName: "pairs", Nodes: nodes})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, c.Close(context.WithoutCancel(ctx))) })
	require.NoError(t, c.AwaitFormed(ctx))
	r := &pairRig{t: t, ctx: ctx, c: c, rest: newRESTClient()}
	t.Cleanup(r.rest.close)
	body := map[string]any{"persistent": map[string]string{"logger.org.elasticsearch.cluster.coordination.FollowersChecker": "DEBUG"}}
	require.NoError(t, r.rest.send(ctx, http.MethodPut, c.DirectURL("n1")+"/_cluster/settings", body, nil))
	return r
}

func (r *pairRig) record(each int) {
	var out bytes.Buffer
	for _, apart := range []int{0, 5} {
		for rep := 1; rep <= each; rep++ {
			text, err := json.Marshal(r.lose(time.Duration(apart)*time.Second, rep))
			require.NoError(r.t, err)
			r.t.Logf("%s", text)
			out.Write(append(text, '\n'))
		}
	}
	path := filepath.Join("..", "scenarios", "recorded", recorded.PairsFile)
	require.NoError(r.t, os.WriteFile(path, out.Bytes(), 0o644))
}

// lose kills two nodes that are not the master, waits until they are gone, starts them
// again, and tells what the master did.
func (r *pairRig) lose(apart time.Duration, rep int) recorded.Pair {
	t := r.t
	master := r.master()
	p := recorded.Pair{Apart: int(apart.Seconds()), Rep: rep, Master: master}
	for _, n := range r.c.NodeNames() {
		if n != master && len(p.Victims) < 2 {
			p.Victims = append(p.Victims, n)
		}
	}
	r.makeIndices(p.Victims)
	var pids []int
	for _, v := range p.Victims {
		pids = append(pids, r.pid(v))
	}
	p.Load = loadAverage()
	stop, healths := r.watchHealth(master)
	zero := time.Now()
	for i, pid := range pids {
		if i > 0 && apart > 0 {
			time.Sleep(apart)
		}
		p.Kills = append(p.Kills, inMS(time.Since(zero)))
		require.NoErrorf(t, syscall.Kill(pid, syscall.SIGKILL), "the daemon of the containers has to be on this machine")
	}
	members(t, r.c, master, 3)
	for _, v := range p.Victims {
		require.NoError(t, r.c.Start(r.ctx, v))
	}
	members(t, r.c, master, 5)
	r.green(master)
	stop()
	p.Health = healths(zero)
	r.tell(&p, zero)
	return p
}

// makeIndices makes an index that lies on the victims alone and one that lies anywhere.
func (r *pairRig) makeIndices(victims []string) {
	url := r.c.DirectURL(r.c.NodeNames()[0])
	for _, name := range []string{"pair", "rest"} {
		err := r.rest.do(r.ctx, http.MethodDelete, url+"/"+name+"?ignore_unavailable=true", nil, nil)
		require.NoError(r.t, err)
	}
	for name, set := range map[string]map[string]any{
		"pair": {"index.number_of_shards": pairShards, "index.routing.allocation.include._name": strings.Join(victims, ",")},
		"rest": {"index.number_of_shards": otherShards},
	} {
		require.NoError(r.t, r.rest.send(r.ctx, http.MethodPut, url+"/"+name, map[string]any{"settings": set}, nil))
	}
	r.green(r.c.NodeNames()[0])
	time.Sleep(3 * time.Second) // the balancer's moves, and the machine at rest
	r.green(r.c.NodeNames()[0])
}

func (r *pairRig) green(node string) {
	eventually(r.t, "the cluster to be green", func() error {
		var h struct {
			Status     string `json:"status"`
			Nodes      int    `json:"number_of_nodes"`
			Relocating int    `json:"relocating_shards"`
		}
		if err := r.rest.get(r.ctx, r.c.DirectURL(node)+"/_cluster/health", &h); err != nil {
			return err
		}
		if h.Status != "green" || h.Nodes != 5 || h.Relocating > 0 {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
}

func (r *pairRig) master() string {
	var s stateAnswer
	require.NoError(r.t, r.rest.get(r.ctx, r.c.DirectURL(r.c.NodeNames()[0])+stateQuery, &s))
	return s.Nodes[s.Master].Name
}

// pid is the node's process as this machine knows it: signals to two are microseconds
// apart, where two requests to the daemon would be tens of milliseconds.
func (r *pairRig) pid(name string) int {
	n, err := r.c.node(name)
	require.NoError(r.t, err)
	inspected, err := r.c.docker.ContainerInspect(r.ctx, n.esID, client.ContainerInspectOptions{})
	require.NoError(r.t, err)
	return inspected.Container.State.Pid
}

// watchHealth asks a node for its health until stopped, and then tells its changes.
func (r *pairRig) watchHealth(node string) (stop func(), tell func(zero time.Time) []recorded.PairHealth) {
	type seen struct {
		at     time.Time
		Status string `json:"status"`
		Nodes  int    `json:"number_of_nodes"`
	}
	var all []seen
	ctx, cancel := context.WithCancel(r.ctx)
	var done sync.WaitGroup
	done.Go(func() {
		for ctx.Err() == nil {
			var s seen
			if err := r.rest.get(ctx, r.c.DirectURL(node)+"/_cluster/health?local=true", &s); err == nil {
				s.at = time.Now()
				if n := len(all); n == 0 || all[n-1].Status != s.Status || all[n-1].Nodes != s.Nodes {
					all = append(all, s)
				}
			}
			time.Sleep(healthEvery)
		}
	})
	return func() { cancel(); done.Wait() }, func(zero time.Time) (out []recorded.PairHealth) {
		for _, s := range all {
			out = append(out, recorded.PairHealth{T: max(0, inMS(s.at.Sub(zero))), Status: s.Status, Nodes: s.Nodes})
		}
		return out
	}
}

// published is a line in which the master says which nodes a state takes out or in.
var (
	published = regexp.MustCompile(`^\[(\S+?)\]\[INFO ?\]\[o\.e\.c\.s\.MasterService.*version: (\d+), delta: (removed|added) \{(.*)\}$`)
	member    = regexp.MustCompile(`\{(n\d)\}\{`)
	noticed   = regexp.MustCompile(`^\[(\S+?)\]\[DEBUG\]\[o\.e\.c\.c\.FollowersChecker.*marking node as faulty`)
)

// tell takes from the master's log when it noticed that victims were gone, and the states
// that it published without nodes and with them.
func (r *pairRig) tell(p *recorded.Pair, zero time.Time) {
	n, err := r.c.node(p.Master)
	require.NoError(r.t, err)
	logs, err := r.c.docker.ContainerLogs(r.ctx, n.esID, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	require.NoError(r.t, err)
	defer logs.Close() //nolint:errcheck // reading only
	var text bytes.Buffer
	_, err = stdcopy.StdCopy(&text, &text, logs)
	require.NoError(r.t, err)
	for line := range strings.Lines(text.String()) {
		line = strings.TrimSpace(line)
		if m := noticed.FindStringSubmatch(line); m != nil {
			if at, since := r.logged(m[1], zero); since {
				p.Noticed = append(p.Noticed, at)
			}
		}
		m := published.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, since := r.logged(m[1], zero)
		if !since {
			continue
		}
		s := recorded.PairState{T: at}
		s.Version, err = strconv.ParseInt(m[2], 10, 64)
		require.NoError(r.t, err)
		for _, name := range member.FindAllStringSubmatch(m[4], -1) {
			if !slices.Contains(s.Nodes, name[1]) { // it stands there twice
				s.Nodes = append(s.Nodes, name[1])
			}
		}
		if m[3] == "removed" {
			p.Left = append(p.Left, s)
		} else {
			p.Joined = append(p.Joined, s)
		}
	}
}

// logged is a log's time since the first kill, which it has to be after.
func (r *pairRig) logged(text string, zero time.Time) (ms float64, since bool) {
	at, err := time.ParseInLocation("2006-01-02T15:04:05.000", strings.Replace(text, ",", ".", 1), time.UTC)
	require.NoError(r.t, err)
	return inMS(at.Sub(zero)), at.After(zero)
}

func inMS(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return load
}
