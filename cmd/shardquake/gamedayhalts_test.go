package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
	"github.com/shardquake/shardquake/integration/undo"
	"github.com/shardquake/shardquake/internal/control"
	"github.com/shardquake/shardquake/scenarios/gameday"
)

// found is the page of the drill, as shardquake gameday halt finds it.
func (d *drill) found(t *testing.T) string {
	t.Helper()
	g, err := grounds()
	require.NoError(t, err)
	var running []gameday.Running
	require.Eventually(t, func() bool {
		running, err = g.Running()
		return err == nil && len(running) == 1
	}, time.Minute, 5*time.Millisecond)
	return running[0].URL
}

// ways are how people end a game day; each may be used twice.
var ways = map[string]struct {
	who  string
	halt func(t *testing.T, d *drill)
}{
	"a signal": {"signal", func(_ *testing.T, d *drill) { d.stop() }},
	"the page": {"bob", func(t *testing.T, d *drill) {
		_, err := control.Client{URL: d.found(t)}.Ask(t.Context(), http.MethodPost, "/halt", []byte("bob: the shop is slow"))
		require.NoError(t, err)
	}},
	"a file": {"somebody", func(t *testing.T, _ *drill) {
		require.NoError(t, os.WriteFile(gameday.HaltFile, nil, 0o600))
	}},
	"gameday halt": {"carl", func(t *testing.T, _ *drill) {
		root := newRootCommand()
		root.SetArgs([]string{"gameday", "halt", "--as", "carl", "--reason", "the shop is slow"})
		require.NoError(t, root.ExecuteContext(t.Context()))
	}},
}

// stages are how far a drill is let on, from its start to a moment in which it is halted.
var stages = map[string]struct {
	during string
	args   []string
	until  func(t *testing.T, d *drill)
}{
	"while it is predicted": {gameday.Predicting, []string{"--set", "gameday.seeds=1000"}, func(t *testing.T, d *drill) { d.found(t) }},
	"before the approval": {gameday.Asking, []string{"--wait-for-page"}, func(t *testing.T, d *drill) {
		require.True(t, d.until("page "))
	}},
	"between the steps": {gameday.Going, []string{"--yes", "--set", "gameday.probes=[]"}, func(t *testing.T, d *drill) {
		require.True(t, d.until("step: look around"))
	}},
	"with a fault in force": {gameday.Going, []string{"--yes", "--speed", "5"}, func(t *testing.T, d *drill) {
		require.True(t, d.until("step: the master dies"))
		time.Sleep(400 * time.Millisecond) // two seconds of the drill: the node is gone by now
	}},
}

// haltedRecord is the report as a reader of JSON reads it.
type haltedRecord struct {
	Halt    *gameday.Halt    `json:"halt"`
	Actions []string         `json:"actions"`
	Moments []gameday.Moment `json:"moments"`
}

func TestAGameDayIsHaltedAtEveryStageInEveryWay(t *testing.T) {
	for stage, s := range stages {
		for way, w := range ways {
			t.Run(stage+", by "+way, func(t *testing.T) {
				d := startDrill(t, s.args...) // before the folder changes
				t.Chdir(t.TempDir())
				s.until(t, d)
				w.halt(t, d)
				halted := make(chan error, 1)
				go func() {
					for d.lines.Scan() { // to its end
					}
					halted <- <-d.ended
				}()
				var err error
				select {
				case err = <-halted:
				case <-time.After(time.Minute):
					t.Fatal("it goes on")
				}
				assert.Equal(t, exit.CodeAborted, exit.CodeOf(err))
				text, err := os.ReadFile(filepath.Join(d.out, "gameday.json"))
				require.NoError(t, err, "there is a report")
				var r haltedRecord
				require.NoError(t, json.Unmarshal(text, &r))
				require.NotNil(t, r.Halt)
				assert.Equal(t, w.who, r.Halt.Who)
				assert.NotEmpty(t, r.Halt.Reason)
				assert.Equal(t, s.during, r.Halt.During)
				assert.Empty(t, r.Halt.Error)
				assert.Less(t, r.Halt.Undone.D(), time.Second, "undone in time")
				assert.Contains(t, strings.Join(r.Actions, "\n"), "it was halted by "+w.who)
				page, err := os.ReadFile(filepath.Join(d.out, "gameday.html"))
				require.NoError(t, err)
				assert.Contains(t, string(page), "Halted by "+w.who)
				if s.during != gameday.Going {
					return
				}
				text, err = os.ReadFile(filepath.Join(d.out, "report.json"))
				require.NoError(t, err)
				assert.NotContains(t, string(text), `"healed_at": null`, "nothing is in force")
			})
		}
	}
}

