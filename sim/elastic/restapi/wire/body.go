package wire

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"strings"

	"github.com/shardquake/shardquake/sim/elastic"
)

// MaxBody is the largest body that a node takes, http.max_content_length.
const MaxBody = 100 << 20

var (
	// errTooLarge is a body that turned out to be larger while it was read.
	errTooLarge = errors.New("too large")
	// errCorrupt is one that cannot be unpacked: nodes hang up.
	errCorrupt = errors.New("corrupt")
)

// readBody reads a request's body, and unpacks it where it was packed.
func readBody(from *bufio.Reader, h *head) ([]byte, error) {
	var body []byte
	var err error
	switch {
	case h.length < 0:
		body, err = readChunks(from)
	case h.length > 0:
		// The room grows with what comes: the length is only said.
		if body, err = io.ReadAll(io.LimitReader(from, h.length)); err == nil && int64(len(body)) < h.length {
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		return nil, err
	}
	return unpack(h, body)
}

// unpack undoes the encoding that a node knows; others are left as they are.
func unpack(h *head, body []byte) ([]byte, error) {
	encoding := h.header.Get("Content-Encoding")
	if encoding == "" {
		encoding, _, _ = strings.Cut(h.header.Get("Transfer-Encoding"), ",")
	}
	var unpacked io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "gzip", "x-gzip":
		unpacked, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate", "x-deflate":
		if len(body) > 1 && body[0]&0x78 == 0x78 && (int(body[0])<<8|int(body[1]))%31 == 0 {
			unpacked, err = zlib.NewReader(bytes.NewReader(body))
		} else {
			unpacked = flate.NewReader(bytes.NewReader(body))
		}
	default:
		return body, nil
	}
	h.header.Del("Content-Encoding")
	var out []byte
	if err == nil {
		out, err = io.ReadAll(io.LimitReader(unpacked, MaxBody+1))
	}
	switch {
	case len(out) > MaxBody:
		return nil, errTooLarge
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return out, nil // what is cut off counts as far as it came
	}
	return nil, errCorrupt
}

func badNumber(reason string) error {
	return &elastic.Error{Status: 400, Type: "number_format_exception", Reason: reason}
}

// readChunks reads a body in chunks, and what comes after the last.
func readChunks(from *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		line, err := readLine(from, maxLine)
		if errors.Is(err, errTooLong) {
			err = tooLongLine()
		}
		if err != nil {
			return nil, err
		}
		n, err := chunkSize(line)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			trailer := &head{header: map[string][]string{}}
			return body, trailer.readFields(from)
		}
		if len(body)+n > MaxBody {
			return nil, errTooLarge
		}
		chunk, err := io.ReadAll(io.LimitReader(from, int64(n)))
		if err == nil && len(chunk) < n {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		body = append(body, chunk...)
		for c := byte(0); c != '\n'; { // whatever stands before the end of the line
			if c, err = from.ReadByte(); err != nil {
				return nil, err
			}
		}
	}
}

func chunkSize(line string) (int, error) {
	line = strings.TrimLeft(line, " \t")
	n, digits := int32(0), 0
	for _, c := range []byte(line) {
		if c == ';' || c <= ' ' || c == 0x7f {
			break
		}
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 {
			return 0, badNumber("Invalid character in chunk size")
		}
		digits++
		if n = n<<4 | int32(d); n < 0 {
			return 0, badNumber("Chunk size overflow: " + text(n))
		}
	}
	if digits == 0 {
		return 0, badNumber("")
	}
	return int(n), nil
}
