package restapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

// raw sends lines to a node's port and reads the answers.
func raw(t *testing.T, url string, requests ...string) []*http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	reader := bufio.NewReader(conn)
	var out []*http.Response
	for _, q := range requests {
		_, err := io.WriteString(conn, strings.ReplaceAll(q, "\n", "\r\n"))
		require.NoError(t, err)
		resp, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		resp.Body = io.NopCloser(bytes.NewReader(body))
		out = append(out, resp)
	}
	return out
}

func TestBodiesArePackedBothWays(t *testing.T) {
	s := serve(t, 1, "")
	post := func(body []byte) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.urls[0]+"/logs/_doc/1", bytes.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Content-Encoding", "gzip")
		req.Header.Set("Accept-Encoding", "gzip")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if errors.Is(err, io.EOF) {
			return nil, ""
		}
		require.NoError(t, err)
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(text)
	}
	resp, text := post(packed(t, []byte(`{"n":1}`)))
	assert.Equal(t, 201, resp.StatusCode)
	assert.Equal(t, "gzip", resp.Header.Get("Content-Encoding"))
	unpacked, err := gzip.NewReader(strings.NewReader(text))
	require.NoError(t, err)
	whole, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	assert.Contains(t, string(whole), `"result":"created"`)
	resp, _ = post([]byte("no gzip at all, not by its beginning and not by its end"))
	assert.Nil(t, resp, "nodes hang up")
	resp, text = post(packed(t, make([]byte, 101<<20)))
	assert.Equal(t, 413, resp.StatusCode, "what comes out counts")
	assert.Empty(t, text)
}

func TestConnectionsAreKeptAsTheirVersionSays(t *testing.T) {
	s := serve(t, 1, "")
	host := "Host: localhost\n"
	kept := raw(t, s.urls[0], "GET /_cluster/health HTTP/1.1\n"+host+"\n", "GET /_cat HTTP/1.1\n"+host+"\n")
	assert.Equal(t, 200, kept[1].StatusCode, "the second on the same connection")
	old := raw(t, s.urls[0], "GET /_cluster/health HTTP/1.0\n"+host+"\n")
	assert.Equal(t, 200, old[0].StatusCode)
	assert.True(t, old[0].Close, "a client of HTTP/1.0 is not kept")
	chunked := raw(t, s.urls[0], "PUT /logs/_doc/1 HTTP/1.1\n"+host+"Content-Type: application/json\nTransfer-Encoding: chunked\n\n4\n{\"n\"\n3\n:1}\n0\n\n")
	assert.Equal(t, 201, chunked[0].StatusCode)
}

func TestNodesPublishTheAddressesAtWhichTheyAreServed(t *testing.T) {
	s := serve(t, 2, "")
	body := get(t, s.urls[0]+"/_nodes/http").body
	for _, url := range s.urls {
		assert.Contains(t, body, fmt.Sprintf(`"publish_address":%q`, strings.TrimPrefix(url, "http://")))
	}
}