func TestAHaltGivenTwiceIsOne(t *testing.T) {
	d := beginDrill(t)
	require.Equal(t, http.StatusAccepted, d.approve(t, d.plan, "me"))
	require.True(t, d.until("waits for approval"))
	d.order(t, "/halt", "bob: the shop is slow")
	_, _ = control.Client{URL: d.page}.Ask(t.Context(), http.MethodPost, "/halt", []byte("carl: me too")) // it may be gone
	d.stop()
	for d.lines.Scan() {
	}
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(<-d.ended))
	assert.Equal(t, "bob", d.kept(t).Halt.Who)
}

// Whoever is asked can say no on the page; what they say is the reason.
func TestWhoIsAskedCanRefuseOnThePage(t *testing.T) {
	d := beginDrill(t)
	res, err := http.PostForm(d.page+"/refuse", url.Values{"name": {"ann"}, "reason": {"not before the sale"}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	for d.lines.Scan() {
	}
	assert.Equal(t, exit.CodeAborted, exit.CodeOf(<-d.ended))
	assert.Equal(t, gameday.Asking, d.kept(t).Halt.During)
	assert.Equal(t, "not before the sale", d.kept(t).Halt.Reason)
}

func TestAFileThatLiesThereAlreadyLetsNoGameDayBegin(t *testing.T) {
	file, err := filepath.Abs("testdata/gameday.yaml")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	require.NoError(t, os.WriteFile(gameday.HaltFile, nil, 0o600))
	root := newRootCommand()
	root.SetArgs([]string{"gameday", file, "-q", "--yes", "--out", "out"})
	err = root.ExecuteContext(t.Context())
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(err))
	assert.ErrorContains(t, err, "a file HALT lies here")
}

// Refused before anything is predicted: a second game day on a cluster, and the next after a halt.
func TestASecondGameDayIsRefusedAndSoIsTheNextAfterAHalt(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	g, err := grounds()
	require.NoError(t, err)
	begin := func() error {
		root := newRootCommand()
		root.SetArgs([]string{"gameday", "testdata/gameday.yaml", "-q", "--backend", "real", "--yes", "--out", filepath.Join(t.TempDir(), "out")})
		return root.ExecuteContext(t.Context())
	}
	other := gameday.Running{Cluster: "drill-node-lost", URL: "http://127.0.0.1:1", PID: os.Getpid(), Born: undo.Born(os.Getpid())}
	require.NoError(t, g.Take(other))
	err = begin()
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(err))
	require.ErrorContains(t, err, "a game day on drill-node-lost goes on already, at http://127.0.0.1:1")
	require.NoError(t, g.Leave(other.Cluster, &gameday.Halt{Reason: "the shop is slow", Who: "bob"}))
	err = begin()
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(err))
	require.ErrorContains(t, err, "was halted: the shop is slow (bob); shardquake gameday lift drill-node-lost lets the next begin")
	root := newRootCommand()
	root.SetArgs([]string{"gameday", "lift", "drill-node-lost"})
	require.NoError(t, root.ExecuteContext(t.Context()))
	require.NoError(t, g.Take(other), "and now it may")
}
