package restapi_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sent writes bytes to a port and reads what comes back, up to the connection's end or until
// nothing more comes.
func sent(t *testing.T, url, bytes string) (answer string, ended bool) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, bytes)
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(400*time.Millisecond)))
	text, err := io.ReadAll(conn)
	return string(text), err == nil
}

// What a node of 8.19.0 was seen to answer to requests that HTTP libraries do not send.
func TestPortsReadAndRefuseWhatANodeDoes(t *testing.T) {
	s := serve(t, 1, "")
	const host = "Host: localhost\r\n"
	const put = "PUT /a/_doc/1 HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
	const name = "GET /_cat/nodes?h=name HTTP/1.1\r\n"
	for _, c := range []struct {
		sent, first, kind, reason string
		ended                     bool
	}{
		{sent: name + host + "X-A: " + strings.Repeat("a", 20000) + "\r\n\r\n", first: "HTTP/1.1 400", kind: "too_long_http_header_exception", reason: "HTTP header is larger than 16384 bytes."},
		{sent: name + host + "X-A: " + strings.Repeat("a", 16300) + "\r\n\r\n", first: "HTTP/1.1 200"},
		{sent: "GET /_cat?a=" + strings.Repeat("a", 5000) + " HTTP/1.1\r\n" + host + "\r\n", first: "HTTP/1.0 400", kind: "too_long_http_line_exception", reason: "An HTTP line is larger than 4096 bytes.", ended: true},
		{sent: "nonsense\r\n\r\n", first: "HTTP/1.0 400", kind: "illegal_argument_exception", reason: "text is empty (possibly HTTP/0.9)", ended: true},
		{sent: "foo bar baz\r\n\r\n", first: "HTTP/1.0 400", kind: "illegal_argument_exception", reason: "invalid version format: BAZ", ended: true},
		{sent: "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", first: "HTTP/1.0 400", kind: "illegal_argument_exception", ended: true},
		{sent: "{}GET / HTTP/1.1\r\n\r\n", first: "HTTP/1.0 400", kind: "illegal_argument_exception", reason: "Illegal character in HTTP Method: 0x7b", ended: true},
		{sent: "GET / HTTP/1.1 \r\n" + host + "\r\n", first: "HTTP/1.0 400", kind: "illegal_argument_exception", reason: "Illegal character in request line: 0x20", ended: true},
		{sent: "GET / HTTP/3.0\r\n" + host + "\r\n", first: "HTTP/3.0 400", kind: "illegal_argument_exception", reason: "Unexpected http protocol version: HTTP/3.0", ended: true},
		{sent: "GET /_cat HTTP/1.1\r\n" + host + "no colon here\r\n\r\n", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: "No colon found"},
		{sent: "GET /_cat HTTP/1.1\r\n: x\r\n\r\n", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: "empty headers are not allowed []"},
		{sent: "GET /_cat HTTP/1.1\r\nX-A : 1\r\n\r\n", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: `a header name can only contain \"token\" characters, but found invalid character 0x20 at index 3 of header 'X-A '.`},
		{sent: name + "X-A: a\x00b\r\n\r\n", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: "a header value contains prohibited character 0x0 at index 1."},
		{sent: name + "\r\n", first: "HTTP/1.1 200"},
		{sent: "\r\n\r\n" + name + host + host + "\r\n", first: "HTTP/1.1 200"},
		{sent: "GET _cat HTTP/1.1\r\n" + host + "\r\n", first: "HTTP/1.1 200"},
		{sent: "GET /_cat\thttp/1.1\n" + host + "\n", first: "HTTP/1.1 200"},
		{sent: "GET http://localhost/_cat HTTP/1.1\r\n" + host + "\r\n", first: "HTTP/1.1 400", reason: `no handler found for uri [http://localhost/_cat] and method [GET]`},
		{sent: "GET /_cat/%zz HTTP/1.1\r\n" + host + "\r\n", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: "invalid escape sequence `%zz' at index 6 of: /_cat/%zz"},
		{sent: "GET /\xc3\xa4/_search HTTP/1.1\r\n" + host + "\r\n", first: "HTTP/1.1 404", reason: "no such index [Ã¤]"},
		{sent: "CONNECT localhost:80 HTTP/1.1\r\n" + host + "\r\n", first: "HTTP/1.1 405", reason: "Incorrect HTTP method for uri [localhost:80] and method [CONNECT], allowed: [GET, PUT, DELETE, HEAD]"},
		{sent: "GET /_cat/nodes?h=name HTTP/1.0\r\n\r\n", first: "HTTP/1.0 200", ended: true},
		{sent: "GET /_cat/nodes?h=name HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", first: "HTTP/1.0 200"},
		{sent: name + host + "Connection: close\r\n\r\n", first: "HTTP/1.1 200", ended: true},
		{sent: "HEAD /nope HTTP/1.1\r\n" + host + "\r\n", first: "HTTP/1.1 404", reason: "content-length: 353"},
		{sent: name + host + "X-Opaque-Id: me\r\n\r\n", first: "HTTP/1.1 200", reason: "X-Opaque-Id: me\r\n"},
		{sent: put + "Content-Length: x\r\n\r\n", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: "Content-Length value is not a number: x"},
		{sent: put + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: "Multiple Content-Length values found: [2, 2]"},
		{sent: put + "Content-Length: 99999999999999999999\r\n\r\n", first: "HTTP/1.1 400", kind: "illegal_argument_exception", reason: "Content-Length value is not a number: 99999999999999999999"},
		{sent: put + "Content-Length: 209715200\r\n\r\n", first: "HTTP/1.1 413 Request Entity Too Large\r\ncontent-length: 0\r\n\r\n"},
		{sent: put + "Expect: 100-continue\r\nContent-Length: 209715200\r\n\r\n" + name + host + "\r\n", first: "HTTP/1.1 413 Request Entity Too Large\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200"},
		{sent: put + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", first: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201"},
		{sent: put + "Expect: foo\r\nContent-Length: 2\r\n\r\n" + name + host + "\r\n", first: "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200"},
		{sent: put + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nTrail: x\r\n\r\n", first: "HTTP/1.1 200"},
		{sent: put + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", first: "HTTP/1.1 200"},
		{sent: put + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", first: "HTTP/1.1 400", kind: "number_format_exception", reason: "Invalid character in chunk size"},
		{sent: put + "Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n{}\r\n0\r\n\r\n", first: "HTTP/1.1 400", kind: "number_format_exception", reason: "Chunk size overflow: -1"},
		{sent: put + "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("a", 5000) + "\r\n{}\r\n", first: "HTTP/1.1 400", kind: "too_long_http_line_exception"},
		{sent: put + "Transfer-Encoding: foo\r\n\r\n", first: "HTTP/1.1 400", kind: "parse_exception", reason: "request body is required"},
		{sent: put + "Content-Encoding: br\r\nContent-Length: 2\r\n\r\n{}", first: "HTTP/1.1 200"},
		{sent: put + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", first: "HTTP/1.1 400", kind: "parse_exception", reason: "request body is required"},
	} {
		answer, ended := sent(t, s.urls[0], c.sent)
		shown := fmt.Sprintf("%.120q: %.400q", c.sent, answer)
		assert.True(t, strings.HasPrefix(answer, c.first), shown)
		assert.Contains(t, answer, c.reason, shown)
		if c.kind != "" {
			assert.Contains(t, answer, `"type":"`+c.kind+`"`, shown)
		}
		assert.Equal(t, c.ended, ended, shown)
	}
}
