//determinism:realtime a goroutine writes to each connection

package tcp

import (
	"net"
	"sync"
	"time"
)

// outbox is what waits to be written to a connection, up to a limit. Frames that come
// while others are being written go out together.
type outbox struct {
	limit int
	wake  chan struct{} // holds one element while there is something to do

	mu      sync.Mutex
	pending []byte
	frames  int
	closed  bool
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1)}
}

// add appends a frame with encode. It returns ErrBusy when the frame doesn't fit any
// more, and what encode returns.
func (o *outbox) add(encode func(buf []byte) ([]byte, error)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return ErrClosed
	}
	if len(o.pending) >= o.limit {
		return ErrBusy
	}
	buf, err := encode(o.pending)
	if err != nil {
		return err
	}
	o.pending, o.frames = buf, o.frames+1
	o.signal()
	return nil
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take exchanges what is pending, and how many frames that are, for an empty buffer.
func (o *outbox) take(empty []byte) ([]byte, int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	full, frames := o.pending, o.frames
	if cap(empty) > keepBuffer {
		empty = nil
	}
	o.pending, o.frames = empty[:0], 0
	return full, frames
}

// drop throws away what is pending and returns how many frames that were.
func (o *outbox) drop() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.frames
	o.pending, o.frames = nil, 0
	return n
}

// close lets write end when everything pending is written.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.signal()
}

func (o *outbox) isClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// write writes what is added to a connection until close, an error, or until gone is
// closed.
func (o *outbox) write(conn net.Conn, timeout time.Duration, gone <-chan struct{}, sent func(frames, bytes int)) error {
	var buf []byte
	for {
		var frames int
		buf, frames = o.take(buf)
		if len(buf) == 0 {
			if o.isClosed() {
				return nil
			}
			select {
			case <-o.wake:
			case <-gone:
				return ErrClosed
			}
			continue
		}
		if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return err
		}
		if _, err := conn.Write(buf); err != nil {
			return err
		}
		sent(frames, len(buf))
	}
}
