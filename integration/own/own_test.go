package own

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/undo"
	"github.com/shardquake/shardquake/internal/units"
)

const staging = `
name: staging
uuid: Zx8uV1
budget: 1
zone: zone
nodes:
  es-1:
    http: http://127.0.0.1:9201
    docker: {container: own-es-1, network: ownnet, path: /data}
  es-2:
    http: http://127.0.0.1:9202
    ssh: {host: ops@es-2, unit: elasticsearch, sudo: true, path: /var/lib/elasticsearch, timer: 5m}
  es-3:
    http: http://127.0.0.1:9203
    kubernetes: {namespace: es, pod: es-2, chaos-mesh: true}
  es-4:
    http: http://127.0.0.1:9204
    commands:
      kill: {do: [touch, DOWN], undo: [rm, -f, DOWN], probe: [test, -e, DOWN], within: 5s}
`

func read(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("cluster.yaml", []byte(text))
	require.NoError(t, err)
	return c
}

func TestWhatIsWrongInAClusterFileIsToldAtItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"uuid: x\nnodes: {a: {http: 'http://h:1'}}":                                            "name: expected the cluster's name",
		"name: s\nnodes: {a: {http: 'http://h:1'}}":                                            "uuid: expected the cluster's UUID",
		"name: s\nuuid: x":                                                                     "nodes: expected the nodes that may be touched",
		"name: s\nuuid: x\nload: mine\nnodes: {a: {http: 'http://h:1'}}":                       `3:7: unknown load "mine"`,
		"name: s\nuuid: x\nnodes:\n  a: {http: here}":                                          `4:6: node a: http: expected the address`,
		"name: s\nuuid: x\nnodes:\n  a: {http: 'http://h:1', ssh: {host: h}}":                  "node a: ssh: expected unit:, or pid-file: and start:",
		"name: s\nuuid: x\nnodes:\n  a: {http: 'http://h:1', docker: {container: 'a; b'}}":     "node a: docker: expected container: NAME",
		"name: s\nuuid: x\nnodes:\n  a: {http: 'http://h:1', commands: {kil: {do: [x]}}}":      `unknown command "kil"; did you mean "kill"?`,
		"name: s\nuuid: x\nnodes:\n  a: {http: 'http://h:1', commands: {kill: {do: [x]}}}":     "commands: kill: expected do: and undo:",
		"name: s\nuuid: x\nnodes:\n  a: {http: 'http://h:1', docker: {container: a}, ssh: {}}": "expected one of docker, ssh and kubernetes",
		"name: s\nuuid: x\nnods: {}":                                                           "nods",
	} {
		_, err := Parse("cluster.yaml", []byte(text))
		require.ErrorIs(t, err, ErrConfig, text)
		assert.ErrorContains(t, err, want)
	}
}

var fourNodes = chaos.Topology{System: chaos.Elasticsearch, Nodes: []string{"es-1", "es-2", "es-3", "es-4"}}

// rehearse goes through one fault and returns its commands.
func rehearse(t *testing.T, c *Config, f chaos.Fault) (*Rehearsal, []string, error) {
	t.Helper()
	r, err := c.Rehearse(t.Context(), []chaos.Entry{{Fault: f}}, fourNodes, 2*time.Minute)
	if err != nil {
		return nil, nil, err
	}
	var lines []string
	for _, o := range r.Orders {
		mark := "do "
		if o.Undo {
			mark = "undo "
		}
		lines = append(lines, mark+o.String())
	}
	return r, lines, nil
}

