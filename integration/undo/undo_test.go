//go:build unix

package undo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/chaos"
	"github.com/shardquake/shardquake/chaos/journal"
	"github.com/shardquake/shardquake/integration/links"
	"github.com/shardquake/shardquake/integration/undo"
)

// nowhere takes no connection.
const nowhere = "http://127.0.0.1:1"

func TestAProxyIsMadeWholeTwiceWithoutHarm(t *testing.T) {
	server, err := links.Serve()
	require.NoError(t, err)
	defer server.Close() //nolint:errcheck // a test's
	s, key := links.NewSet(), links.Key{From: "n1", To: "n2"}
	_, err = s.Add(server.Client, key, "127.0.0.1:0", "127.0.0.1:1")
	require.NoError(t, err)
	require.NoError(t, s.Shape(t.Context(), "n1", "n2", chaos.Shape{Latency: time.Second}))
	require.NoError(t, s.Cut(t.Context(), "n1", "n2", chaos.Reset))
	step := journal.Step{Proxy: &journal.Proxy{API: []string{nowhere, server.Address()}, Name: key.Name()}}
	for range 2 {
		require.NoError(t, undo.Do(t.Context(), journal.Entry{Undo: []journal.Step{step}}))
		p, err := server.Client.Proxy(key.Name())
		require.NoError(t, err)
		assert.True(t, p.Enabled)
		assert.Empty(t, p.ActiveToxics)
	}
	step.Proxy.Name = "n1-to-n9"
	require.NoError(t, undo.Do(t.Context(), journal.Entry{Undo: []journal.Step{step}}), "what is gone needs nothing")
}

func TestAProxyThatCannotBeReachedIsNotUndone(t *testing.T) {
	e := journal.Entry{Undo: []journal.Step{{Proxy: &journal.Proxy{API: []string{nowhere}, Name: "x"}}}}
	require.Error(t, undo.Do(t.Context(), e))
	dead := exec.Command("true")
	require.NoError(t, dead.Run())
	within := journal.Process{PID: dead.Process.Pid, Born: "1"}
	e.Undo[0].Proxy.Within = &within
	require.NoError(t, undo.Do(t.Context(), e), "it went with its process")
}

func TestAStoppedProcessGoesOn(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("looks into /proc, which this system hasn't got")
	}
	cmd := exec.Command("sleep", "60")
	require.NoError(t, cmd.Start())
	defer cmd.Wait()         //nolint:errcheck // killed
	defer cmd.Process.Kill() //nolint:errcheck // a test's
	p := undo.Process(cmd.Process.Pid)
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	state := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
		require.NoError(t, err)
		return strings.Fields(string(text))[2]
	}
	require.Eventually(t, func() bool { return state() == "T" }, time.Minute, time.Millisecond)
	stranger := p
	stranger.Born = "another's"
	require.NoError(t, undo.Do(t.Context(), journal.Entry{Undo: []journal.Step{{Continue: &stranger}}}))
	assert.Equal(t, "T", state(), "a later process of the same number is left alone")
	for range 2 {
		require.NoError(t, undo.Do(t.Context(), journal.Entry{Undo: []journal.Step{{Continue: &p}}}))
	}
	require.Eventually(t, func() bool { return state() != "T" }, time.Minute, time.Millisecond)
}

// counting answers every request with a status and says what came.
func counting(t *testing.T, status int) (url string, came *[]string) {
	t.Helper()
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.Path)
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, &got
}

func TestARequestGoesToTheFirstNodeThatTakesIt(t *testing.T) {
	busy, askedBusy := counting(t, http.StatusServiceUnavailable)
	well, askedWell := counting(t, http.StatusOK)
	r := &journal.Request{Method: http.MethodPut, URLs: []string{nowhere + "/s", busy + "/s", well + "/s"}, Body: "{}"}
	require.NoError(t, undo.Do(t.Context(), journal.Entry{Undo: []journal.Step{{Request: r}}}))
	assert.Equal(t, []string{"PUT /s"}, *askedBusy)
	assert.Equal(t, []string{"PUT /s"}, *askedWell)
	r.URLs = r.URLs[:2]
	assert.ErrorContains(t, undo.Do(t.Context(), journal.Entry{Undo: []journal.Step{{Request: r}}}), "503")
}

func TestHealUndoesLastFirstAndOnlyOnce(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "journal.jsonl")
	j, err := journal.Create(path, "x")
	require.NoError(t, err)
	log := filepath.Join(folder, "log")
	writes := func(word string) []journal.Step {
		return []journal.Step{{Command: &journal.Command{Words: []string{"sh", "-c", "echo " + word + " >>" + log}}}}
	}
	for _, on := range []string{"one", "two", "three"} {
		require.NoError(t, j.Begin(journal.Entry{On: on, What: on, Undo: writes(on)}))
	}
	require.NoError(t, j.Begin(journal.Entry{On: "never", What: "never", Undo: []journal.Step{{Command: &journal.Command{Words: []string{"false"}}}}}))
	require.NoError(t, j.Undone("two", "the run"))
	require.NoError(t, j.Close())
	var told []string
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	left, err := undo.Heal(t.Context(), path, true, tell)
	require.NoError(t, err)
	assert.Zero(t, left)
	_, err = os.Stat(log)
	require.ErrorIs(t, err, os.ErrNotExist, "a dry run does nothing")
	for range 2 {
		left, err = undo.Heal(t.Context(), path, false, tell)
		require.NoError(t, err)
		assert.Equal(t, 1, left, "what can't be undone is told every time")
	}
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	assert.Equal(t, "three\none\n", string(text))
}
