package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// servedScenario is sim-serve at work.
type servedScenario struct {
	addresses map[string]string // of control and nodes
	lines     *bufio.Scanner
	stop      context.CancelFunc
	ended     chan error
}

func serveScenario(t *testing.T, args ...string) *servedScenario {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	read, write := io.Pipe()
	root := newRootCommand()
	root.SetArgs(append([]string{"sim-serve", "one-node-lost", "-q", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"}, args...))
	root.SetOut(write)
	s := &servedScenario{addresses: map[string]string{}, lines: bufio.NewScanner(read), stop: cancel, ended: make(chan error, 1)}
	go func() {
		s.ended <- root.ExecuteContext(ctx)
		_ = write.Close()
	}()
	for s.addresses["control"] == "" && s.lines.Scan() {
		name, url, _ := strings.Cut(s.lines.Text(), " ")
		s.addresses[name] = url
	}
	require.NotEmpty(t, s.addresses["control"])
	return s
}

// rest is what is printed from here on; it ends with the command.
func (s *servedScenario) until(text string) bool {
	for s.lines.Scan() {
		if strings.Contains(s.lines.Text(), text) {
			return true
		}
	}
	return false
}

// shell runs shardquake fault.
func (s *servedScenario) shell(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	var b bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append(append([]string{"fault"}, args...), "--control", s.addresses["control"]))
	root.SetOut(&b)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		b.WriteString(err.Error())
	}
	return b.String(), exit.CodeOf(err)
}

func TestFaultsStrikeAndHealByOrderWhileACLusterIsServed(t *testing.T) {
	s := serveScenario(t, "--as-is", "--speed", "50", "--wall-clock", "2026-01-31T08:00:00Z", "--out", filepath.Join(t.TempDir(), "out"))
	out, code := s.shell(t, "inject", "{node-loss: {node: n2}}")
	assert.Zero(t, code, out)
	assert.Contains(t, out, "1  in force   node-loss n2")
	assert.Contains(t, out, "shown: kill n2: the process of n2: exited")
	out, _ = s.shell(t, "heal", "1")
	assert.Contains(t, out, "shown: kill n2: the process of n2: running")
	out, _ = s.shell(t, "list")
	assert.Contains(t, out, "1  healed ")

	for arg, why := range map[string]string{
		"{node-loss: {node: n9}}": `there is no node "n9"`, "{node-los: {node: n1}}": `did you mean "node-loss"?`,
	} {
		out, code := s.shell(t, "inject", arg)
		assert.Equal(t, exit.CodeUsage, code, arg)
		assert.Contains(t, out, why)
	}
	out, _ = s.shell(t, "heal", "7")
	assert.Contains(t, out, "there is no such fault: 7; the plan has numbers 1 to 1")

	paused := postJSON(t, s.addresses["control"]+"/pause")
	assert.Equal(t, true, paused["paused"])
	out, _ = s.shell(t, "inject", "{node-loss: {node: n3}}")
	assert.Contains(t, out, "time stands still")
	assert.Equal(t, false, postJSON(t, s.addresses["control"]+"/resume")["paused"])
	assert.InDelta(t, 7, postJSON(t, s.addresses["control"]+"/speed?x=7")["speed"], 0)
	assert.Contains(t, postJSON(t, s.addresses["control"]+"/speed?x=0")["error"], "a number above 0")

	resp, err := http.Get(s.addresses["n1"] + "/_nodes?filter_path=**.start_time_in_millis")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Contains(t, string(text), `"start_time_in_millis":1769846`, "the clocks show what they were told to: "+time.UnixMilli(1769846400000).UTC().String())
	s.stop()
	assert.NoError(t, <-s.ended)
}

// A node that was lost just now is still thought to be well: green is what comes when its
// copies are elsewhere.
func TestUntilGreenIsAfterTheLossThatWasOrderedBefore(t *testing.T) {
	s := serveScenario(t, "--as-is", "--out", filepath.Join(t.TempDir(), "out"))
	out, code := s.shell(t, "inject", "{node-loss: {node: n3}}")
	require.Zero(t, code, out)
	out, code = s.shell(t, "until", "green")
	require.Zero(t, code, out)
	resp, err := http.Get(s.addresses["n1"] + "/_cat/nodes?h=name&s=name")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, "n1\nn2\n", string(text), "the cluster knows of it")
	s.stop()
	assert.NoError(t, <-s.ended)
}