func TestADryRunShowsEveryCommandAndHowItIsUndone(t *testing.T) {
	c := read(t, staging)
	lost := units.Duration(time.Minute)
	_, lines, err := rehearse(t, c, &chaos.NodeLoss{Node: "es-1", For: lost})
	require.NoError(t, err)
	assert.Equal(t, []string{"do docker kill own-es-1", "undo docker start own-es-1"}, lines)

	_, lines, err = rehearse(t, c, &chaos.Partition{Between: []chaos.Selector{"es-1"}, And: []chaos.Selector{"rest"}, For: lost})
	require.NoError(t, err)
	require.Len(t, lines, 2, "the node is isolated once, whatever the number of its links")
	assert.Equal(t, "do docker network disconnect ownnet own-es-1", lines[0])
	assert.Contains(t, lines[1], "docker network connect ownnet own-es-1")

	r, lines, err := rehearse(t, c, &chaos.NodeLoss{Node: "es-2", How: "pause", For: lost})
	require.NoError(t, err)
	require.Len(t, lines, 2)
	assert.Contains(t, lines[0], "ssh -o BatchMode=yes -o ConnectTimeout=5 ops@es-2")
	assert.Contains(t, lines[0], "sleep 300 & wait $!; trap - TERM; sudo -n systemctl kill --signal=CONT elasticsearch", "its own machine ends it after five minutes")
	assert.Empty(t, r.Bound)

	_, lines, err = rehearse(t, c, &chaos.NodeLoss{Node: "es-3", How: "stop", For: lost})
	require.NoError(t, err)
	assert.Equal(t, "do kubectl --namespace es delete pod es-2 --wait=false", lines[0])

	r, lines, err = rehearse(t, c, &chaos.NodeLoss{Node: "es-4", For: lost})
	require.NoError(t, err)
	assert.Equal(t, []string{"do touch DOWN", "undo rm -f DOWN"}, lines)
	assert.Equal(t, []string{"kill of es-4"}, r.Bound, "nobody else undoes a command of one's own")
}

func TestWhatTheFileHasNoWayToDoIsRefusedBeforeAnythingIs(t *testing.T) {
	c := read(t, staging)
	for _, bad := range []struct {
		fault chaos.Fault
		want  string
	}{
		{&chaos.NodeLoss{Node: "es-4", How: "pause"}, "no way to pause node es-4"},
		{&chaos.Partition{Between: []chaos.Selector{"es-2"}, And: []chaos.Selector{"es-4"}}, "cut off as a whole"},
		{&chaos.Partition{Between: []chaos.Selector{"es-1"}, And: []chaos.Selector{"es-2"}}, "comes to nothing"},
		{&chaos.Link{Between: []chaos.Selector{"es-1"}, And: []chaos.Selector{"rest"}, Latency: units.Duration(time.Second)}, "can't be slowed"},
		{&chaos.NodeLoss{Node: "es-2", For: units.Duration(time.Hour)}, "lasts 1h0m0s, and the timer on its machine"},
	} {
		_, _, err := rehearse(t, c, bad.fault)
		assert.ErrorContains(t, err, bad.want)
	}
}

// healthy is a cluster in which every shard has two copies.
func healthy() Picture {
	return Picture{
		Members: []string{"es-1", "es-2", "es-3", "es-4"}, Voters: []string{"es-1", "es-2", "es-3"},
		Zones:  map[string]string{"es-1": "a", "es-2": "a", "es-3": "b", "es-4": "b"},
		Copies: []Copy{{"logs", 0, "es-1", true}, {"logs", 0, "es-3", true}, {"logs", 1, "es-2", true}, {"logs", 1, "es-4", true}},
	}
}

