//determinism:realtime connections of the machine; what answers them decides in virtual time

package wire

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/shardquake/shardquake/sim/elastic"
)

// acceptAgain is how long a port takes no connection after one could not be taken.
const acceptAgain = 20 * time.Millisecond

// Request is a request as it was read, with its body unpacked.
type Request struct {
	Method, URI string
	Header      http.Header
	Body        []byte
}

// Answer is what is written back.
type Answer struct {
	Status  int
	Headers []elastic.Field
	Body    []byte
}

// Server answers the connections of a port.
type Server struct {
	// Handle answers a request; with nil the connection is closed without an answer. The
	// context ends when the client hangs up.
	Handle func(context.Context, *Request) *Answer
	// Refuse words what could not be read.
	Refuse func(*elastic.Error) *Answer

	mu       sync.Mutex
	closed   bool
	listener net.Listener
	open     map[net.Conn]bool
}

// Serve answers until the server is closed.
func (s *Server) Serve(l net.Listener) {
	s.mu.Lock()
	s.listener, s.open = l, map[net.Conn]bool{}
	closed := s.closed
	s.mu.Unlock()
	if closed {
		_ = l.Close()
		return
	}
	for {
		conn, err := l.Accept()
		var passing net.Error
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case errors.As(err, &passing): // a client that has gone again, or more open files than there may be
			time.Sleep(acceptAgain)
			continue
		case err != nil:
			return
		case !s.keep(conn):
			_ = conn.Close()
			return
		}
		go s.attend(conn)
	}
}

func (s *Server) keep(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.open[conn] = true
	}
	return !s.closed
}

// Close closes the port and every connection to it.
func (s *Server) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.listener != nil {
		_ = s.listener.Close()
	}
	for conn := range s.open {
		_ = conn.Close()
	}
}

// attend answers one connection's requests, one after the other.
func (s *Server) attend(conn net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
		_ = conn.Close()
	}()
	from := bufio.NewReader(conn)
	for s.next(conn, from) {
	}
}

// next answers one request; false: the connection has ended.
func (s *Server) next(conn net.Conn, from *bufio.Reader) bool {
	h, err := readHead(from)
	if err != nil {
		return s.refuse(conn, from, h, err)
	}
	if h.version != "HTTP/1.1" && h.version != "HTTP/1.0" {
		return s.refuse(conn, from, h, illegal("Unexpected http protocol version: %s", h.version))
	}
	expected := h.header.Get("Expect")
	continues := strings.EqualFold(expected, "100-continue")
	switch {
	case expected != "" && !continues:
		return s.bare(conn, http.StatusExpectationFailed, false)
	case h.length > MaxBody && continues:
		return s.bare(conn, http.StatusRequestEntityTooLarge, false)
	case h.length > MaxBody:
		if s.bare(conn, http.StatusRequestEntityTooLarge, !h.keepsAlive()) {
			_, err := from.Discard(int(h.length))
			return err == nil
		}
		return false
	case continues:
		if _, err := conn.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return false
		}
	}
	body, err := readBody(from, h)
	if err != nil {
		return s.refuse(conn, from, h, err)
	}
	return s.answer(conn, from, h, body)
}

// answer has a request answered while it looks whether the client hangs up.
func (s *Server) answer(conn net.Conn, from *bufio.Reader, h *head, body []byte) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := make(chan struct{}) // something more came, or the end
	go func() {
		defer close(seen)
		if _, err := from.Peek(1); err != nil {
			cancel()
		}
	}()
	a := s.Handle(ctx, &Request{Method: h.method, URI: h.uri, Header: h.header, Body: body})
	if a == nil {
		return false
	}
	if id := h.header.Get("X-Opaque-Id"); id != "" {
		a.Headers = append([]elastic.Field{{Name: "X-Opaque-Id", Value: id}}, a.Headers...)
	}
	if s.write(conn, h, a) != nil || !h.keepsAlive() {
		return false
	}
	<-seen
	return true
}

// refuse answers what could not be read, or hangs up.
func (s *Server) refuse(conn net.Conn, from *bufio.Reader, h *head, err error) bool {
	var r *elastic.Error
	switch {
	case errors.Is(err, errTooLarge):
		return s.bare(conn, http.StatusRequestEntityTooLarge, true)
	case !errors.As(err, &r):
		return false
	}
	if s.write(conn, h, s.Refuse(r)) == nil && h.keepsAlive() {
		discard(from) // nodes keep such a connection and read nothing of it any more
	}
	return false
}

// bare answers with a status alone; false: the connection ends.
func (s *Server) bare(conn net.Conn, status int, ends bool) bool {
	text := fmt.Sprintf("HTTP/1.1 %d %s\r\ncontent-length: 0\r\n", status, http.StatusText(status))
	if ends {
		text += "connection: close\r\n"
	}
	_, err := conn.Write([]byte(text + "\r\n"))
	return err == nil && !ends
}

// write writes an answer, packed for a client that takes that.
func (s *Server) write(conn net.Conn, h *head, a *Answer) error {
	body, packed := a.Body, len(a.Body) > 0 && h.method != http.MethodHead && takesGzip(h.header)
	if packed {
		var buf bytes.Buffer
		w, err := gzip.NewWriterLevel(&buf, 3) // http.compression_level
		if err != nil {
			return err
		}
		_, _ = w.Write(body)
		_ = w.Close()
		body = buf.Bytes()
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %d %s\r\n", h.version, a.Status, http.StatusText(a.Status))
	for _, f := range a.Headers {
		fmt.Fprintf(&out, "%s: %v\r\n", f.Name, f.Value)
	}
	if packed {
		out.WriteString("content-encoding: gzip\r\n")
	}
	fmt.Fprintf(&out, "content-length: %d\r\n\r\n", len(body))
	if h.method != http.MethodHead {
		out.Write(body)
	}
	_, err := conn.Write(out.Bytes())
	return err
}

func takesGzip(header http.Header) bool {
	for part := range strings.SplitSeq(header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(name, "gzip") && strings.TrimSpace(quality) != "q=0" {
			return true
		}
	}
	return false
}

func text(n int32) string { return strconv.Itoa(int(n)) }
