package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// jsonType is the type of bodies that an [Exchanger] carries.
const jsonType = "application/json"

// Exchanger is a transport that also takes a request with a body of JSON, or none, to a node
// as what it consists of. What comes of it must be what RoundTrip and the reading of the whole
// answer come to; a simulated cluster spares the requests and responses of package http, which
// cost more than the write of a small document.
type Exchanger interface {
	http.RoundTripper
	Exchange(ctx context.Context, node, method, uri string, body []byte) (status int, answer []byte, err error)
}

// Send makes one request of a node and reads the answer.
func Send(ctx context.Context, t http.RoundTripper, n Node, method, path, contentType string, body []byte) (status int, answer []byte, err error) {
	if x, ok := t.(Exchanger); ok && contentType == jsonType && plain(path) {
		return x.Exchange(ctx, n.Name, method, path, body)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := t.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // reading only
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// plain reports whether a path with its query is sent as it is: nothing in it is escaped, or
// would be.
func plain(path string) bool {
	for i := range len(path) {
		switch c := path[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '/', c == '-', c == '_', c == '.', c == '?', c == '=', c == '&', c == ',':
		default:
			return false
		}
	}
	return path != "" && path[0] == '/' && (len(path) == 1 || path[1] != '/')
}