func TestTheLimitsHoldForTheClusterAsItIsNow(t *testing.T) {
	c := read(t, strings.Replace(staging, "budget: 1", "budget: 2", 1))
	require.NoError(t, c.Allows(healthy(), []string{"es-1"}))
	assert.ErrorContains(t, c.Allows(healthy(), []string{"es-9"}), "not in the cluster file")
	assert.ErrorContains(t, c.Allows(healthy(), []string{"es-1", "es-3"}), "in zones a, b")
	assert.ErrorContains(t, c.Allows(healthy(), []string{"es-1", "es-2"}), "no majority")

	gone := healthy()
	gone.Members = []string{"es-1", "es-2", "es-3"}
	assert.ErrorContains(t, c.Allows(gone, []string{"es-1"}), "in zones a, b", "es-4 is down already")
	one := read(t, staging)
	assert.ErrorContains(t, one.Allows(gone, []string{"es-3"}), "the budget is 1")

	last := healthy()
	last.Copies[1].Started = false
	assert.ErrorContains(t, one.Allows(last, []string{"es-1"}), "the last started copy of [logs][0]")
	last.Copies[0].Node, last.Copies[0].Started = "", false
	assert.NoError(t, one.Allows(last, []string{"es-1"}), "a shard that is lost already can't be lost again")
}

func TestWhatIsNotSteadyIsTold(t *testing.T) {
	c := read(t, staging)
	assert.Empty(t, c.Unsteady(healthy()))
	p := healthy()
	p.Members, p.Copies[2].Started = p.Members[:3], false
	assert.Equal(t, []string{"node es-4 is not in the cluster", "a copy of [logs][1] is not started"}, c.Unsteady(p))
}

// seeing is eyes before which a node is as told.
type seeing map[string]chaos.ProcessState

func (s seeing) Answers(_ context.Context, node string) chaos.ProcessState { return s[node] }

func (s seeing) Usage(context.Context, string) (chaos.DiskUsage, error) {
	return chaos.DiskUsage{Used: 30, Total: 100}, nil
}

func TestCommandsOfOnesOwnAreDoneProbedAndUndone(t *testing.T) {
	down := filepath.Join(t.TempDir(), "down")
	f := NewFleet(read(t, strings.ReplaceAll(staging, "DOWN", down)), seeing{})
	require.NoError(t, f.Kill(t.Context(), "es-4"))
	assert.FileExists(t, down)
	state, err := f.State(t.Context(), "es-4")
	require.NoError(t, err)
	assert.Equal(t, chaos.Exited, state)
	require.NoError(t, f.Start(t.Context(), "es-4"))
	assert.NoFileExists(t, down)
	state, err = f.State(t.Context(), "es-4")
	require.NoError(t, err)
	assert.Equal(t, chaos.Running, state)

	// With this program gone, the journal's steps do the same, and again without harm.
	require.NoError(t, f.Kill(t.Context(), "es-4"))
	entry := journal.Entry{On: "process es-4", Undo: f.OfProcess("es-4")}
	require.NoError(t, undo.Do(t.Context(), entry))
	assert.NoFileExists(t, down)
	require.NoError(t, undo.Do(t.Context(), entry))
}

func TestAnActionThatDoesNotTakeHoldIsAnErrorWithinItsTime(t *testing.T) {
	text := strings.Replace(staging, "do: [touch, DOWN]", "do: ['true']", 1)
	f := NewFleet(read(t, strings.ReplaceAll(strings.Replace(text, "within: 5s", "within: 300ms", 1), "DOWN", filepath.Join(t.TempDir(), "x"))), seeing{})
	err := f.Kill(t.Context(), "es-4")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.ErrorContains(t, err, "node es-4 is not gone after kill")
	assert.ErrorContains(t, f.Kill(t.Context(), "es-9"), "not in the cluster file, and is not touched")
}

