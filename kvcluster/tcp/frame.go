//determinism:realtime frames are read from connections with deadlines

package tcp

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/shardquake/shardquake/kvcluster/wire"
)

const (
	readBuffer = 64 << 10
	// keepBuffer is the largest buffer that is kept for the next frame.
	keepBuffer = 1 << 20
	// callHeader precedes a client's frame: the number of the call and its CRC-32C.
	callHeader = 8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendCall adds a call's number and its message.
func appendCall(buf []byte, call uint64, m wire.Message) ([]byte, error) {
	start := len(buf)
	buf = binary.LittleEndian.AppendUint64(buf, call)
	buf = binary.LittleEndian.AppendUint32(buf, crc32.Checksum(buf[start:], castagnoli))
	out, err := wire.Append(buf, m)
	if err != nil {
		return buf[:start], err
	}
	return out, nil
}

// frames reads messages from a connection.
type frames struct {
	r       *bufio.Reader
	conn    net.Conn // for deadlines; nil without
	timeout time.Duration
	buf     []byte
}

func newFrames(conn net.Conn, timeout time.Duration) *frames {
	return &frames{r: bufio.NewReaderSize(conn, readBuffer), conn: conn, timeout: timeout}
}

// next waits for a message, for as long as it likes, and reads it, within the timeout.
func (f *frames) next() (wire.Message, error) {
	if _, err := f.r.Peek(1); err != nil {
		return nil, err
	}
	if err := f.deadline(); err != nil {
		return nil, err
	}
	return f.read()
}

// nextCall is next on connections of clients.
func (f *frames) nextCall() (uint64, wire.Message, error) {
	if _, err := f.r.Peek(1); err != nil {
		return 0, nil, err
	}
	if err := f.deadline(); err != nil {
		return 0, nil, err
	}
	var head [callHeader]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, nil, err
	}
	if crc32.Checksum(head[:8], castagnoli) != binary.LittleEndian.Uint32(head[8:]) {
		return 0, nil, fmt.Errorf("number of a call: %w", wire.ErrChecksum)
	}
	m, err := f.read()
	return binary.LittleEndian.Uint64(head[:]), m, err
}

func (f *frames) deadline() error {
	if f.conn == nil {
		return nil
	}
	return f.conn.SetReadDeadline(time.Now().Add(f.timeout))
}

func (f *frames) read() (wire.Message, error) {
	head, err := f.r.Peek(4)
	if err != nil {
		return nil, err
	}
	size := int(binary.LittleEndian.Uint32(head))
	if size > wire.MaxFrame {
		return nil, fmt.Errorf("frame of %d bytes: %w", size, wire.ErrTooLarge)
	}
	if err := f.fill(4 + size); err != nil {
		return nil, err
	}
	m, _, err := wire.Decode(f.buf)
	if cap(f.buf) > keepBuffer {
		f.buf = nil
	}
	if err == nil && f.conn != nil {
		err = f.conn.SetReadDeadline(time.Time{})
	}
	return m, err
}

// fill reads n bytes into buf, which grows with what has come.
func (f *frames) fill(n int) error {
	f.buf = f.buf[:0]
	for len(f.buf) < n {
		step := min(n-len(f.buf), max(readBuffer, len(f.buf)))
		start := len(f.buf)
		if cap(f.buf)-start < step {
			f.buf = append(f.buf, make([]byte, step)...)
		}
		f.buf = f.buf[:start+step]
		if _, err := io.ReadFull(f.r, f.buf[start:]); err != nil {
			return err
		}
	}
	return nil
}
