package main

import (
	"bufio"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/shardquake/shardquake/cmd/shardquake/internal/exit"
)

// ask sends a request as a browser would and returns its answer's status and text.
func (s *servedScenario) ask(t *testing.T, method, path, body string, header map[string]string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.addresses["control"]+path, strings.NewReader(body))
	require.NoError(t, err)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close() //nolint:errcheck // reading only
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(text)
}

// feed reads the live page's events as "kind data".
func (s *servedScenario) feed(t *testing.T) (next func(what ...string) string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.addresses["control"]+"/events", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return func(what ...string) string {
		t.Helper()
		kind := ""
	lines:
		for lines.Scan() {
			if k, is := strings.CutPrefix(lines.Text(), "event: "); is {
				kind = k
				continue
			}
			event := kind + strings.TrimPrefix(lines.Text(), "data:")
			for _, w := range what {
				if !strings.Contains(event, w) {
					continue lines
				}
			}
			return event
		}
		require.Fail(t, "the feed ended", "before it told %v", what)
		return ""
	}
}

func TestTheLivePageOfAServedClusterShowsAndOrdersFaults(t *testing.T) {
	s := serveScenario(t, "--as-is", "--speed", "50", "--out", filepath.Join(t.TempDir(), "out"))
	origin := map[string]string{"Origin": s.addresses["control"]}
	status, html := s.ask(t, http.MethodGet, "/", "", nil)
	assert.Equal(t, http.StatusOK, status)
	for _, part := range []string{`data-order="/faults"`, `data-order="/pause"`, `data-order="/until?health=green"`, `>node-loss</option>`, `id="map"`, `id="log"`} {
		assert.Contains(t, html, part)
	}
	assert.NotContains(t, html, ">api-errors</option>", "no controller is there to meet them")
	assert.NotContains(t, html, ">split</option>", "of another system")

	next := s.feed(t)
	next("plan ", `"faults":[]`)
	status, text := s.ask(t, http.MethodPost, "/faults", `{"node-loss":{"node":"n2","how":"kill"}}`, origin)
	assert.Equal(t, http.StatusCreated, status, text)
	next("plan ", `"state":"in force"`, `"victims":["n2"]`)
	next("log ", "fault 1, node-loss: in force")
	next("fault ", "node-loss n2")
	next("health ", "yellow")
	next("shards ", `"st":"U"`)
	status, _ = s.ask(t, http.MethodDelete, "/faults/1", "", origin)
	assert.Equal(t, http.StatusOK, status)
	next("plan ", `"state":"healed"`)
	next("healed ", "node-loss n2")
	status, _ = s.ask(t, http.MethodPost, "/pause", "", origin)
	assert.Equal(t, http.StatusOK, status)
	next("plan ", `"paused":true`)

	status, text = s.ask(t, http.MethodPost, "/resume", "", map[string]string{"Origin": "http://evil.example"})
	assert.Equal(t, http.StatusForbidden, status, text)
	assert.Equal(t, true, postJSON(t, s.addresses["control"]+"/pause")["paused"], "it was not resumed")
	s.stop()
	next("end ")
	assert.NoError(t, <-s.ended)
}

func TestTheLivePageBeyondTheLoopbackNeedsItsToken(t *testing.T) {
	root := newRootCommand()
	root.SetArgs([]string{"sim-serve", "one-node-lost", "--control", "0.0.0.0:0"})
	assert.Equal(t, exit.CodeUsage, exit.CodeOf(root.ExecuteContext(t.Context())), "without a token it isn't served there")

	s := serveScenario(t, "--as-is", "--control", "0.0.0.0:0", "--token", "secret", "--out", filepath.Join(t.TempDir(), "out"))
	for _, path := range []string{"/", "/events", "/plan"} {
		status, _ := s.ask(t, http.MethodGet, path, "", nil)
		assert.Equal(t, http.StatusUnauthorized, status, path)
	}
	status, _ := s.ask(t, http.MethodGet, "/?token=wrong", "", nil)
	assert.Equal(t, http.StatusUnauthorized, status)
	status, _ = s.ask(t, http.MethodGet, "/?token=secret", "", nil)
	assert.Equal(t, http.StatusSeeOther, status, "the browser has a cookie from now on")
	cookie := map[string]string{"Cookie": "shardquake-token=secret", "Origin": s.addresses["control"]}
	status, html := s.ask(t, http.MethodGet, "/", "", cookie)
	assert.Equal(t, http.StatusOK, status)
	assert.NotContains(t, html, "secret")
	status, _ = s.ask(t, http.MethodPost, "/pause", "", cookie)
	assert.Equal(t, http.StatusOK, status)
	s.stop()
	assert.NoError(t, <-s.ended)
}
