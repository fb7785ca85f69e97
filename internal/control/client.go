//determinism:realtime the shell's side, on the machine's network

package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// limit bounds an order: the probes of a slow run take a while.
const limit = 2 * time.Minute

// Client gives orders.
type Client struct{ URL, Token string }

// Ask sends an order and returns its answer, JSON; an error is the server's where it has one.
func (c Client) Ask(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(c.URL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end, or given up
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		var f Failure
		if json.Unmarshal(text, &f) != nil || f.Error == "" {
			f.Error = strings.TrimSpace(string(text))
		}
		return nil, fmt.Errorf("%s %s: %d: %s", method, path, res.StatusCode, f.Error)
	}
	return text, nil
}