// TestPodsAreActedOnThroughKubectl has a kubectl in its place that writes down what it is told.
func TestPodsAreActedOnThroughKubectl(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := "#!/bin/sh\necho \"$@\" >>" + log + "\ncase \"$*\" in *apply*) cat >>" + log + ";; *'get networkchaos'*) grep -q '^{' " + log + " && ! grep -q 'delete networkchaos' " + log + ";; esac\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kubectl"), []byte(script), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	f := NewFleet(read(t, staging), seeing{"es-3": chaos.Exited})
	require.NoError(t, f.Kill(t.Context(), "es-3"))
	isolation := Isolation{f}
	for _, other := range []string{"es-1", "es-2", "es-4"} {
		require.NoError(t, isolation.Cut(t.Context(), "es-3", other, chaos.Blackhole))
		require.NoError(t, isolation.Cut(t.Context(), other, "es-3", chaos.Blackhole))
	}
	p, err := isolation.Probe(t.Context(), "es-1", "es-3")
	require.NoError(t, err)
	assert.Equal(t, chaos.Blackhole, p.State)
	require.NoError(t, isolation.Mend(t.Context(), "es-3", "es-1"))
	p, err = isolation.Probe(t.Context(), "es-1", "es-3")
	require.NoError(t, err)
	assert.Equal(t, chaos.Whole, p.State)
	told, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Contains(t, string(told), "--namespace es delete pod es-2 --grace-period=0 --force --wait=false")
	assert.Contains(t, string(told), `"kind":"NetworkChaos"`)
	assert.Contains(t, string(told), "delete networkchaos shardquake-isolate-es-3 --ignore-not-found")
}

// A machine of its own behind ssh, which here is this one.
func TestWhatIsDoneOverSSHIsUndoneByAnOrderOrByTheMachineItself(t *testing.T) {
	dir := t.TempDir()
	// Of ssh's words the last is what the machine's shell is told.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n"), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	pid, start := filepath.Join(dir, "pid"), filepath.Join(dir, "start")
	require.NoError(t, os.WriteFile(start, []byte("#!/bin/sh\nsleep 600 >/dev/null 2>&1 </dev/null & echo $! >"+pid+"\n"), 0o755))
	node := "es-" + filepath.Base(filepath.Dir(dir)) // whose timers no other test has
	config := func(timer string) *Fleet {
		return NewFleet(read(t, "name: s\nuuid: u\nnodes:\n  "+node+": {http: 'http://h:1', ssh: {host: h, pid-file: "+pid+", start: "+start+", timer: "+timer+"}}"), seeing{})
	}
	runs := func(f *Fleet) bool {
		s, err := f.State(t.Context(), node)
		require.NoError(t, err)
		return s == chaos.Running
	}
	f := config("10m")
	require.NoError(t, f.Start(t.Context(), node))
	t.Cleanup(func() {
		_ = f.Kill(context.Background(), node)
		_ = os.Remove("/tmp/shardquake-" + node + "-kill.timer")
	})
	require.True(t, runs(f))
	require.NoError(t, f.Kill(t.Context(), node))
	require.False(t, runs(f))
	assert.FileExists(t, "/tmp/shardquake-"+node+"-kill.timer")
	require.NoError(t, f.Start(t.Context(), node))
	require.True(t, runs(f))
	assert.NoFileExists(t, "/tmp/shardquake-"+node+"-kill.timer", "the timer went with it")
	require.NoError(t, undo.Do(t.Context(), journal.Entry{Undo: f.OfProcess(node)}), "a second undo finds nothing to undo")

	// Nobody undoes it now: the driver is gone, and its host.
	f = config("1s")
	require.NoError(t, f.Kill(t.Context(), node))
	require.Eventually(t, func() bool { return runs(f) }, time.Minute, 50*time.Millisecond)
}

func TestADiskIsFilledByWhatIsMissing(t *testing.T) {
	var given []Call
	f := newFleet(read(t, staging), seeing{}, func(_ context.Context, c Call) (string, error) {
		given = append(given, c)
		return "", nil
	})
	require.NoError(t, f.Fill(t.Context(), "es-1", 75))
	require.NoError(t, f.Free(t.Context(), "es-1"))
	require.Len(t, given, 2)
	assert.Equal(t, "docker exec --user 0 own-es-1 fallocate -l 45 /data/shardquake-ballast", strings.Join(given[0].Words, " "))
	assert.Equal(t, Undo, given[1].Phase)
	assert.ErrorContains(t, f.Fill(t.Context(), "es-4", 75), "no way to fill node es-4")
}