func TestTheReportIsWrittenAtTheEndWhileTheClusterIsServedOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s := serveScenario(t, "--speed", "1000", "--out", dir)
	require.True(t, s.until("the run is over"))
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	require.NoError(t, err)
	var report struct{ Verdict string }
	require.NoError(t, json.Unmarshal(text, &report))
	assert.Equal(t, "pass", report.Verdict, "the scenario's own fault struck, and what must hold held")
	out, _ := s.shell(t, "list")
	assert.Contains(t, out, "1  in force   node-loss n2  struck at 20s")
	out, code := s.shell(t, "inject", "{node-loss: {node: n3}}")
	assert.Equal(t, exit.CodeUsage, code)
	assert.Contains(t, out, "the run is over")
	resp, err := http.Get(s.addresses["n1"] + "/_cluster/health")
	require.NoError(t, err)
	assert.Equal(t, 200, resp.StatusCode)
	require.NoError(t, resp.Body.Close())
	s.stop()
	assert.False(t, s.until("\x00"), "nothing more is told")
	assert.NoError(t, <-s.ended)
}

func TestARunThatIsStoppedEarlyLeavesItsReport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	s := serveScenario(t, "--out", dir)
	out, _ := s.shell(t, "heal", "1")
	assert.Contains(t, out, "1  withdrawn  node-loss")
	s.stop()
	for s.lines.Scan() { // to the end, so that nobody waits for a reader
	}
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(<-s.ended))
	assert.FileExists(t, filepath.Join(dir, "report.json"))
}

func postJSON(t *testing.T, url string) map[string]any {
	t.Helper()
	resp, err := http.Post(url, "", nil)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	var v map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&v))
	return v
}

func TestAClusterThatNeverBecomesSteadyIsServed(t *testing.T) {
	const filter = "cluster.indices[0].settings={index.routing.allocation.require.zone: a}"
	for name, args := range map[string][]string{
		"as it is": {"--as-is"}, "in another state than described": {"--set", "steady={status: yellow, unassigned: 1}"}, "as described": {"--set", "steady={status: yellow, unassigned: 9}"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serveScenario(t, append(args, "--set", filter, "--out", filepath.Join(t.TempDir(), "out"))...)
			resp, err := http.Get(s.addresses["n1"] + "/_cluster/health")
			require.NoError(t, err)
			defer resp.Body.Close() //nolint:errcheck // reading only
			var health struct {
				Status     string `json:"status"`
				Unassigned int    `json:"unassigned_shards"`
			}
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&health))
			assert.Equal(t, "yellow", health.Status)
			assert.Equal(t, 9, health.Unassigned)
			s.stop()
			for s.lines.Scan() { // what it prints until it ends
				continue
			}
			<-s.ended
		})
	}
}

// Time leaps to the next fault of the plan, stands there if it is paused, and goes on by order
// until the cluster is green again.
func TestTimeLeapsToTheNextFaultAndUntilTheClusterIsGreen(t *testing.T) {
	s := serveScenario(t, "--speed", "0.001", "--out", filepath.Join(t.TempDir(), "out"))
	out, code := s.shell(t, "step")
	assert.Zero(t, code, out)
	assert.Contains(t, out, "in force")
	out, code = s.shell(t, "until", "yellow", "--within", "10m")
	assert.Zero(t, code, out)
	out, code = s.shell(t, "until", "green", "--within", "1h")
	assert.Zero(t, code, out)
	assert.Contains(t, out, "green at t=")
	out, code = s.shell(t, "until", "purple")
	assert.Equal(t, 2, code)
	assert.Contains(t, out, `health "purple": expected green, yellow or red`)
	s.stop()
}
