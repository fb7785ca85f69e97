package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// restClient is the harness's own client: plain HTTP, no retries, no pool of nodes.
type restClient struct{ client *http.Client }

func newRESTClient() *restClient { return restOver(newTransport()) }

// restOver is a client over a transport of somebody else, who presents credentials.
func restOver(t http.RoundTripper) *restClient { return &restClient{&http.Client{Transport: t}} }

func (r *restClient) close() { r.client.CloseIdleConnections() }

// statusError is an answer that is none of success.
type statusError struct {
	method, url string
	status      int
	body        string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", e.method, e.url, e.status, e.body)
}

func (r *restClient) get(ctx context.Context, url string, into any) error {
	return r.do(ctx, http.MethodGet, url, nil, into)
}

// send encodes a body, nil for none, and decodes the answer into into, nil to drop it.
func (r *restClient) send(ctx context.Context, method, url string, body, into any) error {
	var encoded []byte
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, url, err)
		}
	}
	return r.do(ctx, method, url, encoded, into)
}

func (r *restClient) do(ctx context.Context, method, url string, body []byte, into any) error {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, reader)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType(url))
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // reading only
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	if response.StatusCode >= 300 {
		return &statusError{method, url, response.StatusCode, strings.TrimSpace(string(answer))}
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, url, err)
	}
	return nil
}

// contentType tells newline-delimited bodies from single ones.
func contentType(url string) string {
	if strings.Contains(url, "/_bulk") {
		return "application/x-ndjson"
	}
	return "application/json"
}
