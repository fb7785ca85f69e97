package wire

import (
	"bufio"
	"strings"
	"testing"
)

// Whatever a client sends is read, refused or found to be cut off, and never more than a node takes.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n", "{", "a b HTTP/1.1\r\n:\r\n\r\n", "a  b c\r\n\r\n",
		"PUT /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "PUT /a HTTP/1.1\r\nContent-Length: 7\r\n\r\n{}",
		"PUT /a HTTP/1.0\r\nContent-Encoding: deflate\r\nContent-Length: 2\r\n\r\n{}", "PUT /a HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
		"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		from := bufio.NewReader(strings.NewReader(text))
		h, err := readHead(from)
		if err != nil || h.length > MaxBody {
			return
		}
		if body, err := readBody(from, h); err == nil && len(body) > MaxBody {
			t.Errorf("a body of %d bytes", len(body))
		}
	})
}
