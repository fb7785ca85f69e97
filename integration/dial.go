package integration

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// A link's proxy takes a connection whatever is behind it, and closes it when nobody is. Where
// there is no proxy that is a refused connection, which says that nobody has seen the request.
// So a node that has failed is dialled with a short wait for the proxy's verdict.
const (
	dialLimit    = 5 * time.Second
	verdictLimit = 500 * time.Millisecond
)

// linkedTransport is a viewer's transport over its links. A dial to a proxy on this machine
// takes no time; everything else is bounded by the caller's context.
type linkedTransport struct {
	base   *http.Transport
	dialer net.Dialer

	mu      sync.Mutex
	doubted map[string]bool // addresses of which the last request failed
}

func newTransport() *linkedTransport {
	t := &linkedTransport{dialer: net.Dialer{Timeout: dialLimit}, doubted: make(map[string]bool)}
	t.base = &http.Transport{DialContext: t.dial, MaxIdleConnsPerHost: 32, DisableCompression: true}
	return t
}

// RoundTrip implements [http.RoundTripper].
func (t *linkedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(req)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doubted[req.URL.Host] = err != nil
	return resp, err
}

// CloseIdleConnections closes those that are not in use.
func (t *linkedTransport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t *linkedTransport) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := t.dialer.DialContext(ctx, network, address)
	t.mu.Lock()
	doubted := t.doubted[address]
	t.mu.Unlock()
	if err != nil || !doubted {
		return conn, err
	}
	if err := verdict(conn); err != nil {
		conn.Close() //nolint:errcheck // it is of no use any more
		return nil, &net.OpError{Op: "dial", Net: network, Addr: conn.RemoteAddr(), Err: err}
	}
	return conn, nil
}

// verdict waits for the proxy to close a connection that leads nowhere. A server says nothing
// before it is asked, so silence is a good sign.
func verdict(conn net.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(verdictLimit)); err != nil {
		return err
	}
	var one [1]byte
	n, err := conn.Read(one[:])
	switch {
	case n > 0:
		return fmt.Errorf("the node spoke before it was asked")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return conn.SetReadDeadline(time.Time{})
	}
	return syscall.ECONNREFUSED
}
