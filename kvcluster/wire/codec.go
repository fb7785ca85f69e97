package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Version is the version of the protocol.
const Version = 5

// Limits of what a frame may contain.
const (
	MaxFrame   = 16 << 20 // bytes after the length
	MaxKey     = 4 << 10  // bytes
	MaxValue   = 4 << 20  // bytes
	MaxName    = 255      // bytes, of shards and nodes
	MaxOps     = 1024     // in one entry or request
	MaxEntries = 4096     // in one message
)

const headerSize = 4 + 4 + 1 + 1

// Errors of decoding, wrapped with the particulars.
var (
	// ErrShort means that the frame isn't complete yet: read on.
	ErrShort     = errors.New("wire: incomplete frame")
	ErrTooLarge  = errors.New("wire: beyond a limit")
	ErrChecksum  = errors.New("wire: wrong checksum")
	ErrVersion   = errors.New("wire: another version of the protocol")
	ErrKind      = errors.New("wire: unknown kind of message")
	ErrMalformed = errors.New("wire: malformed message")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append adds the frame of m to buf. It returns buf unchanged with an error when m
// exceeds a limit.
func Append(buf []byte, m Message) ([]byte, error) {
	start := len(buf)
	c := &coder{buf: append(buf, 0, 0, 0, 0, 0, 0, 0, 0, Version, byte(m.kind())), writing: true}
	m.code(c)
	size := len(c.buf) - start - 4
	if c.err == nil && size > MaxFrame {
		c.fail(ErrTooLarge, "frame of %d bytes", size)
	}
	if c.err != nil {
		return buf, c.err
	}
	frame := c.buf[start:]
	binary.LittleEndian.PutUint32(frame, uint32(size))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(frame[8:], castagnoli))
	return c.buf, nil
}

// Decode takes the first frame of buf and returns its message and the rest. What it
// returns shares no memory with buf. With ErrShort, more must be read first.
func Decode(buf []byte) (Message, []byte, error) {
	if len(buf) < 4 {
		return nil, buf, ErrShort
	}
	size := int64(binary.LittleEndian.Uint32(buf))
	if size > MaxFrame {
		return nil, buf, fmt.Errorf("frame of %d bytes: %w", size, ErrTooLarge)
	}
	if size < headerSize-4 {
		return nil, buf, fmt.Errorf("frame of %d bytes: %w", size, ErrMalformed)
	}
	if int64(len(buf)-4) < size {
		return nil, buf, ErrShort
	}
	frame, rest := buf[:4+size], buf[4+size:]
	if sum := crc32.Checksum(frame[8:], castagnoli); sum != binary.LittleEndian.Uint32(frame[4:]) {
		return nil, buf, ErrChecksum
	}
	if frame[8] != Version {
		return nil, buf, fmt.Errorf("version %d, mine is %d: %w", frame[8], Version, ErrVersion)
	}
	m := newMessage(Kind(frame[9]))
	if m == nil {
		return nil, buf, fmt.Errorf("kind %d: %w", frame[9], ErrKind)
	}
	c := &coder{buf: frame[headerSize:]}
	m.code(c)
	if c.err == nil && len(c.buf) > 0 {
		c.fail(ErrMalformed, "%d bytes too many", len(c.buf))
	}
	if c.err != nil {
		return nil, buf, fmt.Errorf("%v: %w", m.kind(), c.err)
	}
	return m, rest, nil
}

// coder writes or reads the fields of a message, so that one method describes both
// directions and they can't differ. When writing, buf grows; when reading, it
// shrinks. After the first error it does nothing.
type coder struct {
	buf     []byte
	writing bool
	err     error
}

func (c *coder) fail(kind error, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format+": %w", append(args, kind)...)
	}
}

func (c *coder) uint(v *uint64) {
	if c.err != nil {
		return
	}
	if c.writing {
		c.buf = binary.AppendUvarint(c.buf, *v)
		return
	}
	x, n := binary.Uvarint(c.buf)
	if n <= 0 || n > 1 && c.buf[n-1] == 0 { // too long, cut off, or not the shortest form
		c.fail(ErrMalformed, "bad integer")
		return
	}
	*v, c.buf = x, c.buf[n:]
}

// uints are several integers, one after the other.
func (c *coder) uints(vs ...*uint64) {
	for _, v := range vs {
		c.uint(v)
	}
}

// small is an integer that has to be below limit.
func (c *coder) small(v *uint8, limit uint8) {
	x := uint64(*v)
	c.uint(&x)
	if c.err == nil && x >= uint64(limit) {
		c.fail(ErrMalformed, "value %d, must be below %d", x, limit)
		return
	}
	*v = uint8(x)
}

func (c *coder) bool(v *bool) {
	var x uint8
	if *v {
		x = 1
	}
	c.small(&x, 2)
	*v = x == 1
}

// bools are several truth values, one after the other.
func (c *coder) bools(vs ...*bool) {
	for _, v := range vs {
		c.bool(v)
	}
}

func (c *coder) length(n, limit int) int {
	x := uint64(n)
	if c.writing && n > limit {
		c.fail(ErrTooLarge, "%d, at most %d", n, limit)
	}
	c.uint(&x)
	switch {
	case c.err != nil:
		return 0
	case x > uint64(limit):
		c.fail(ErrTooLarge, "%d, at most %d", x, limit)
		return 0
	case !c.writing && x > uint64(len(c.buf)): // every element takes a byte at least
		c.fail(ErrMalformed, "%d in the remaining %d bytes", x, len(c.buf))
		return 0
	}
	return int(x)
}

// bytes codes a byte slice; an empty one is read as nil.
func (c *coder) bytes(v *[]byte, limit int) {
	n := c.length(len(*v), limit)
	if c.err != nil {
		return
	}
	if c.writing {
		c.buf = append(c.buf, *v...)
		return
	}
	*v = nil
	if n > 0 {
		*v = append([]byte(nil), c.buf[:n]...)
	}
	c.buf = c.buf[n:]
}

func text[S ~string](c *coder, v *S, limit int) {
	n := c.length(len(*v), limit)
	if c.err != nil {
		return
	}
	if c.writing {
		c.buf = append(c.buf, *v...)
		return
	}
	*v, c.buf = S(c.buf[:n]), c.buf[n:]
}

// list codes a slice, element by element; an empty one is read as nil.
func list[T any](c *coder, v *[]T, limit int, element func(*T)) {
	n := c.length(len(*v), limit)
	if c.err != nil {
		return
	}
	if !c.writing {
		*v = nil
		if n > 0 {
			// Not all at once: the number is no more than a claim.
			*v = make([]T, 0, min(n, 64))
		}
		for range n {
			var x T
			element(&x)
			if c.err != nil {
				*v = nil
				return
			}
			*v = append(*v, x)
		}
		return
	}
	for i := range *v {
		element(&(*v)[i])
	}
}
