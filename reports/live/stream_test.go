package live

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read returns the events that a reader is sent, as "kind data", until the stream ends.
func read(t *testing.T, url string) []string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer answer.Body.Close() //nolint:errcheck // reading only
	assert.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	var out []string
	kind := ""
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if k, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			kind = k
		}
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			out = append(out, kind+" "+data)
		}
	}
	return out
}

func TestALateReaderIsToldWhatItMissed(t *testing.T) {
	s, err := NewStream(map[string]any{"nodes": []string{"n1"}})
	require.NoError(t, err)
	server := httptest.NewServer(s)
	defer server.Close()
	require.NoError(t, s.Publish(Health, map[string]any{"from": 1, "status": "green"}))
	require.NoError(t, s.Publish(Now, map[string]any{"t": 2}))
	s.End()
	want := []string{`begin {"nodes":["n1"]}`, `health {"from":1,"status":"green"}`, `now {"t":2}`, "end {}"}
	assert.Equal(t, want, read(t, server.URL))
	assert.Equal(t, want, read(t, server.URL), "and so is the next")
}

func TestEventsReachAReaderWhoIsThere(t *testing.T) {
	s, err := NewStream(nil)
	require.NoError(t, err)
	server := httptest.NewServer(s)
	defer server.Close()
	got := make(chan []string)
	go func() { got <- read(t, server.URL) }()
	for i := range 100 {
		require.NoError(t, s.Publish(Now, map[string]any{"t": i}))
	}
	s.End()
	events := <-got
	assert.Len(t, events, 102, "the beginning, a hundred in order, the end")
	assert.Equal(t, `now {"t":99}`, events[100])
}

func TestWhatIsKeptIsBounded(t *testing.T) {
	s, err := NewStream(nil)
	require.NoError(t, err)
	for i := range mostKept + slack + 1 {
		require.NoError(t, s.Publish(Now, i))
	}
	events, next, lost, _, _ := s.since(1)
	assert.Len(t, events, mostKept)
	assert.Equal(t, mostKept+slack+1, next)
	assert.True(t, lost, "a reader that far behind begins anew")
}

func TestWhatStillHoldsIsToldHoweverLongAgoItWas(t *testing.T) {
	s, err := NewStream(nil)
	require.NoError(t, err)
	require.NoError(t, s.PublishState(Shards, "logs 0", "on n1"))
	require.NoError(t, s.PublishState(Shards, "logs 1", "on n1"))
	require.NoError(t, s.PublishState(Shards, "logs 0", "on n2"))
	for i := range 2 * (mostKept + slack) { // dropped more than once
		require.NoError(t, s.Publish(Now, i))
	}
	events, _, _, _, _ := s.since(0)
	assert.Equal(t, []event{{Shards, `"on n1"`, "shards logs 1"}, {Shards, `"on n2"`, "shards logs 0"}}, events[:2], "the last of each")
	assert.Equal(t, Now, events[2].kind)
}

func TestAReaderThatLeavesLeavesNothingBehind(t *testing.T) {
	s, err := NewStream(nil)
	require.NoError(t, err)
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r)
		close(done)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_ = answer.Body.Close()
	cancel()
	<-done
}
