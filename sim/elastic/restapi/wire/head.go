package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
)

// Limits of what nodes read.
const (
	maxLine   = 4096  // http.max_initial_line_length
	maxHeader = 16384 // http.max_header_size
)

// head is a request line with its headers.
type head struct {
	method, uri, version string
	header               http.Header
	length               int64 // of the body; -1: it comes in chunks
}

// errTooLong ends a line that is longer than its limit.
var errTooLong = errors.New("too long")

func illegal(format string, args ...any) error {
	return &elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: fmt.Sprintf(format, args...)}
}

func tooLongLine() error {
	return &elastic.Error{
		Status: 400, Type: "too_long_http_line_exception", Reason: fmt.Sprintf("An HTTP line is larger than %d bytes.", maxLine),
	}
}

// readLine reads up to a line feed, without it and a carriage return before it.
func readLine(from *bufio.Reader, limit int) (string, error) {
	var line []byte
	for {
		c, err := from.ReadByte()
		switch {
		case err != nil:
			return "", err
		case c == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case len(line) == limit+1, len(line) == limit && c != '\r':
			return "", errTooLong
		}
		line = append(line, c)
	}
}

// readHead reads a request up to its body. Where the error is the node's, the head holds the
// version to refuse it in.
func readHead(from *bufio.Reader) (*head, error) {
	h := &head{version: "HTTP/1.0", header: http.Header{}}
	if err := skipControls(from); err != nil {
		return h, err
	}
	line, err := readLine(from, maxLine)
	if errors.Is(err, errTooLong) {
		err = tooLongLine()
	}
	if err != nil {
		return h, err
	}
	if err := h.parseLine(line); err != nil {
		return h, err
	}
	if err := h.readFields(from); err != nil {
		return h, err
	}
	return h, h.measure()
}

// skipControls passes over what may stand before a request.
func skipControls(from *bufio.Reader) error {
	for {
		c, err := from.ReadByte()
		if err != nil {
			return err
		}
		if c > ' ' && (c < 0x7f || c > 0x9f) {
			return from.UnreadByte()
		}
	}
}

func isGap(c byte) bool { return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r' }

// word splits off what stands before the next gap.
func word(s string) (first, rest string) {
	i := 0
	for i < len(s) && !isGap(s[i]) {
		i++
	}
	k := i
	for k < len(s) && isGap(s[k]) {
		k++
	}
	return s[:i], s[k:]
}

func (h *head) parseLine(line string) error {
	method, rest := word(line)
	uri, version := word(rest)
	for i := range len(method) {
		if !isToken(method[i]) {
			return illegal("Illegal character in HTTP Method: 0x%x", method[i])
		}
	}
	if last := line[len(line)-1]; last <= ' ' || last == 0x7f {
		return illegal("Illegal character in request line: 0x%x", last)
	}
	h.method, h.uri = method, latin(uri)
	if version == "" {
		return illegal("text is empty (possibly HTTP/0.9)")
	}
	version = strings.ToUpper(latin(version))
	if len(version) != len("HTTP/1.1") || version[:5] != "HTTP/" || !digit(version[5]) || version[6] != '.' || !digit(version[7]) {
		return illegal("invalid version format: %s", version)
	}
	h.version = version
	return nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func isToken(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || digit(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}

// latin is a text whose bytes are characters, as nodes read request lines and headers.
func latin(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// readFields reads the headers, up to the empty line after them.
func (h *head) readFields(from *bufio.Reader) error {
	size, name, value := 0, "", ""
	var bad error // the whole head is read before it is refused
	keep := func() {
		if name != "" && bad == nil {
			bad = h.add(name, value)
		}
		name = ""
	}
	for {
		line, err := readLine(from, maxHeader-size)
		if errors.Is(err, errTooLong) {
			return &elastic.Error{
				Status: 400, Type: "too_long_http_header_exception", Reason: fmt.Sprintf("HTTP header is larger than %d bytes.", maxHeader),
			}
		}
		if err != nil {
			return err
		}
		if line == "" {
			keep()
			return bad
		}
		size += len(line)
		if name != "" && (line[0] == ' ' || line[0] == '\t') {
			value += " " + strings.Trim(line, " \t")
			continue
		}
		keep()
		before, after, found := strings.Cut(line, ":")
		if !found && bad == nil {
			bad = illegal("No colon found")
		}
		if found && before == "" && bad == nil {
			bad = illegal("empty headers are not allowed []")
		}
		name, value = before, strings.Trim(after, " \t")
	}
}

func (h *head) add(name, value string) error {
	for i := range len(name) {
		if !isToken(name[i]) {
			return illegal(`a header name can only contain "token" characters, but found invalid character 0x%x at index %d of header '%s'.`, name[i], i, latin(name))
		}
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			e := &elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: "Validation failed for header '" + name + "'"}
			e.CausedBy = &elastic.Error{Type: e.Type, Reason: fmt.Sprintf("a header value contains prohibited character 0x%x at index %d.", c, i)}
			return e
		}
	}
	h.header.Add(name, latin(value))
	return nil
}

// measure finds how the body's end is told.
func (h *head) measure() error {
	given := h.header.Values("Content-Length")
	if len(given) > 1 || len(given) == 1 && strings.Contains(given[0], ",") {
		return illegal("Multiple Content-Length values found: [%s]", strings.Join(given, ", "))
	}
	chunked := false
	for _, v := range h.header.Values("Transfer-Encoding") {
		for part := range strings.SplitSeq(v, ",") {
			chunked = chunked || strings.EqualFold(strings.TrimSpace(part), "chunked")
		}
	}
	if len(given) == 1 && (given[0] == "" || !digit(given[0][0])) {
		return illegal("Content-Length value is not a number: %s", given[0])
	}
	if len(given) == 1 {
		n, err := strconv.ParseInt(given[0], 10, 64)
		if err != nil {
			e := &elastic.Error{Status: 400, Type: "illegal_argument_exception", Reason: "Content-Length value is not a number: " + given[0]}
			e.CausedBy = &elastic.Error{Type: "number_format_exception", Reason: `For input string: "` + given[0] + `"`}
			return e
		}
		h.length = n
	}
	if chunked {
		h.length = -1
	}
	return nil
}

// keepsAlive tells whether the connection goes on after the answer.
func (h *head) keepsAlive() bool {
	connection := h.header.Get("Connection")
	if h.version == "HTTP/1.1" {
		return !strings.EqualFold(connection, "close")
	}
	return h.version == "HTTP/1.0" && strings.EqualFold(connection, "keep-alive")
}

// discard reads on until the client has done.
func discard(from io.Reader) { _, _ = io.Copy(io.Discard, from) }
